import { writeSync } from 'node:fs';
import { createLineWriter, leastNumber, prettyFormatter, telling } from '../../core/log/formatter.ts';
import { JSON_SHAPES, jsonLine } from '../../core/log/json.ts';
import { LOG_LEVELS, type LogFormat, type LogLevel, type LogValue } from '../../core/log/log.ts';

export type Log = (
  level: LogLevel,
  event: string,
  message: string,
  fields?: Readonly<Record<string, LogValue>>,
) => void;

/** Writes lines to descriptor 2; never what is in an object. */
export function createLog(options: {
  readonly logLevel: LogLevel | 'silent';
  readonly logFormat: LogFormat;
  readonly colours: boolean;
}): Log {
  const { logLevel, logFormat, colours } = options;
  const writer = createLineWriter((bytes) => {
    try {
      return writeSync(2, bytes, undefined, 'latin1');
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'EAGAIN' ? undefined : 0;
    }
  });
  const least = leastNumber(logLevel);
  const write = telling(
    logFormat === 'pretty'
      ? prettyFormatter(logLevel, colours, writer)
      : (line, at) => {
          if (LOG_LEVELS[line.level] >= least) writer.write(jsonLine(line, at, JSON_SHAPES[logFormat]));
        },
    writer,
  );
  return (level, event, message, fields = {}) => write({ level, event, message, fields }, Date.now());
}
