import { constants } from 'node:os';
import { errnoName } from './errno.ts';
import { lastErrno, libc } from './process/libc.ts';

/** LOCK_EX | LOCK_NB of sys/file.h. */
const EXCLUSIVE_WITHOUT_WAITING = 2 | 4;

/** flock(2): whether the file of a descriptor is locked by it, until that is closed. What fails is thrown as Node does. */
export function lock(descriptor: number): boolean {
  if (libc.flock(descriptor, EXCLUSIVE_WITHOUT_WAITING) === 0) return true;
  const errno = lastErrno();
  if (errno === constants.errno.EWOULDBLOCK) return false;
  throw Object.assign(new Error('flock failed'), { code: errnoName(errno) });
}
