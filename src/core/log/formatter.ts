import { bytesOfText } from '../text/bytes.ts';
import { LOG_LEVELS, type LogLevel, type LogLine } from './log.ts';
import { prettyLine } from './pretty.ts';
import { printableLine } from './printable.ts';

/** Where lines go: descriptor 2, which rehup shares with the child. */
export type LineWriter = {
  /** Writes a line, or drops it: what reads a log must never hold up signals and reaping (specification 2.8). */
  write(line: string): void;
  /** Lines dropped so far. */
  dropped(): number;
};

/** Writes a log line; `at` is its time in milliseconds since the epoch. */
export type WriteLine = (line: LogLine, at: number) => void;

/**
 * A writer over one write that does not wait.
 *
 * @param write takes some of the bytes and answers how many; undefined if none could be taken now, 0 if none ever can
 */
export function createLineWriter(write: (bytes: string) => number | undefined): LineWriter {
  let dropped = 0;
  let rest = '';

  /** Whether any of it was taken; what is left of a line that was begun is kept, so that no line is torn. */
  function flush(bytes: string): boolean {
    const length = write(bytes);
    if (length !== undefined) rest = length === 0 ? '' : bytes.slice(length);
    return length !== undefined && length > 0;
  }

  return {
    write(line) {
      if (rest !== '') flush(rest);
      if (rest !== '' || !flush(bytesOfText(line))) dropped += 1;
    },
    dropped: () => dropped,
  };
}

/**
 * The last step before a format, whichever it is: of each line all texts are made printable, if any is not, and the lines
 * that `writer` dropped are told of, as soon as one can be told.
 *
 * @param least  lines below this level are not written ({@link leastNumber}), so nothing is done for them
 */
export function telling(write: WriteLine, writer: LineWriter, least = 0): WriteLine {
  let told = 0;
  const tell: WriteLine = (line, at) => {
    if (LOG_LEVELS[line.level] >= least) write(printableLine(line), at);
  };
  return (line, at) => {
    tell(line, at);
    const count = writer.dropped() - told;
    if (count === 0) return;
    const before = writer.dropped();
    tell(droppedLine(count), at);
    // The line that tells of it may be dropped as well, until something reads again; it is not one of them.
    told += writer.dropped() === before ? count : 1;
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

/** Lines for people, from a level on. */
export function prettyFormatter(
  level: LogLevel | 'silent',
  colours: boolean,
  writer: Pick<LineWriter, 'write'>,
): WriteLine {
  const least = leastNumber(level);
  return (line, at) => {
    if (LOG_LEVELS[line.level] >= least) writer.write(prettyLine(line, at, colours));
  };
}

/** The number of the least level that is written. */
export function leastNumber(level: LogLevel | 'silent'): number {
  return level === 'silent' ? Number.POSITIVE_INFINITY : LOG_LEVELS[level];
}
