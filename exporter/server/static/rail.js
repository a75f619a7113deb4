// The path as a graph beside its table: nodes at the heights of their rows, branches side by side.

import { replace, svg } from "./dom.js";
import { lossClass } from "./format.js";
import { meanRtt } from "./model.js";

const LANE = 22;
const EDGE = 22;
const RADIUS = 6;

/** Draw into `box`; `places[row][node]` is the table row of a node, `here` that of this host. */
export function drawRail(box, path, places, here, table, label) {
  const lanes = Math.max(1, ...path.rows.map((row) => row.nodes.length));
  const width = 2 * EDGE + (lanes - 1) * LANE;
  const top = table.getBoundingClientRect().top;
  const middle = (line) => {
    const rect = line.getBoundingClientRect();
    return rect.top - top + rect.height / 2;
  };
  const at = ([row, node]) => [EDGE + node * LANE, middle(places[row][node])];
  const height = table.offsetHeight;
  box.parentNode.style.setProperty("--rail", `${width}px`);
  const start = [EDGE, middle(here)];
  const parts = [...mplsBands(path, at), ...edges(path, at, start), ...nodes(path, at), svg("rect", { class: "node-here", x: start[0] - 6, y: start[1] - 6, width: 12, height: 12, rx: 3 })];
  replace(box, svg("svg", { class: "graph", role: "img", "aria-label": label, width, height, viewBox: `0 0 ${width} ${height}` }, parts));
}

function edges(path, at, start) {
  if (!path.rows.length) return [];
  const first = path.rows[0].nodes.length || 1;
  const drawn = Array.from({ length: first }, (_, node) => edge(start, at([0, node]), path.rows[0], null, path.rows[0].nodes[node]?.heard));
  // Edges that were not seen lie below those that were.
  const sorted = [...path.edges].sort((a, b) => a.sure - b.sure);
  return [...drawn, ...sorted.map(({ from, to, sure }) => edge(at(from), at(to), path.rows[to[0]], path.rows[from[0]], sure))];
}

/** Thicker where a link adds more delay, coloured by the loss on the way to its far end. */
function edge([x1, y1], [x2, y2], far, near, sure) {
  const bend = (y2 - y1) / 2;
  const d = x1 === x2 ? `M${x1} ${y1}V${y2}` : `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}`;
  const rtt = meanRtt(far);
  const before = near ? meanRtt(near) : 0;
  const added = rtt === null || before === null ? 0 : Math.max(0, rtt - before) * 1000;
  const loss = far.forward ?? (far.nodes.length ? 0 : null);
  return svg("path", { class: `edge ${lossClass(loss)} ${sure ? "" : "guess"}`, d, "stroke-width": (2 + Math.min(7, 1.6 * Math.log2(1 + added / 2))).toFixed(1) });
}

function nodes(path, at) {
  return path.rows.flatMap((row, index) => {
    if (!row.nodes.length) {
      const [x, y] = at([index, 0]);
      return [svg("circle", { class: "node silent", cx: x, cy: y, r: RADIUS - 1 })];
    }
    return row.nodes.flatMap((node, number) => {
      const [x, y] = at([index, number]);
      const kind = node.heard ? (node.kind === "unreachable" ? "refusing" : "heard") : "unheard";
      const loss = node.heard ? lossClass(row.forward ?? 0) : "loss-none";
      const circle = svg("circle", { class: `node ${kind} ${loss}`, cx: x, cy: y, r: RADIUS });
      if (node.end) return [svg("circle", { class: "node-end", cx: x, cy: y, r: RADIUS + 4 }), circle];
      return node.asymmetry ? [circle, back(x, y)] : [circle];
    });
  });
}

/** A small arrow that turns: the way back from here has another length. */
function back(x, y) {
  return svg("path", { class: "node-back", d: `M${x - 10} ${y + 5}a9 9 0 0 1 0 -10m-2.5 1 2.5 -1.5 1.6 2.6` });
}

/** A band behind hops that told their labels: the segment that is switched by labels. */
function mplsBands(path, at) {
  const bands = [];
  let begin = null;
  const labelled = (row) => row && row.nodes.some((node) => node.mpls.length);
  path.rows.forEach((row, index) => {
    if (!labelled(row)) return;
    begin ??= index;
    if (labelled(path.rows[index + 1])) return;
    const last = Math.max(0, row.nodes.length - 1);
    const lanes = Math.max(...path.rows.slice(begin, index + 1).map((each) => each.nodes.length));
    const [x, y] = at([begin, 0]);
    const bottom = at([index, last])[1];
    bands.push(svg("rect", { class: "mpls-band", x: x - 13, y: y - 13, width: 26 + (lanes - 1) * LANE, height: bottom - y + 26, rx: 13 }));
    begin = null;
  });
  return bands;
}
