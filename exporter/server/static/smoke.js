// RTT over time as smoke: the spread of each cycle's rounds around its median, loss in colour.

import { el, replace, setText, svg } from "./dom.js";
import { clock, lossClass, ms, percent } from "./format.js";
import { quantile, timeTicks, valueTicks } from "./scale.js";

const HEIGHT = 260;
const SIDE = 56;
const MARGIN = { top: 22, bottom: 24, right: 12 };

/** A chart that can be read by pointer and by keyboard; `onMoment` gets the time that is chosen. */
export class Smoke {
  constructor(onMoment) {
    this.onMoment = onMoment;
    this.points = [];
    this.marks = [];
    this.cursor = null;
    this.at = null;
    this.plot = el("div", { class: "plot", tabindex: 0, role: "slider", "aria-label": "Round-trip time over time; arrow keys move through the cycles, Enter links to a moment", "aria-valuemin": 0, keydown: (event) => this.key(event), pointermove: (event) => this.point(event), pointerleave: () => this.read(null), click: () => this.choose() });
    this.readout = el("p", { class: "readout" });
    this.element = el("div", { class: "smoke" }, this.plot, this.readout);
    new ResizeObserver(() => this.draw()).observe(this.plot);
  }

  /** Points have from, to (milliseconds), rtts (ascending), median, loss (null: nothing sent). */
  show(points, marks, at) {
    this.points = points;
    this.marks = marks;
    this.at = at;
    if (this.cursor !== null && this.cursor >= points.length) this.cursor = null;
    this.plot.setAttribute("aria-valuemax", String(Math.max(0, points.length - 1)));
    this.draw();
  }

  draw() {
    const width = this.plot.clientWidth;
    if (!width) return;
    const { points } = this;
    if (!points.length) return void replace(this.plot, el("p", { class: "quiet" }, "No cycle has ended yet."));
    const heard = points.filter((point) => point.rtts.length);
    const top = quantile(heard.map((point) => point.rtts.at(-1)), 0.98) || 1e-3;
    const low = quantile(heard.map((point) => point.rtts[0]), 0);
    const room = Math.max(top - low, top * 0.04) * 0.15;
    const ticks = valueTicks(Math.max(0, low - room), top + room, 5);
    const from = points[0].from;
    const to = Math.max(points.at(-1).to, from + 1000);
    this.x = (moment) => SIDE + ((moment - from) / (to - from)) * (width - SIDE - MARGIN.right);
    const scale = (HEIGHT - MARGIN.top - MARGIN.bottom) / (ticks.at(-1) - ticks[0]);
    const y = (value) => HEIGHT - MARGIN.bottom - (Math.min(value, ticks.at(-1)) - ticks[0]) * scale;
    const parts = [...grid(ticks, y, width), ...axis(from, to, this.x, width), ...this.markers(), ...points.flatMap((point) => cloud(point, this.x, y))];
    this.plot.classList.toggle("muted", !heard.length);
    this.pointer = svg("line", { class: "pointer", y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom, x1: -9, x2: -9 });
    replace(this.plot, svg("svg", { width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, "aria-hidden": "true" }, parts, this.pointer));
    this.read(this.cursor);
  }

  markers() {
    const marks = this.marks.filter((mark) => mark.at >= this.points[0].from - 1 && mark.at <= this.points.at(-1).to);
    const drawn = marks.map((mark) => {
      const x = this.x(mark.at);
      return svg("g", { class: `mark ${mark.kind}` }, svg("title", {}, mark.words), svg("line", { x1: x, x2: x, y1: MARGIN.top - 6, y2: HEIGHT - MARGIN.bottom }), svg("path", { d: `M${x - 5} ${MARGIN.top - 14}h10l-5 8z` }));
    });
    if (this.at !== null) {
      const x = this.x(this.at);
      drawn.push(svg("line", { class: "moment", x1: x, x2: x, y1: MARGIN.top - 14, y2: HEIGHT - MARGIN.bottom }));
    }
    return drawn;
  }

  point(event) {
    if (!this.points.length || !this.x) return;
    const x = event.clientX - this.plot.getBoundingClientRect().left;
    let nearest = 0;
    this.points.forEach((point, number) => {
      if (Math.abs(this.x(middle(point)) - x) < Math.abs(this.x(middle(this.points[nearest])) - x)) nearest = number;
    });
    this.read(nearest);
  }

  key(event) {
    const last = this.points.length - 1;
    const now = this.cursor ?? last;
    const places = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last, PageUp: now - 20, PageDown: now + 20 };
    if (event.key === "Enter") return this.choose();
    if (!(event.key in places) || last < 0) return;
    event.preventDefault();
    this.read(Math.max(0, Math.min(last, places[event.key])));
  }

  choose() {
    if (this.cursor !== null) this.onMoment(new Date(middle(this.points[this.cursor])));
  }

  /** Say what one point shows. */
  read(number) {
    this.cursor = number;
    const point = number === null ? null : this.points[number];
    const words = point ? spoken(point) : "";
    setText(this.readout, words || " ");
    this.plot.setAttribute("aria-valuenow", String(number ?? Math.max(0, this.points.length - 1)));
    this.plot.setAttribute("aria-valuetext", words || "no cycle chosen");
    const x = point ? this.x(middle(point)) : -9;
    this.pointer?.setAttribute("x1", x);
    this.pointer?.setAttribute("x2", x);
  }
}

function middle(point) {
  return (point.from + point.to) / 2;
}

function spoken(point) {
  const when = clock(point.at);
  if (point.loss === null) return `${when}: nothing could be sent`;
  const rtts = point.rtts.length ? `median ${ms(point.median)}, ${ms(point.rtts[0])} to ${ms(point.rtts.at(-1))}` : "no answer";
  return `${when}: ${rtts}, loss ${percent(point.loss)}`;
}

/** Darker where more rounds lie between; the median as a bar in the colour of the loss. */
function cloud(point, x, y) {
  const left = x(point.from);
  const width = Math.max(1.5, x(point.to) - left);
  if (point.loss === null) return [svg("rect", { class: "unsent", x: left, width, y: HEIGHT - MARGIN.bottom - 5, height: 5 })];
  if (!point.rtts.length) return [svg("rect", { class: "all-lost", x: left, width, y: MARGIN.top, height: HEIGHT - MARGIN.top - MARGIN.bottom })];
  const parts = [];
  for (let low = 0, high = point.rtts.length - 1; low < high; low++, high--) {
    const top = y(point.rtts[high]);
    parts.push(svg("rect", { class: "puff", x: left, width, y: top, height: Math.max(1, y(point.rtts[low]) - top) }));
  }
  parts.push(svg("rect", { class: `median ${lossClass(point.loss)}`, x: left, width, y: y(point.median) - 1.5, height: 3 }));
  return parts;
}

function grid(ticks, y, width) {
  return ticks.flatMap((tick) => [
    svg("line", { class: "grid", x1: SIDE, x2: width - MARGIN.right, y1: y(tick), y2: y(tick) }),
    svg("text", { class: "tick value", x: SIDE - 8, y: y(tick) + 4, "text-anchor": "end" }, tick ? `${Number((tick * 1000).toPrecision(6))} ms` : "0"),
  ]);
}

function axis(from, to, x, width) {
  const { ticks, seconds } = timeTicks(from, to, Math.max(2, Math.floor(width / 110)));
  return ticks.filter((at) => x(at) < width - 28).map((at) => svg("text", { class: "tick", x: x(at), y: HEIGHT - 6, "text-anchor": "middle" }, clock(at, { seconds, day: false })));
}
