import { failure, type Result, success } from './result.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, '': 1000, m: 60_000, h: 3_600_000 };

/** Timers of every host hold this: Node's setTimeout takes at most 2^31 - 1 ms, about 24.8 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** Milliseconds of `250ms`, `5s`, `2m`, `1h`, `1.5s`, or of a bare number of seconds. */
export function parseDuration(text: string): Result<number> {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|)$/.exec(text);
  const unit = UNITS[match?.[2] ?? 'none'];
  if (match === null || unit === undefined) return failure('not a duration; use for example 250ms, 5s, 2m');
  const milliseconds = Math.round(Number(match[1]) * unit);
  if (milliseconds > LONGEST_MS) return failure('too long; at most 596h');
  return success(milliseconds);
}
