// The history of paths: each change in words, what differs between any two, and what was kept.

import { button, el, replace, time } from "./dom.js";
import { ago, clock, origin } from "./format.js";

/** Every path that is known, newest first: the one of now, and each that a change ended. */
export function pathVersions(family) {
  const versions = [];
  const now = { path: family.path, asPath: family.as_path, first: family.first_ttl, since: null };
  let current = now;
  for (const change of family.changes) {
    current.since = change.at;
    versions.push(current);
    current = { path: change.old_path, asPath: change.old_as_path, first: change.first_ttl, since: null };
  }
  versions.push(current);
  return versions;
}

/** The path at a moment, and since when. */
export function versionAt(family, moment) {
  return pathVersions(family).find((version) => version.since === null || Date.parse(version.since) <= moment);
}

/** TTL by TTL what two paths have, and whether that differs. */
export function compare(older, newer) {
  const first = Math.min(older.first ?? 1, newer.first ?? 1);
  const last = Math.max((older.first ?? 1) + older.path.length, (newer.first ?? 1) + newer.path.length);
  return Array.from({ length: last - first }, (_, number) => {
    const ttl = first + number;
    const a = older.path[ttl - (older.first ?? 1)];
    const b = newer.path[ttl - (newer.first ?? 1)];
    return { ttl, a, b, differs: a !== b && a !== null && b !== null };
  });
}

/** The section; `onMoment` is called with the time of what is chosen. */
export class Changes {
  constructor(onMoment) {
    this.onMoment = onMoment;
    this.list = el("ol", { class: "events" });
    this.older = el("select", { id: "older", change: () => this.drawDiff() });
    this.newer = el("select", { id: "newer", change: () => this.drawDiff() });
    this.diff = el("div", { class: "scroll", "aria-live": "polite" });
    this.choice = el("p", { class: "choice" }, el("label", { for: "older" }, "Compare "), this.older, el("label", { for: "newer" }, " with "), this.newer);
    this.element = el("div", {}, this.list, this.choice, this.diff);
  }

  show(family, incidents, hosts) {
    this.hosts = hosts;
    const events = [
      ...family.changes.map((change) => ({ at: change.at, kind: "change", word: "path changed", words: change.words })),
      ...incidents.filter((each) => each.reason !== "changed").map((each) => ({ at: each.at, kind: each.reason, word: REASONS[each.reason] ?? each.reason.replaceAll("_", " "), words: "trace kept" })),
    ].sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
    replace(this.list, events.length ? events.map((event) => this.line(event)) : el("li", { class: "quiet" }, "No change and no incident yet."));
    const versions = pathVersions(family);
    if (JSON.stringify(versions) !== JSON.stringify(this.versions)) {
      this.versions = versions;
      fill(this.older, versions, 1);
      fill(this.newer, versions, 0);
    }
    this.choice.hidden = versions.length < 2;
    this.drawDiff();
  }

  line(event) {
    return el(
      "li",
      { class: `event is-${event.kind}` },
      button(clock(event.at), () => this.onMoment(new Date(event.at)), { class: "link", title: "Show this moment" }),
      el("b", {}, event.word),
      el("span", { class: "words" }, event.words),
      time(event.at, ago(event.at)),
    );
  }

  drawDiff() {
    if (this.versions.length < 2) return void replace(this.diff);
    const [older, newer] = [this.versions[this.older.value], this.versions[this.newer.value]];
    const rows = compare(older, newer);
    const count = rows.filter((row) => row.differs).length;
    const cell = (address) => el("td", {}, address === undefined ? "–" : address === null ? el("span", { class: "quiet" }, "no answer") : [address, el("span", { class: "quiet" }, ` ${[this.hosts[address]?.hostname, origin(this.hosts[address])].filter(Boolean).join(" · ")}`)]);
    replace(
      this.diff,
      el(
        "table",
        { class: "diff" },
        el("caption", {}, count ? `${count} hop${count === 1 ? " differs" : "s differ"}` : "These paths are the same"),
        el("thead", {}, el("tr", {}, ["Hop", name(older), name(newer)].map((head) => el("th", { scope: "col" }, head)))),
        el("tbody", {}, rows.map((row) => el("tr", { class: row.differs ? "differs" : null }, el("th", { scope: "row" }, row.ttl, row.differs ? el("span", { class: "sign" }, " ≠") : null), cell(row.a), cell(row.b)))),
      ),
    );
  }
}

const REASONS = { outage: "outage", recovered: "recovered", loss: "loss", new_address: "another router answered", new_length: "another length", destination_silent: "destination silent" };

function name(version) {
  return version.since ? `since ${clock(version.since)}` : "known first";
}

function fill(select, versions, chosen) {
  replace(select, versions.map((version, number) => el("option", { value: number, selected: number === chosen }, number === 0 ? `the path now (${name(version)})` : `the path ${name(version)}`)));
}
