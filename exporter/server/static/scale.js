// Axes: round numbers for values, round moments for times. Pure.

const MINUTE = 60000;
const STEPS = [1000, 5000, 10000, 30000, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 30 * MINUTE, 60 * MINUTE, 120 * MINUTE, 360 * MINUTE, 1440 * MINUTE];

/** Values from at most `least` up to at least `most`, in steps of 1, 2 or 5; from 0 if that is near. */
export function valueTicks(least, most, count) {
  const from = least < most * 0.4 ? 0 : least;
  const rough = (most - from) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((each) => each * power >= rough) ?? 10);
  const first = Math.floor(from / step);
  return Array.from({ length: Math.ceil(most / step) - first + 1 }, (_, number) => (first + number) * step);
}

/** Round moments between two times in milliseconds. */
export function timeTicks(from, to, count) {
  const step = STEPS.find((each) => (to - from) / each <= count) ?? STEPS.at(-1);
  const offset = new Date(from).getTimezoneOffset() * MINUTE;
  const ticks = [];
  for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to; at += step) ticks.push(at);
  return { ticks, seconds: step < MINUTE };
}

/** The value below which a share of all lie, of values in any order. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] : 0;
}
