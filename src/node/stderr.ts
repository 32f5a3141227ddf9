import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { createLineWriter, type LineWriter } from '../core/log/formatter.ts';
import { refusalLine, TERMINATION_LOG } from '../core/log/printable.ts';
import { errnoOf } from './errno.ts';

/**
 * Lines to descriptor 2 that nothing waits for. For a pipe it opens a description of its own through /proc, whose
 * O_NONBLOCK the child does not see; where that is not allowed, and for files and terminals, it writes to descriptor 2
 * itself.
 */
export function createErrorWriter(): LineWriter {
  const descriptor = ownDescription();
  return createLineWriter((bytes) => {
    try {
      return writeSync(descriptor, Buffer.from(bytes, 'latin1'));
    } catch (error) {
      return errnoOf(error) === 'EAGAIN' ? undefined : 0;
    }
  });
}

/** Tells the kubelet why the container ends, where it wants to know: where that is an empty file. */
export function leaveWord(reason: string): void {
  try {
    const { O_WRONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
    const file = openSync(TERMINATION_LOG, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    const found = fstatSync(file);
    if (found.isFile() && found.size === 0) writeSync(file, refusalLine(reason));
  } catch {
    // Nobody wants to know.
  }
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
