// The page of all targets: fetched once, then kept up to date by events.

import { get } from "./api.js";
import { button, el, replace, setText } from "./dom.js";
import { ago } from "./format.js";
import { Live } from "./live.js";
import { arrange, COLUMNS, makeRow, rowsOf } from "./rows.js";
import { VirtualRows } from "./virtual.js";

const CHIPS = [["", "all"], ["trouble", "in trouble"], ["down", "not reached"], ["error", "failed here"], ["lossy", "with loss"]];
const REFRESH = 1000;

const app = document.getElementById("app");
const view = { words: "", state: "", column: "state", descending: false };
let rows = new Map();
let timer = 0;
let late = null;

const filter = el("input", { type: "search", id: "filter", placeholder: "name, address, AS, label, state…", autocomplete: "off", spellcheck: "false", input: onFilter });
const chips = el("div", { class: "chips", role: "group", "aria-label": "Show only" });
const count = el("p", { class: "count", role: "status" });
const heads = el("tr", { role: "row", "aria-rowindex": 1 });
const body = el("tbody", { role: "rowgroup" });
const table = el("table", { role: "table", class: "targets", "aria-label": "Targets" }, el("thead", { role: "rowgroup" }, heads), body);
const list = new VirtualRows(table, body, COLUMNS.length);

function onFilter() {
  view.words = filter.value;
  remember();
  show();
}

/** The filter and the order are in the address, so that they survive a reload and can be sent on. */
function remember() {
  const query = new URLSearchParams();
  if (view.words) query.set("q", view.words);
  if (view.state) query.set("state", view.state);
  if (view.column !== "state" || view.descending) query.set("sort", (view.descending ? "-" : "") + view.column);
  const text = query.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
}

function recall() {
  const query = new URLSearchParams(location.search);
  const sort = query.get("sort") || "state";
  const column = sort.replace(/^-/, "");
  filter.value = view.words = query.get("q") || "";
  if (CHIPS.some(([state]) => state === query.get("state"))) view.state = query.get("state");
  if (COLUMNS.some(([key]) => key === column)) {
    view.column = column;
    view.descending = sort.startsWith("-");
  }
}

function sortBy(column) {
  view.descending = view.column === column && !view.descending;
  view.column = column;
  remember();
  drawHeads();
  show();
}

function drawHeads() {
  COLUMNS.forEach(([key, label, name], number) => {
    const sorted = view.column === key ? (view.descending ? "descending" : "ascending") : "none";
    const head = heads.children[number] ?? heads.appendChild(el("th", { scope: "col", role: "columnheader", class: name }, button(label, () => sortBy(key))));
    head.setAttribute("aria-sort", sorted);
  });
}

function drawChips() {
  const tally = {};
  for (const row of rows.values()) tally[row.state] = (tally[row.state] || 0) + 1;
  const numbers = { "": rows.size, trouble: (tally.error || 0) + (tally.down || 0) + (tally.lossy || 0), ...tally };
  CHIPS.forEach(([state, label], number) => {
    const chip = chips.children[number] ?? chips.appendChild(button("", () => choose(state), { class: `chip is-${state || "all"}` }));
    chip.setAttribute("aria-pressed", String(view.state === state));
    setText(chip, `${numbers[state] || 0} ${label}`);
  });
}

function choose(state) {
  view.state = view.state === state ? "" : state;
  remember();
  show();
}

function show() {
  const found = arrange([...rows.values()], view);
  drawChips();
  setText(count, found.length === rows.size ? "" : `${found.length} of ${rows.size}`);
  list.show(found);
}

function soon() {
  timer ||= setTimeout(() => {
    timer = 0;
    show();
  }, REFRESH);
}

/** What comes while the whole is read is newer than the whole. */
function onState(event) {
  if (late) return void late.push(event);
  const waiting = rows.get(` ${event.target}`);
  const former = rows.get(`${event.family} ${event.target}`) ?? waiting ?? [...rows.values()].find((row) => row.name === event.target);
  if (!former) return void load();
  if (waiting) rows.delete(waiting.key);
  const row = makeRow(former.target, event);
  rows.set(row.key, row);
  soon();
}

async function load() {
  late ??= [];
  try {
    const found = await get("api/v1/targets?recent=1");
    rows = new Map(rowsOf(found.targets).map((row) => [row.key, row]));
    if (!table.isConnected) replace(app, toolbar(), table);
    const events = late ?? [];
    late = null;
    events.forEach(onState);
    show();
  } catch (error) {
    late = null;
    replace(app, el("p", { class: "failure", role: "alert" }, `The targets cannot be read: ${error.message}.`), button("Try again", load));
  }
}

function toolbar() {
  return el("div", { class: "toolbar" }, el("label", { for: "filter", class: "label" }, "Filter"), filter, el("kbd", { title: "Press / to filter" }, "/"), chips, count);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== filter && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    filter.focus();
  } else if (event.key === "Escape" && document.activeElement === filter) {
    filter.value = "";
    onFilter();
  } else if (event.key === "ArrowDown" && document.activeElement === filter) {
    event.preventDefault();
    list.focus(0);
  }
});

setInterval(() => {
  for (const each of document.querySelectorAll(".c-change time")) setText(each, ago(each.dateTime));
}, 10000);

recall();
drawHeads();
const live = new Live("event=state", { state: onState, gap: load });
await live.ready;
await load();
