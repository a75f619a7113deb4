// The page of one target: its path, its RTT over time and its history, live or at a moment.

import { get, quoted } from "./api.js";
import { Changes } from "./changes.js";
import { el, replace, setText } from "./dom.js";
import { facts, subtitle } from "./facts.js";
import { ago, clock, counted } from "./format.js";
import { HopTable } from "./hops.js";
import { Live } from "./live.js";
import { buildPath } from "./model.js";
import { atMoment, spanAt } from "./moment.js";
import { ofDestination, ofHop } from "./points.js";
import { Smoke } from "./smoke.js";
import { Toolbar } from "./toolbar.js";

const NAME = document.body.dataset.target;
const QUERY = `target=${quoted(NAME)}`;
const TOGETHER = 80;

const app = document.getElementById("app");
const page = { target: null, history: [], incidents: [], family: location.hash.slice(1), hop: null, ...asked(), path: null, spans: [], names: {} };
let timer = 0;
let loading = false;
let again = false;

const line = el("p", { class: "subtitle" });
const tabs = el("div", { class: "tabs", role: "group", "aria-label": "Address family" });
const banner = el("div", { class: "banner", role: "status", hidden: true });
const top = el("div", { class: "top" });
const table = new HopTable((ttl) => chooseHop(ttl));
const smoke = new Smoke((date) => goTo(date));
const changes = new Changes((date) => goTo(date));
const since = el("span", { class: "since" });
const pick = el("select", { id: "hop", change: () => chooseHop(pick.value ? Number(pick.value) : null, false) });
const chartTitle = el("h2", { id: "rtt" }, "RTT over time");
const toolbar = new Toolbar(NAME, () => ({ ...page, family: current() }));

/** The moment that the address asks for, or what it says that is none. */
function asked() {
  const text = new URLSearchParams(location.search).get("at");
  const moment = text === null ? NaN : Date.parse(text);
  return Number.isNaN(moment) ? { at: null, noMoment: text } : { at: moment, noMoment: null };
}

function current() {
  const families = page.target.families;
  return families.find((each) => each.family === page.family) ?? families[0] ?? null;
}

function build() {
  replace(
    app,
    line, tabs, top, toolbar.element, banner,
    el("section", { "aria-labelledby": "path" }, el("h2", { id: "path" }, "Path ", since), table.element, legend()),
    el("section", { "aria-labelledby": "rtt" }, el("div", { class: "heading" }, chartTitle, el("label", { for: "hop" }, "of "), pick), smoke.element),
    el("section", { "aria-labelledby": "history" }, el("h2", { id: "history" }, "History of paths"), changes.element),
  );
}

function show() {
  const family = current();
  replace(line, subtitle(page.target, family));
  drawTabs();
  if (!family) return void replace(top, el("p", {}, "No trace has ended yet."));
  const past = page.history.find((each) => each.family === family.family) ?? { cycles: [], spans: [] };
  const kept = page.incidents.filter((each) => each.family === family.family);
  const moment = page.at === null ? null : atMoment(page.at, family, past.cycles, kept, page.target.interval_seconds);
  replace(top, facts(page.target, family));
  showBanner(moment);
  page.spans = moment ? spanAt(past.spans, page.at) : spansOfPath(past.spans, family.changes);
  setText(since, page.spans.length ? `figures ${moment ? "from" : "since"} ${clock(page.spans[0].from)}${moment ? ` to ${clock(page.spans[0].to)}` : ""}` : "");
  page.path = moment ? buildPath(moment.trace, moment.known) : buildPath(family.trace, family);
  const words = `Path to ${NAME} over ${family.family}: ${counted(page.path.rows.length, "hop")}; the table has the details`;
  table.show(page.path, page.spans, { here: "This host", label: words });
  drawChart(family, past);
  changes.show(family, kept, namesOf(family, kept));
}

function showBanner(moment) {
  const back = () => el("button", { type: "button", click: () => goTo(null) }, "Back to now");
  if (moment) replace(banner, [el("strong", {}, clock(page.at)), ` ${moment.words}. `, back()]);
  else if (page.noMoment !== null) replace(banner, [`“${page.noMoment}” in the address is no moment, as 2026-01-31T12:00:00Z is; this is now. `, back()]);
  banner.hidden = !moment && page.noMoment === null;
}

/** What was summed since the path is the one it is: another path's figures say nothing of it. */
function spansOfPath(spans, changes) {
  const changed = Date.parse(changes.find((change) => change.differences.length)?.at ?? 0) || 0;
  const found = spans.filter((each) => Date.parse(each.from) > changed);
  return found.length ? found : spans.slice(-1);
}

