// The rows of the table of all targets: what each shows, how they are found and ordered.

import { quoted, ROOT } from "./api.js";
import { el, marked, time } from "./dom.js";
import { ago, clock, lossClass, ms, percent, STATES, stateOf } from "./format.js";
import { sparkline } from "./spark.js";

/** The columns: key, heading, class, and what to sort by (the smallest first). */
export const COLUMNS = [
  ["state", "State", "c-state", (row) => STATES[row.state].rank],
  ["name", "Target", "c-name", (row) => row.name],
  ["rtt", "RTT", "c-rtt", (row) => row.family.rtt_seconds],
  ["loss", "Loss", "c-loss", (row) => (row.family.loss_ratio === null ? null : -row.family.loss_ratio)],
  ["hops", "Hops", "c-hops", (row) => row.family.hops],
  ["as", "AS path", "c-as", (row) => row.asPath || null],
  ["change", "Last change", "c-change", (row) => (row.family.last_change_at ? -Date.parse(row.family.last_change_at) : null)],
];

const NOTHING = { family: "", address: null, last_trace_at: null, reached: null, errors: [], as_path: [], loss_ratio: null, rtt_seconds: null, hops: null, last_change_at: null, outcome: null, remedy: null };

/** One row for each family of each target. */
export function rowsOf(targets) {
  return targets.flatMap((target) =>
    (target.families.length ? target.families : [NOTHING]).map((family) => makeRow(target, family)),
  );
}

/** A target over one family, with what it is found by. */
export function makeRow(target, family) {
  const labels = Object.entries(target.labels).map(([name, value]) => `${name}=${value}`);
  const asPath = family.as_path.join(" ");
  const state = stateOf(family);
  const words = [target.name, target.host, family.family, family.address, family.outcome, STATES[state].word, ...labels, ...family.as_path.map((asn) => `as${asn}`)];
  return {
    key: `${family.family} ${target.name}`, name: target.name, host: target.host, labels, target, family, asPath, state,
    haystack: words.filter(Boolean).join("\n").toLowerCase(),
  };
}

/** Rows that have every word, in the order of a column; equal ones by name. */
export function arrange(rows, { words, state, column, descending }) {
  const needles = words.toLowerCase().split(/\s+/).filter(Boolean);
  const found = rows.filter(
    (row) => (!state || (state === "trouble" ? STATES[row.state].rank < 3 : row.state === state)) &&
      needles.every((needle) => row.haystack.includes(needle)),
  );
  const by = COLUMNS.find(([key]) => key === column)[3];
  const sign = descending ? -1 : 1;
  const keyed = found.map((row) => [by(row), row]);
  keyed.sort(([a, one], [b, other]) => {
    if (a === null || b === null) return (a === null) - (b === null) || order(one.name, other.name);
    return sign * order(a, b) || order(one.name, other.name);
  });
  return keyed.map(([, row]) => row);
}

const collator = new Intl.Collator(undefined, { numeric: true });

function order(a, b) {
  return typeof a === "string" ? collator.compare(a, b) : a - b;
}

/** The elements of a row. */
export function drawRow(row, number) {
  const { family, state } = row;
  const cell = (name, ...children) => el("td", { role: "cell", class: name }, ...children);
  const told = family.outcome && state !== "ok" && state !== "lossy" ? family.outcome : "";
  return el(
    "tr",
    { role: "row", class: `row is-${state}`, "aria-rowindex": number + 2 },
    cell("c-state", el("span", { class: "sign", "aria-hidden": "true" }, STATES[state].sign), el("span", { class: "word" }, STATES[state].word)),
    cell(
      "c-name",
      el("span", { class: "line" }, el("a", { href: `${ROOT}targets/${quoted(row.name)}${family.family ? `#${family.family}` : ""}`, class: "name" }, row.name), family.family ? el("span", { class: "badge" }, family.family.replace("ipv", "v")) : null),
      el("span", { class: "host", title: row.labels.join(", ") || null }, hostLine(row)),
    ),
    told
      ? cell("c-told", el("span", { class: "outcome", title: told }, told), el("span", { class: "remedy", title: family.remedy || null }, marked(family.remedy || "")))
      : cell("c-rtt", sparkline(family.recent_rtt_seconds || []), el("span", { class: "figure" }, ms(family.rtt_seconds))),
    cell("c-loss", el("span", { class: `figure ${lossClass(family.loss_ratio)}` }, percent(family.loss_ratio))),
    cell("c-hops", family.hops || ""),
    cell("c-as", el("span", { title: row.asPath || null }, row.asPath.replaceAll(" ", " › "))),
    cell("c-change", family.last_change_at ? time(family.last_change_at, ago(family.last_change_at)) : state === "waiting" ? "" : el("span", { class: "quiet" }, "none seen")),
  );
}

function hostLine({ host, name, family, labels }) {
  const parts = [host === name ? null : host, family.address === host ? null : family.address];
  const words = parts.filter(Boolean).join(" · ") || family.family;
  return labels.length ? `${words} · ${labels.join(" ")}` : words;
}

/** How a row is said in short, for the summary of the page. */
export function lastTrace(rows) {
  const times = rows.map((row) => row.family.last_trace_at).filter(Boolean).sort();
  return times.length ? clock(times.at(-1)) : "";
}
