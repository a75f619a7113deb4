// The top of a target's page: how it is, in figures and words.

import { el, marked, time } from "./dom.js";
import { ago, clock, lossClass, ms, percent, STATES, stateOf } from "./format.js";

/** State, figures, and what failed with what to do about it. */
export function facts(target, family, sign = STATES[stateOf(family)]) {
  const state = stateOf(family);
  const mtu = family.mtu;
  return [
    el(
      "div",
      { class: `verdict is-${state}` },
      el("span", { class: "sign", "aria-hidden": "true" }, sign.sign),
      el("strong", {}, sign.word),
      family.outcome && state !== "ok" && state !== "lossy" ? el("span", { class: "outcome" }, family.outcome) : null,
      family.outage ? el("span", { class: "outcome" }, "an outage, confirmed") : null,
      family.remedy ? el("span", { class: "remedy" }, "What helps: ", marked(family.remedy)) : null,
    ),
    el(
      "dl",
      { class: "facts" },
      fact("RTT", ms(family.rtt_seconds) || "–"),
      fact("Loss", el("span", { class: lossClass(family.loss_ratio) }, percent(family.loss_ratio) || "–")),
      fact("Hops", family.hops || "–"),
      fact("Branches", family.branches ?? "–"),
      mtu ? fact("Path MTU", `${mtu.bytes} B${limit(mtu)}`) : null,
      fact("AS path", family.as_path.join(" › ") || "–"),
      fact("Last change", family.last_change_at ? time(family.last_change_at, ago(family.last_change_at)) : "none seen"),
      fact("Last trace", family.last_trace_at ? time(family.last_trace_at, clock(family.last_trace_at)) : "–"),
    ),
  ];
}

/** The line under the title: where to, how, how often. */
export function subtitle(target, family) {
  const to = [target.host, family?.address].filter((each, number, all) => each && all.indexOf(each) === number).join(" · ");
  const how = family ? ` by ${family.protocol}${family.backend ? ` through ${family.backend}` : ""}` : "";
  const labels = Object.entries(target.labels).map(([name, value]) => el("span", { class: "badge" }, `${name}=${value}`));
  return [`${to}${how}, every ${target.interval_seconds} s `, labels];
}

function limit(mtu) {
  if (mtu.limited_by) return `, says ${mtu.limited_by}`;
  return mtu.black_hole ? ", black hole" : "";
}

function fact(name, ...value) {
  return el("div", {}, el("dt", {}, name), el("dd", {}, ...value));
}
