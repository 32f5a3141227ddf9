import type { LogFormat, LogLevel, LogLine } from './log.ts';

/** How a line is called in a format of JSON: where its level and its text for people stand. */
export type JsonShape = {
  readonly level: string;
  readonly message: string;
  levelName(level: LogLevel): string;
};

/** Severities of Google Cloud's LogEntry for our levels. */
const SEVERITIES: Readonly<Record<LogLevel, string>> = {
  trace: 'DEBUG',
  debug: 'DEBUG',
  info: 'INFO',
  warn: 'WARNING',
  error: 'ERROR',
  fatal: 'CRITICAL',
};

/** `json`: as most tools read it; `gcp`: as Google Cloud's agents do (specification 6). */
export const JSON_SHAPES: Readonly<Record<Exclude<LogFormat, 'pretty'>, JsonShape>> = {
  json: { level: 'level', message: 'msg', levelName: (level) => level },
  gcp: { level: 'severity', message: 'message', levelName: (level) => SEVERITIES[level] },
};

/** Milliseconds since the epoch as RFC 3339 has them, in UTC. */
export function timestamp(at: number): string {
  return new Date(at).toISOString();
}

/** A log line as one line of JSON; `at` in milliseconds since the epoch. */
export function jsonLine({ level, event, message, fields }: LogLine, at: number, shape: JsonShape): string {
  const object = {
    [shape.level]: shape.levelName(level),
    time: timestamp(at),
    name: 'rehup',
    event,
    ...fields,
    [shape.message]: message,
  };
  return `${JSON.stringify(object)}\n`;
}
