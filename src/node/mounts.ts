import { closeSync, openSync, readFileSync } from 'node:fs';
import { libc, memory } from './process/libc.ts';

const MOUNTS = '/proc/self/mountinfo';

/** poll.h of Linux. */
const POLLPRI = 2;
const POLLERR = 8;

/** The list of mounts if it is another than the one that was told last; it is kept open, since that is what tells of a change. */
export function createMounts(): () => string | undefined {
  let mounts: number | undefined;
  return () => {
    if (mounts !== undefined) {
      if (!hasChanged(mounts)) return undefined;
      closeSync(mounts);
      mounts = undefined;
    }
    mounts = openSync(MOUNTS, 'r');
    return readFileSync(mounts, 'latin1');
  };
}

/** Whether the list of mounts changed since it was opened or last asked: proc_pid_mountinfo(5). */
function hasChanged(file: number): boolean {
  const change = memory(8);
  change.writeInt32LE(file, 0);
  change.writeInt16LE(POLLPRI, 4);
  libc.poll(change, 1n, 0);
  return (change.readInt16LE(6) & (POLLPRI | POLLERR)) !== 0;
}
