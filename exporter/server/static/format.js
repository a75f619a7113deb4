// Figures, times and states in the words of the page.

const DAY = 86400;

/** Seconds as milliseconds, three digits that tell something. */
export function ms(seconds) {
  if (seconds === null || seconds === undefined) return "";
  const value = seconds * 1000;
  if (value >= 10000) return `${seconds.toFixed(1)} s`;
  return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ms`;
}

/** Milliseconds as a bare number, for columns that say the unit above. */
export function bare(seconds) {
  return ms(seconds).replace(/ ms$/, "");
}

/** A ratio from 0 to 1 in percent. */
export function percent(ratio) {
  if (ratio === null || ratio === undefined) return "";
  const value = ratio * 100;
  if (value > 0 && value < 10) return `${Number(value.toFixed(1))} %`;
  return `${Math.round(value)} %`;
}

/** So many of them, as `1 hop` and `3 hops`. */
export function counted(number, word) {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

/** How long, in the largest unit that says enough. */
export function span(seconds) {
  const value = Math.max(0, Math.round(seconds));
  if (value < 60) return `${value} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min`;
  if (value < 2 * DAY) return `${Math.floor(value / 3600)} h`;
  return `${Math.floor(value / DAY)} d`;
}

/** How long ago an RFC 3339 time was. */
export function ago(iso, now = Date.now()) {
  return iso ? `${span((now - Date.parse(iso)) / 1000)} ago` : "";
}

/** A moment in local time, with the date where it is not today's. */
export function clock(when, { seconds = true, day = true } = {}) {
  const date = new Date(when);
  const style = { hour: "2-digit", minute: "2-digit", hour12: false };
  if (seconds) style.second = "2-digit";
  const text = date.toLocaleTimeString(undefined, style);
  const today = date.toDateString() === new Date().toDateString();
  return today || !day ? text : `${date.toLocaleDateString("sv-SE")} ${text}`;
}

/** "AS64500 EXAMPLE-ACCESS": the part before the dash is the name that operators use. */
export function origin(host) {
  if (!host || host.asn === null || host.asn === undefined) return "";
  const name = host.as_name ? ` ${host.as_name.split(" - ")[0]}` : "";
  return `AS${host.asn}${name}`;
}

/** Which of five classes a loss is in; the style sheet has a colour for each. */
export function lossClass(ratio) {
  if (ratio === null || ratio === undefined) return "loss-none";
  if (ratio <= 0) return "loss-0";
  if (ratio <= 0.05) return "loss-1";
  if (ratio <= 0.2) return "loss-2";
  return ratio <= 0.5 ? "loss-3" : "loss-4";
}

/** A state's rank (0 is worst), class, sign and word; signs tell states apart without colour. */
export const STATES = {
  error: { rank: 0, sign: "!", word: "failed here" },
  down: { rank: 1, sign: "✕", word: "not reached" },
  lossy: { rank: 2, sign: "◐", word: "loss" },
  waiting: { rank: 3, sign: "…", word: "waiting" },
  ok: { rank: 4, sign: "●", word: "reached" },
};

/** The state of a target over one family. */
export function stateOf(family) {
  if (!family || family.last_trace_at === null) return "waiting";
  if (family.stop_reason === "error" || (family.errors.length && !family.reached)) return "error";
  if (!family.reached) return "down";
  return family.loss_ratio > 0 ? "lossy" : "ok";
}
