// A moment in the past: what is kept from nearest to it. Pure.

import { versionAt } from "./changes.js";
import { clock, ms, percent } from "./format.js";

const NEAR = 60000;

/**
 * What can be shown of a moment (milliseconds): a kept trace, or else the path known then.
 * Gives the trace (or null), what `buildPath` wants to know, and words.
 */
export function atMoment(moment, family, cycles, incidents, interval) {
  const incident = nearest(incidents, moment, (each) => Date.parse(each.at));
  const cycle = nearest(cycles, moment, (each) => Date.parse(each.at));
  const words = [cycle ? `nearest cycle ${clock(cycle.at)}: ${cycleWords(cycle)}` : "no cycle is kept from then"];
  if (incident && Math.abs(Date.parse(incident.at) - moment) <= Math.max(NEAR, 2000 * interval)) {
    words.push(`the path is that of the trace kept at ${clock(incident.at)} (${incident.reason.replaceAll("_", " ")})`);
    return { trace: incident.trace, known: { hosts: family.hosts }, words: words.join("; ") };
  }
  const version = versionAt(family, moment) ?? null;
  words.push(`the path is the one known then${version?.since ? `, since ${clock(version.since)}` : ""}; no trace is kept from then`);
  return { trace: null, known: { path: version?.path ?? [], first_ttl: version?.first ?? 1, hosts: family.hosts }, words: words.join("; ") };
}

/** The span that a moment is in, or the nearest: hops as they were then. */
export function spanAt(spans, moment) {
  const off = (span) => Math.max(Date.parse(span.from) - moment, moment - Date.parse(span.to), 0);
  const best = nearest(spans, 0, off);
  return best ? [best] : [];
}

function nearest(list, moment, at) {
  return list.reduce((best, each) => (best === null || Math.abs(at(each) - moment) < Math.abs(at(best) - moment) ? each : best), null);
}

function cycleWords(cycle) {
  if (!cycle.sent) return "nothing could be sent";
  const rtts = cycle.rtt_seconds;
  const median = rtts.length ? `median RTT ${ms(rtts[(rtts.length - 1) >> 1])}` : "no answer";
  return `${median}, loss ${percent(cycle.lost / cycle.sent)}`;
}
