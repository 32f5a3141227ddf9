import { type Logger, pino } from 'pino';
import type { LogFormat } from '../cli/invocation.ts';
import { LOG_LEVELS, type LogLevel, type LogLine } from '../core/log.ts';
import { prettyLine } from '../core/pretty.ts';
import type { LineWriter } from './stderr.ts';

export type LogOptions = {
  readonly level: LogLevel | 'silent';
  readonly format: LogFormat;
  readonly colours: boolean;
};

/** Writes a log line; `at` is its time in milliseconds since the epoch. */
export type WriteLine = (line: LogLine, at: number) => void;

/** Turns log lines into bytes on stderr: JSON by pino, or for people. */
export function createFormatter(options: LogOptions, writer: LineWriter): WriteLine {
  const write = options.format === 'pretty' ? pretty(options, writer) : json(options, writer);
  return (line, at) => {
    write(line, at);
    const dropped = writer.takeDropped();
    // The line that tells of it is dropped and counted as well, until something reads again.
    if (dropped > 0) write(droppedLine(dropped), at);
  };
}

function droppedLine(count: number): LogLine {
  return {
    level: 'warn',
    event: 'log.dropped',
    message: `${count} lines were dropped: nothing read them`,
    fields: { count },
  };
}

function json({ level }: LogOptions, writer: LineWriter): WriteLine {
  let time = 0;
  const logger: Logger = pino({ level, base: null, timestamp: () => `,"time":${time}` }, writer);
  return ({ level: lineLevel, event, message, fields }, at) => {
    time = at;
    logger[lineLevel]({ event, ...fields }, message);
  };
}

function pretty({ level, colours }: LogOptions, writer: LineWriter): WriteLine {
  const least = level === 'silent' ? Number.POSITIVE_INFINITY : LOG_LEVELS[level];
  return (line, at) => {
    if (LOG_LEVELS[line.level] >= least) writer.write(prettyLine(line, at, colours));
  };
}
