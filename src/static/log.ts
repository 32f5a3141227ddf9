import type { LogFormat } from '../cli/invocation.ts';
import {
  createLineWriter,
  leastNumber,
  prettyFormatter,
  tellingOfDropped,
  type WriteLine,
} from '../core/log/formatter.ts';
import { LOG_LEVELS, type LogLevel, type LogLine } from '../core/log/log.ts';
import type { Log } from '../core/state/ports.ts';
import { errnoOf } from './native.ts';

export type LogOptions = {
  readonly level: LogLevel | 'silent';
  readonly format: LogFormat;
  readonly colours: boolean;
};

/** The Log port, which keeps lines until it is asked to write them: what they tell of is more urgent than they are. */
export type KeepingLog = Log & { flush(): void };

/** Writes to descriptor 2 without waiting for who reads it. */
export function createLog(options: LogOptions): KeepingLog {
  const write = createFormatter(options);
  const kept: [LogLine, number][] = [];
  return {
    write: (line) => void kept.push([line, Math.floor(native.time())]),
    flush() {
      for (const [line, at] of kept.splice(0)) write(line, at);
    },
  };
}

/** JSON in pino's shape, or lines for people. */
function createFormatter({ level, format, colours }: LogOptions): WriteLine {
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
