import { type Logger, pino } from 'pino';
import { type LineWriter, prettyFormatter, telling, type WriteLine } from '../core/log/formatter.ts';
import { JSON_SHAPES, type JsonShape, timestamp } from '../core/log/json.ts';
import type { LogFormat, LogLevel } from '../core/log/log.ts';

export type LogOptions = {
  readonly level: LogLevel | 'silent';
  readonly format: LogFormat;
  readonly colours: boolean;
};

/** Turns log lines into bytes on stderr: JSON by pino, or for people. */
export function createFormatter({ level, format, colours }: LogOptions, writer: LineWriter): WriteLine {
  const write =
    format === 'pretty' ? prettyFormatter(level, colours, writer) : json(level, JSON_SHAPES[format], writer);
  return telling(write, writer);
}

function json(level: LogLevel | 'silent', shape: JsonShape, writer: LineWriter): WriteLine {
  let time = 0;
  const logger: Logger = pino(
    {
      level,
      base: { name: 'rehup' },
      timestamp: () => `,"time":"${timestamp(time)}"`,
      messageKey: shape.message,
      formatters: { level: (label) => ({ [shape.level]: shape.levelName(label as LogLevel) }) },
    },
    writer,
  );
  return ({ level: lineLevel, event, message, fields }, at) => {
    time = at;
    logger[lineLevel]({ event, ...fields }, message);
  };
}
