// The hop table that users of mtr know, with the path drawn beside it and a heading for each AS.

import { dotted, el, replace, setText } from "./dom.js";
import { bare, lossClass, percent } from "./format.js";
import { hopStats } from "./model.js";
import { drawRail } from "./rail.js";
import { band } from "./spark.js";

const HEADS = ["Hop", "Host", "Loss", "Sent", "Last", "Mean", "Best", "Worst", "StDev", "Over time"];
const CONDITIONS = { rate_limited: "limits its answers", silent: "silent", lossy: "loss starts here or before" };

/** Draws a path; `onHop` is called with a TTL when its small chart is chosen. */
export class HopTable {
  constructor(onHop) {
    this.onHop = onHop;
    this.rail = el("div", { class: "rail" });
    this.body = el("tbody");
    this.table = el(
      "table",
      { class: "hops" },
      el("caption", { class: "hidden" }, "Hops from here to the destination; RTTs in milliseconds"),
      el("thead", {}, el("tr", {}, HEADS.map((head, number) => el("th", { scope: "col", class: `h-${number}` }, head)))),
      this.body,
    );
    this.element = el("div", { class: "path" }, this.rail, this.table);
    new ResizeObserver(() => this.redraw()).observe(this.table);
  }

  /** Show this path (of `buildPath`) with the figures of these spans. */
  show(path, spans, { here, label }) {
    this.path = path;
    this.label = label;
    const stats = hopStats(spans);
    this.places = [];
    const rows = [hereRow(here)];
    for (const group of path.groups) {
      rows.push(groupRow(group));
      for (const index of group.rows) rows.push(...this.hopRows(path.rows[index], index, stats, spans));
    }
    replace(this.body, rows);
    this.rows = rows;
    this.redraw();
  }

  hopRows(row, index, stats, spans) {
    const sum = stats.get(row.ttl);
    const nodes = row.nodes.length ? row.nodes : [null];
    this.places[index] = [];
    return nodes.map((node, number) => {
      const first = number === 0;
      const last = node?.rtt_seconds.at(-1) ?? null;
      const cells = [el("th", { scope: "row", class: "h-0" }, first ? row.ttl : ""), hostCell(row, node, this.path.traced)];
      if (first) cells.push(lossCell(row, sum), figure(sum?.sent ?? row.sent, "h-3"));
      else cells.push(el("td", { class: "h-2" }), el("td", { class: "h-3" }));
      cells.push(figure(last === null ? "" : bare(last), "h-4 last"));
      for (const [number_, key] of [[5, "mean"], [6, "best"], [7, "worst"], [8, "stddev"]]) {
        cells.push(figure(first && sum ? bare(sum[key]) : "", `h-${number_}`));
      }
      cells.push(el("td", { class: "h-9" }, first && sum?.answered ? this.chart(row, spans) : null));
      const classes = ["hop", node ? (node.heard ? "" : "unheard") : "silent", node?.end ? "end" : ""];
      const line = el("tr", { class: classes.filter(Boolean).join(" "), "data-ttl": row.ttl, "data-address": node?.address ?? "" }, cells);
      this.places[index].push(line);
      return line;
    });
  }

  chart(row, spans) {
    return el("button", { type: "button", class: "mini", title: `RTT of hop ${row.ttl} over time`, "aria-label": `Show the RTT of hop ${row.ttl} over time`, click: () => this.onHop(row.ttl) }, band(spans, row.ttl));
  }

  /** The drawing follows the rows, wherever the browser has put them. */
  redraw() {
    if (!this.path) return;
    drawRail(this.rail, this.path, this.places, this.rows[0], this.table, this.label);
  }

  /** An answer came in a trace that runs: show it at its hop, if that is here. */
  flash(ttl, address, rtt) {
    for (const line of this.body.querySelectorAll("tr.hop")) {
      if (Number(line.dataset.ttl) !== ttl || (line.dataset.address && line.dataset.address !== address)) continue;
      setText(line.querySelector(".last"), bare(rtt));
      line.classList.remove("fresh");
      void line.offsetWidth;
      line.classList.add("fresh");
    }
  }
}

function hereRow(words) {
  return el("tr", { class: "here" }, el("th", { scope: "row", class: "h-0" }), el("td", { colspan: HEADS.length - 1 }, words));
}

function groupRow(group) {
  const [name, ...more] = (group.host?.as_name || "").split(" - ");
  const rest = [more.join(" - "), group.host?.country].filter(Boolean).join(", ");
  const words = group.asn !== null ? [el("b", {}, `AS${group.asn}`), ` ${name}`, el("span", { class: "quiet" }, rest ? ` ${rest}` : "")] : [NO_AS[group.key] ?? "no answer"];
  return el("tr", { class: "group" }, el("th", { scope: "rowgroup", colspan: HEADS.length }, words));
}

const NO_AS = { private: "Private addresses", none: "No origin AS known" };

function hostCell(row, node, traced) {
  if (!node) return el("td", { class: "h-1" }, el("span", { class: "name quiet" }, "no answer"), el("span", { class: "address" }, "silent hop"));
  const badges = [];
  for (const entry of node.mpls) badges.push(el("span", { class: "badge mpls", title: `MPLS label ${entry.label}, traffic class ${entry.exp}, TTL ${entry.ttl}` }, `MPLS ${entry.label}`));
  if (row.balancing === "per_packet" || row.balancing === "per_flow") badges.push(el("span", { class: "badge" }, row.balancing === "per_flow" ? "balanced by flow" : "balanced by packet"));
  if (node.asymmetry) badges.push(el("span", { class: "badge back", title: `The way back from here takes ${node.return_hops} hops, the way there ${row.ttl}` }, `↩ ${Math.abs(node.asymmetry)} ${node.asymmetry > 0 ? "longer" : "shorter"}`));
  if (node.kind === "unreachable") badges.push(el("span", { class: "badge bad" }, "says unreachable"));
  if (node.translated) badges.push(el("span", { class: "badge" }, "translated"));
  if (!node.heard && traced) badges.push(el("span", { class: "badge" }, "known, not heard now"));
  const name = node.host.hostname;
  return el(
    "td",
    { class: "h-1" },
    el("span", { class: "name", title: name ?? node.address }, dotted(name ?? node.address)),
    el("span", { class: "address" }, name ? el("span", { class: "number" }, node.address) : null, badges),
  );
}

function lossCell(row, sum) {
  const loss = sum?.loss ?? (row.sent ? row.lost / row.sent : null);
  const own = row.forward ?? (row.end ? loss : null);
  const note = row.condition && row.condition !== "clear" ? CONDITIONS[row.condition] : null;
  const quiet = row.condition === "rate_limited" || row.condition === "silent" || own === null;
  return el(
    "td",
    { class: "h-2", title: note },
    el("span", { class: `figure ${quiet ? "quiet" : lossClass(own)}` }, percent(loss)),
    row.condition === "rate_limited" ? el("span", { class: "note" }, "limited") : null,
  );
}

function figure(text, name) {
  return el("td", { class: `${name} number` }, text);
}
