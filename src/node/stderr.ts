import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { errnoOf } from './errno.ts';

/** Lines to descriptor 2, which rehup shares with the child and whose flags it must not change. */
export type LineWriter = {
  /** Writes a line, or drops it: what reads a log must never hold up signals and reaping (specification 2.8). */
  write(line: string): void;
  /** Lines dropped since the last call. */
  takeDropped(): number;
};

/**
 * A writer that does not wait. For a pipe it opens a description of its own through /proc, whose O_NONBLOCK the child
 * does not see; where that is not allowed, and for files and terminals, it writes to descriptor 2 itself.
 */
export function createLineWriter(): LineWriter {
  const descriptor = ownDescription();
  let dropped = 0;
  let rest: Buffer = Buffer.alloc(0);

  /** Whether all of it was written; what is left of a line that was begun is kept, so that no line is torn. */
  function flush(bytes: Buffer): boolean {
    try {
      const length = writeSync(descriptor, bytes);
      rest = bytes.subarray(length);
      return true;
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') rest = Buffer.alloc(0);
      return false;
    }
  }

  return {
    write(line) {
      if (rest.length > 0) flush(rest);
      if (rest.length > 0 || !flush(Buffer.from(line))) dropped += 1;
    },
    takeDropped() {
      const count = dropped;
      dropped = 0;
      return count;
    },
  };
}

function ownDescription(): number {
  try {
    if (!fstatSync(2).isFIFO()) return 2;
    const path = '/proc/self/fd/2';
    const opened = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    if (fstatSync(opened).ino === fstatSync(2).ino) return opened;
    closeSync(opened);
  } catch {
    // Without /proc, or where the pipe belongs to another user.
  }
  return 2;
}
