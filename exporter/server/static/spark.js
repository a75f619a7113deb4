// Small charts in a line: the RTT of the latest cycles, and a hop's RTT with its spread.

import { svg } from "./dom.js";

/** RTT of cycle after cycle; a cycle without an answer is a mark at the bottom. */
export function sparkline(values, width = 120, height = 28) {
  const known = values.filter((each) => each !== null);
  const least = Math.min(...known);
  const most = Math.max(...known);
  const range = Math.max(most - least, most * 0.1, 1e-6);
  const step = width / Math.max(values.length - 1, 1);
  const y = (value) => height - 4 - ((value - least) / range) * (height - 8);
  const parts = [];
  const lost = [];
  let pen = "M";
  values.forEach((value, number) => {
    const x = (number * step).toFixed(1);
    if (value === null) {
      lost.push(`M${x} ${height - 5}v5`);
      pen = "M";
    } else {
      parts.push(`${pen}${x} ${y(value).toFixed(1)}`);
      pen = "L";
    }
  });
  return svg(
    "svg",
    { class: "spark", viewBox: `-2 0 ${width + 4} ${height}`, width: width + 4, height, "aria-hidden": "true" },
    svg("path", { class: "spark-line", d: parts.join("") || "M0 0" }),
    svg("path", { class: "spark-lost", d: lost.join("") || "M0 0" }),
  );
}

/** A hop over time: least to greatest as a band, the mean as a line; spans without answers are gaps. */
export function band(spans, ttl, width = 110, height = 26) {
  const points = spans.map((span) => span.hops.find((hop) => hop.ttl === ttl) || null);
  const heard = points.filter((hop) => hop && hop.mean_seconds !== null);
  const most = Math.max(...heard.map((hop) => hop.worst_seconds));
  const least = Math.min(...heard.map((hop) => hop.best_seconds));
  const range = Math.max(most - least, most * 0.1, 1e-6);
  const slot = width / Math.max(points.length, 1);
  const y = (value) => (height - 3 - ((value - least) / range) * (height - 6)).toFixed(1);
  let area = "";
  let line = "";
  points.forEach((hop, number) => {
    if (!hop || hop.mean_seconds === null) return;
    const left = (number * slot).toFixed(1);
    const right = ((number + 1) * slot).toFixed(1);
    area += `M${left} ${y(hop.worst_seconds)}H${right}V${y(hop.best_seconds)}H${left}Z`;
    line += `M${left} ${y(hop.mean_seconds)}H${right}`;
  });
  return svg(
    "svg",
    { class: "band", viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" },
    svg("path", { class: "band-area", d: area || "M0 0" }),
    svg("path", { class: "band-line", d: line || "M0 0" }),
  );
}
