import { failure, type Result, success } from './result.ts';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A number and its unit. */
const PART = /\d{1,12}(?:\.\d{1,6})?(?:ms|s|m|h)/g;

/** Timers of every host hold this: Node's setTimeout takes at most 2^31 - 1 ms, about 24.8 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** Milliseconds of `250ms`, `5s`, `2m`, `1h`, `1.5s`, several of them as in `1m30s`, or of a bare number of seconds. */
export function parseDuration(text: string): Result<number> {
  const parts = /^\d{1,12}(?:\.\d{1,6})?$/.test(text) ? [`${text}s`] : (text.match(PART) ?? []);
  if (parts.length === 0 || parts.join('').length < text.length)
    return failure('not a duration; use for example 250ms, 5s, 2m');
  const milliseconds = Math.round(
    parts.reduce((sum, part) => sum + Number.parseFloat(part) * unitOf(part), 0),
  );
  if (milliseconds > LONGEST_MS) return failure('too long; at most 596h');
  return success(milliseconds);
}

function unitOf(part: string): number {
  return UNITS[part.replace(/[\d.]+/, '')] ?? 0;
}

/** A duration that limits something: none at all would end it at once. */
export function parseLimit(text: string): Result<number> {
  const duration = parseDuration(text);
  return duration.ok && duration.value === 0 ? failure('no time at all; use for example 30s') : duration;
}
