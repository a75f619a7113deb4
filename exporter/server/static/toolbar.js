// What one can do with a path: trace it now and watch, and copy it for a ticket.

import { traceNow } from "./api.js";
import { asMarkdown, asText, pathTable, toClipboard } from "./copy.js";
import { button, el, replace, setText } from "./dom.js";
import { counted, ms } from "./format.js";

const TICKER = 200;

/** `state` gives what the page shows now. */
export class Toolbar {
  constructor(name, state) {
    this.name = name;
    this.state = state;
    this.watching = false;
    this.said = el("span", { class: "said", role: "status" });
    this.trace = button("Trace now", () => this.start(), { class: "primary" });
    this.ticker = el("ol", { class: "ticker", "aria-label": "Answers as they arrive", tabindex: 0, hidden: true });
    const copies = [["Copy text", "text"], ["Copy JSON", "json"], ["Copy Markdown", "markdown"], ["Copy link", "link"]];
    this.element = el("div", {}, el("div", { class: "toolbar" }, this.trace, copies.map(([label, form]) => button(label, () => this.copy(form, label))), this.said), this.ticker);
  }

  async start() {
    this.trace.setAttribute("aria-disabled", "true");
    const { ok, words } = await traceNow(this.name).catch((error) => ({ ok: false, words: error.message }));
    this.trace.removeAttribute("aria-disabled");
    setText(this.said, words);
    if (!ok) return;
    this.watching = true;
    replace(this.ticker);
    this.ticker.hidden = false;
  }

  /** An answer came; while one watches, it is written down. */
  heard(event) {
    if (!this.watching || this.ticker.children.length >= TICKER) return;
    const { address, hostname, rtt_seconds: rtts } = event.responder;
    this.ticker.append(el("li", {}, el("span", { class: "number" }, event.ttl), el("span", {}, hostname ? `${hostname} (${address})` : address), el("span", { class: "number" }, ms(rtts[0]))));
    this.ticker.scrollTop = this.ticker.scrollHeight;
    setText(this.said, `tracing… ${counted(this.ticker.children.length, "answer")}`);
  }

  /** A trace has ended. */
  ended(event) {
    if (!this.watching) return;
    this.watching = false;
    setText(this.said, `traced in ${ms(event.duration_seconds)}: ${event.reached ? "reached" : event.stop_reason.replaceAll("_", " ")}, ${counted(event.hops.length, "hop")}`);
  }

  async copy(form, label) {
    const done = await toClipboard(this.form(form));
    setText(this.said, done ? `${label.replace("Copy", "Copied")}.` : "This browser does not let pages copy.");
  }

  form(form) {
    const { target, family, path, spans, at } = this.state();
    if (form === "link") return linkTo(at ?? Date.now());
    if (form === "json") return `${JSON.stringify(family?.trace ?? null, null, 2)}\n`;
    if (!family || !path) return "";
    const table = pathTable(target, family, path, spans, at === null ? null : new Date(at).toISOString());
    return form === "markdown" ? asMarkdown(table) : asText(table);
  }
}

function linkTo(moment) {
  return `${location.origin}${location.pathname}?at=${new Date(moment).toISOString()}${location.hash}`;
}
