import { closeSync } from 'node:fs';
import { errnoName } from '../errno.ts';
import { lastErrno, libc } from './libc.ts';

/* Processes by descriptors, which never become those of others: pidfd_open(2). Numbers of unistd.h, the same on all machines. */

const PIDFD_SEND_SIGNAL = 424n;
const PIDFD_OPEN = 434n;

/** What {@link signalExactly} does where there are no such descriptors: in some sandboxes, and old kernels. */
type Plainly = (pid: number, signal: number) => string | undefined;

/** The port's `signalExactly`. */
export function signalExactly(
  pid: number,
  signal: number,
  isStill: () => boolean,
  plainly: Plainly,
): string | undefined {
  const opened = libc.syscall(PIDFD_OPEN, BigInt(pid), 0n, 0n, 0n);
  if (opened < 0n) {
    const errno = errnoName(lastErrno());
    return errno !== 'ENOSYS' || !isStill() ? errno : plainly(pid, signal);
  }
  try {
    if (!isStill()) return 'ESRCH';
    const sent = libc.syscall(PIDFD_SEND_SIGNAL, opened, BigInt(signal), 0n, 0n);
    return sent === 0n ? undefined : errnoName(lastErrno());
  } finally {
    closeSync(Number(opened));
  }
}
