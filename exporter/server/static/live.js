// Server-sent events that go on where they were: after a break, a restart, a page in the background.

import { ROOT } from "./api.js";
import { setText } from "./dom.js";

const RETRY = 2000;
const HIDDEN_FOR = 60000;

/**
 * Listens as long as the page is visible.
 * `handlers` has a function for each kind of event; `gap` is called where something was missed.
 * `ready` resolves once it listens, or cannot: what is read from then on misses nothing.
 */
export class Live {
  constructor(query, handlers) {
    this.query = query;
    this.handlers = handlers;
    this.last = "";
    this.source = null;
    this.timer = 0;
    document.addEventListener("visibilitychange", () => this.visibility());
    addEventListener("online", () => this.reopen());
    this.ready = new Promise((resolve) => {
      this.settled = resolve;
    });
    this.open();
  }

  open() {
    const resume = this.last ? `&last_event_id=${encodeURIComponent(this.last)}` : "";
    const source = new EventSource(`${ROOT}api/v1/events?${this.query}${resume}`);
    this.source = source;
    source.onopen = () => {
      this.say("live");
      this.settled();
    };
    source.onerror = () => {
      this.settled();
      this.say("reconnecting");
      // A refusal (503) ends an EventSource for good; a break does not.
      if (source.readyState === EventSource.CLOSED) this.later();
    };
    for (const [kind, handler] of Object.entries(this.handlers)) {
      source.addEventListener(kind, (event) => {
        if (event.lastEventId) this.last = event.lastEventId;
        handler(JSON.parse(event.data));
      });
    }
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.reopen(), RETRY);
  }

  reopen() {
    clearTimeout(this.timer);
    if (this.source && this.source.readyState !== EventSource.CLOSED) return;
    this.open();
  }

  /** A page that nobody looks at gives its connection back after a minute. */
  visibility() {
    clearTimeout(this.timer);
    if (!document.hidden) {
      if (this.source === null) this.open();
      return;
    }
    this.timer = setTimeout(() => {
      this.source.close();
      this.source = null;
      this.say("paused");
    }, HIDDEN_FOR);
  }

  say(state) {
    const sign = document.getElementById("live");
    sign.dataset.state = state;
    setText(sign, state);
  }
}
