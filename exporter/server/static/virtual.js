// A table of any length that has only those rows in the page that can be seen.

import { el } from "./dom.js";
import { drawRow } from "./rows.js";

const BEYOND = 12;

/** Draws the part of `rows` that is in view; all rows have the height that the style sheet says. */
export class VirtualRows {
  constructor(table, body, columns) {
    this.table = table;
    this.body = body;
    this.rows = [];
    this.drawn = new Map();
    this.frame = 0;
    const spacer = () => el("tr", { class: "spacer", "aria-hidden": "true" }, el("td", { colspan: columns }));
    this.above = spacer();
    this.below = spacer();
    body.append(this.above, this.below);
    addEventListener("scroll", () => this.soon(), { passive: true });
    addEventListener("resize", () => this.soon());
    body.addEventListener("keydown", (event) => this.key(event));
  }

  /** Show these rows from now on. */
  show(rows) {
    this.rows = rows;
    this.table.setAttribute("aria-rowcount", String(rows.length + 1));
    this.draw();
  }

  /** Move the keyboard's focus to a row, wherever it is. */
  focus(number) {
    const index = Math.max(0, Math.min(number, this.rows.length - 1));
    if (!this.rows.length) return;
    const height = this.height();
    const top = this.body.getBoundingClientRect().top + index * height;
    const room = this.table.tHead.getBoundingClientRect().height + 8;
    if (top < room) scrollBy(0, top - room);
    else if (top + height > innerHeight) scrollBy(0, top + height - innerHeight + 8);
    this.draw();
    this.drawn.get(this.rows[index].key)?.node.querySelector("a").focus({ preventScroll: true });
  }

  height() {
    return parseFloat(getComputedStyle(this.table).getPropertyValue("--row"));
  }

  soon() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.draw();
    });
  }

  draw() {
    const height = this.height();
    const top = -this.body.getBoundingClientRect().top;
    const first = Math.max(0, Math.min(Math.floor(top / height) - BEYOND, this.rows.length));
    const last = Math.max(first, Math.min(this.rows.length, Math.ceil((top + innerHeight) / height) + BEYOND));
    this.above.firstChild.style.height = `${first * height}px`;
    this.below.firstChild.style.height = `${(this.rows.length - last) * height}px`;
    const focused = this.body.contains(document.activeElement) ? document.activeElement.closest("tr") : null;
    const now = new Map();
    for (let index = first; index < last; index++) {
      const row = this.rows[index];
      now.set(row.key, { row, index, node: this.node(row, index) });
    }
    for (const [key, { node }] of this.drawn) if (now.get(key)?.node !== node) node.remove();
    let place = this.above;
    for (const { node } of now.values()) {
      if (place.nextSibling !== node) place.after(node);
      place = node;
    }
    this.drawn = now;
    const again = focused && !focused.contains(document.activeElement) && now.get(focused.dataset.key);
    if (again) again.node.querySelector("a").focus({ preventScroll: true });
  }

  /** The row as it is drawn, where nothing about it is new. */
  node(row, index) {
    const former = this.drawn.get(row.key);
    if (former?.row === row && former.index === index) return former.node;
    const node = drawRow(row, index);
    node.dataset.key = row.key;
    return node;
  }

  key(event) {
    const row = event.target.closest("tr.row");
    const page = Math.max(1, Math.floor(innerHeight / this.height()) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (!row || !(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const index = Number(row.getAttribute("aria-rowindex")) - 2;
    this.focus(Math.max(0, Math.min(index + steps[event.key], this.rows.length - 1)));
  }
}