function drawChart(family, past) {
  const interval = page.target.interval_seconds;
  const points = page.hop === null ? ofDestination(past.cycles, interval) : ofHop(past.spans, page.hop, interval);
  const marks = family.changes.map((change) => ({ at: Date.parse(change.at), kind: "change", words: change.words }));
  smoke.show(points, marks, page.at);
  const ttls = page.path.rows.map((row) => row.ttl);
  const options = [["", "the destination"], ...ttls.map((ttl) => [ttl, `hop ${ttl}`])];
  if (pick.children.length !== options.length) replace(pick, options.map(([value, words]) => el("option", { value }, words)));
  pick.value = page.hop === null ? "" : String(page.hop);
}

function drawTabs() {
  const families = page.target.families;
  tabs.hidden = families.length < 2;
  families.forEach((each, number) => {
    const tab = tabs.children[number] ?? tabs.appendChild(el("button", { type: "button", click: () => chooseFamily(each.family) }));
    setText(tab, each.family.replace("ipv", "IPv"));
    tab.setAttribute("aria-pressed", String(each === current()));
  });
}

function chooseFamily(family) {
  page.family = family;
  page.hop = null;
  history.replaceState(null, "", `${location.pathname}${location.search}#${family}`);
  show();
}

function chooseHop(ttl, scroll = true) {
  page.hop = ttl;
  show();
  if (scroll) chartTitle.scrollIntoView({ block: "nearest" });
}

/** A moment has an address of its own; null is now. */
function goTo(date) {
  page.at = date === null ? null : date.getTime();
  page.noMoment = null;
  const query = date === null ? "" : `?at=${date.toISOString()}`;
  history.pushState(null, "", `${location.pathname}${query}${location.hash}`);
  show();
}

/** Every name that was ever here: those of former paths too. */
function namesOf(family, incidents) {
  for (const each of incidents) for (const hop of each.trace.hops) for (const host of hop.responders) page.names[host.address] ??= host;
  return Object.assign(page.names, family.hosts);
}

function legend() {
  const entry = (name, words) => el("li", {}, el("span", { class: `swatch ${name}`, "aria-hidden": "true" }), words);
  return el("ul", { class: "legend", "aria-label": "Legend" }, entry("loss-0", "no loss"), entry("loss-1", "up to 5 %"), entry("loss-2", "20 %"), entry("loss-3", "50 %"), entry("loss-4", "more"), entry("wide", "wider: the link adds more delay"), entry("silent", "silent hop"), entry("guess", "not seen by this trace"), entry("mpls", "label-switched (MPLS)"));
}

/** Read everything anew; what comes in quick succession is read once, and never twice at a time. */
function soon() {
  timer ||= setTimeout(() => {
    timer = 0;
    load();
  }, TOGETHER);
}

async function load() {
  if (loading) return void (again = true);
  loading = true;
  try {
    const after = page.history[0]?.cycles.at(-2)?.at;
    const [target, past, kept] = await Promise.all([get(`api/v1/targets/${quoted(NAME)}`), get(`api/v1/history?${QUERY}${after ? `&after=${quoted(after)}` : ""}`), get(`api/v1/incidents?${QUERY}&limit=100`)]);
    page.target = target;
    page.incidents = kept.incidents;
    page.history = past.families.map((family) => merged(page.history.find((each) => each.family === family.family), family));
    if (!table.element.isConnected) build();
    show();
  } catch (error) {
    replace(banner, `This target cannot be read: ${error.message}.`);
    banner.hidden = false;
    if (!banner.isConnected) replace(app, banner);
  }
  loading = false;
  if (again) soon();
  again = false;
}

/** The cycles that were there, but for those that come again, and the new ones. */
function merged(former, latest) {
  const [first] = latest.cycles;
  const kept = (former?.cycles ?? []).filter((each) => !first || each.at < first.at);
  return { ...latest, cycles: [...kept, ...latest.cycles].slice(-360) };
}

function onHop(event) {
  if (page.target && event.family === current()?.family && page.at === null) table.flash(event.ttl, event.responder.address, event.responder.rtt_seconds[0]);
  toolbar.heard(event);
}

setInterval(() => {
  for (const each of app.querySelectorAll(".events > li > time, .facts time")) if (!each.textContent.includes(":")) setText(each, ago(each.dateTime));
}, 10000);
addEventListener("popstate", () => {
  Object.assign(page, asked());
  if (page.target) show();
});

const live = new Live(`${QUERY}&event=hop&event=change&event=state&event=trace`, { hop: onHop, change: soon, state: soon, trace: (event) => toolbar.ended(event), gap: soon });
await live.ready;
await load();
