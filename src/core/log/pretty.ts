import type { LogLevel, LogLine, LogValue } from './log.ts';

/** Colours of ECMA-48 (SGR) for the levels that deserve one. */
const COLOURS: Readonly<Record<LogLevel, number>> = {
  trace: 90,
  debug: 90,
  info: 32,
  warn: 33,
  error: 31,
  fatal: 31,
};

/** A log line for people: time of day (UTC, hence the Z), level, event, message, fields; `at` in milliseconds since the epoch. */
export function prettyLine(line: LogLine, at: number, colours: boolean): string {
  const time = new Date(at).toISOString().slice(11);
  const level = line.level.toUpperCase().padEnd(5);
  const fields = Object.entries(line.fields).map(([name, value]) => ` ${name}=${shown(value)}`);
  const tail = paint(fields.join(''), 90, colours);
  return `${time} ${paint(level, COLOURS[line.level], colours)} ${line.event}: ${line.message}${tail}\n`;
}

function shown(value: LogValue): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function paint(text: string, colour: number, colours: boolean): string {
  return colours && text !== '' ? `\u001b[${colour}m${text}\u001b[0m` : text;
}
