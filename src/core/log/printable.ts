import { printable } from '../text/bytes.ts';
import type { LogLine, LogValue } from './log.ts';

/* Whatever stands in a line: it is one line, in every format. */

export function printableLine({ level, event, message, fields }: LogLine): LogLine {
  return { level, event: printable(event), message: printable(message), fields: printableFields(fields) };
}

function printableFields(fields: Readonly<Record<string, LogValue>>): Readonly<Record<string, LogValue>> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [printable(name), printableValue(value)]),
  );
}

function printableValue(value: LogValue): LogValue {
  if (typeof value === 'string') return printable(value);
  if (typeof value !== 'object') return value;
  return isList(value) ? value.map(printableValue) : printableFields(value);
}

function isList(value: LogValue): value is readonly LogValue[] {
  return Array.isArray(value);
}

/** Where the kubelet looks for the reason of a container's end, if that is an empty file: `kubectl describe` shows it. */
export const TERMINATION_LOG = '/dev/termination-log';

/** The line that says why rehup does not start, or can't go on: not in the log, and always one. */
export function refusalLine(message: string): string {
  return `rehup: ${printable(message)}\n`;
}
