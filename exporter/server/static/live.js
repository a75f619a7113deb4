// Server-sent events that go on where they were: after a break, a restart, a page in the background.

import { ROOT } from "./api.js";
import { setText } from "./dom.js";

const RETRY = 2000;
// Browsers hold six connections to a server at most, whichever tabs they are for.
const HIDDEN_FOR = 5000;

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
    this.missed = false;
    document.addEventListener("visibilitychange", () => this.visibility());
    addEventListener("online", () => this.reopen());
    this.ready = new Promise((resolve) => {
      this.settled = resolve;
    });
    if (document.hidden) this.pause();
    else this.open();
  }

  open() {
    const resume = this.last ? `&last_event_id=${encodeURIComponent(this.last)}` : "";
    const source = new EventSource(`${ROOT}api/v1/events?${this.query}${resume}`);
    this.source = source;
    source.onopen = () => {
      this.say("live");
      this.settled();
      if (this.missed) this.handlers.gap({});
      this.missed = false;
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
    if (document.hidden && this.source === null) return;
    if (this.source && this.source.readyState !== EventSource.CLOSED) return;
    this.open();
  }

  /** A page that nobody looks at gives its connection back, and one opened in the background takes none. */
  visibility() {
    clearTimeout(this.timer);
    if (document.hidden) this.timer = setTimeout(() => this.pause(), HIDDEN_FOR);
    else if (this.source === null) this.open();
  }

  pause() {
    this.source?.close();
    this.source = null;
    this.missed = this.last === ""; // else the server knows from where to go on
    this.settled();
    this.say("paused");
  }

  say(state) {
    const sign = document.getElementById("live");
    sign.dataset.state = state;
    setText(sign, state);
  }
}
