// The points of the smoke, from what the history has of the destination or of one hop. Pure.

/** One point for each cycle, as wide as the time to the next. */
export function ofDestination(cycles, interval) {
  return cycles.map((cycle, number) => {
    const from = Date.parse(cycle.at);
    const next = number + 1 < cycles.length ? Date.parse(cycles[number + 1].at) : from + interval * 1000;
    const rtts = cycle.rtt_seconds;
    return {
      at: from, from, to: Math.min(next, from + 1.5 * interval * 1000), rtts,
      median: rtts.length ? rtts[(rtts.length - 1) >> 1] : null,
      loss: cycle.sent ? cycle.lost / cycle.sent : null,
    };
  });
}

/** One point for each span: best, less and more by the deviation, worst around the mean. */
export function ofHop(spans, ttl, interval) {
  return spans.flatMap((span) => {
    const hop = span.hops.find((each) => each.ttl === ttl);
    if (!hop) return [];
    const from = Date.parse(span.from);
    const { best_seconds: best, mean_seconds: mean, worst_seconds: worst, stddev_seconds: off } = hop;
    const rtts = mean === null ? [] : [best, Math.max(best, mean - off), mean, Math.min(worst, mean + off), worst];
    return [{ at: from, from, to: Date.parse(span.to) + interval * 1000, rtts, median: mean, loss: hop.sent ? hop.lost / hop.sent : null }];
  });
}
