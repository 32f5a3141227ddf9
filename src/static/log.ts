import type { LogFormat } from '../cli/invocation.ts';
import {
  createLineWriter,
  leastNumber,
  prettyFormatter,
  tellingOfDropped,
  type WriteLine,
} from '../core/formatter.ts';
import { LOG_LEVELS, type LogLevel } from '../core/log.ts';
import { errnoOf } from './native.ts';

export type LogOptions = {
  readonly level: LogLevel | 'silent';
  readonly format: LogFormat;
  readonly colours: boolean;
};

/** Writes log lines to descriptor 2 without waiting for who reads them: JSON in pino's shape, or for people. */
export function createLog({ level, format, colours }: LogOptions): WriteLine {
  native.openLog();
  const writer = createLineWriter((bytes) => {
    try {
      return native.log(bytes);
    } catch (error) {
      return errnoOf(error) === 'EAGAIN' ? undefined : 0;
    }
  });
  const least = leastNumber(level);
  const json: WriteLine = ({ level: lineLevel, event, message, fields }, at) => {
    const number = LOG_LEVELS[lineLevel];
    if (number < least) return;
    writer.write(`${JSON.stringify({ level: number, time: at, event, ...fields, msg: message })}\n`);
  };
  return tellingOfDropped(format === 'pretty' ? prettyFormatter(level, colours, writer) : json, writer);
}
