import {
  createLineWriter,
  type LineWriter,
  leastNumber,
  prettyFormatter,
  telling,
  type WriteLine,
} from '../core/log/formatter.ts';
import { JSON_SHAPES, jsonLine } from '../core/log/json.ts';
import type { LogFormat, LogLevel, LogLine } from '../core/log/log.ts';
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
  const { write, writer } = createFormatter(options);
  const kept: [LogLine, number][] = [];
  return {
    write: (line) => void kept.push([line, Math.floor(native.time())]),
    dropped: () => writer.dropped(),
    flush() {
      for (const [line, at] of kept.splice(0)) write(line, at);
    },
  };
}

/** Lines of JSON, or for people. */
function createFormatter({ level, format, colours }: LogOptions): {
  readonly write: WriteLine;
  readonly writer: LineWriter;
} {
  native.openLog();
  const writer = createLineWriter((bytes) => {
    try {
      return native.log(bytes);
    } catch (error) {
      return errnoOf(error) === 'EAGAIN' ? undefined : 0;
    }
  });
  const least = leastNumber(level);
  if (format === 'pretty')
    return { write: telling(prettyFormatter(level, colours, writer), writer, least), writer };
  const shape = JSON_SHAPES[format];
  const json: WriteLine = (line, at) => writer.write(jsonLine(line, at, shape));
  return { write: telling(json, writer, least), writer };
}
