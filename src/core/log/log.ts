/*
 * Room `log/`: a line of the log, for machines and for people. May not know what leads to one.
 */

/** Log levels with their numbers in pino, from the most to the least talkative. */
export const LOG_LEVELS = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const;

export type LogLevel = keyof typeof LOG_LEVELS;

/** How lines are written: as JSON, as JSON that Google Cloud's agents read, or for people. */
export const LOG_FORMATS = ['json', 'gcp', 'pretty'] as const;

export type LogFormat = (typeof LOG_FORMATS)[number];

export type LogValue =
  | string
  | number
  | boolean
  | readonly LogValue[]
  | { readonly [name: string]: LogValue };

/** A line of the log. Texts in it are for people: byte strings have been decoded. Never the content of a file. */
export type LogLine = {
  readonly level: LogLevel;
  /** What happened, for machines: `child.started`. The list is in docs/log.md. */
  readonly event: string;
  /** The same for people, in a few words. */
  readonly message: string;
  readonly fields: Readonly<Record<string, LogValue>>;
};

/** What is logged where rehup, not being PID 1, can't make itself the subreaper (prctl(2)). */
export function withoutOrphans(errno: string): LogLine {
  const message = `the orphans of the child can't be adopted: ${errno}`;
  return { level: 'warn', event: 'rehup.subreaper', message, fields: { errno } };
}
