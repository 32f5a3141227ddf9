import { constants, existsSync, openSync } from 'node:fs';
import { errnoName } from '../errno.ts';
import { lastErrno, libc } from '../process/libc.ts';

/* Where a request of the Files port is done. Paths go in as bytes, since they need not be UTF-8. */

export type Located = { readonly in?: number | undefined; readonly path: string };

/** O_PATH of fcntl.h, which Node has no name for. */
export const O_PATH = 0o10000000;

/** By which name each descriptor of this process is found, if /proc is there. */
const DESCRIPTORS = '/proc/self/fd';

export function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

/**
 * Calls something of node:fs with a path; or with that of a name in a directory that is open (none: the directory
 * itself), by which the very directory is reached, wherever it is by now. Calls that follow no link at the end of a path
 * follow none at all then.
 *
 * @throws what the call does; what fchdir(2) does where there is no /proc
 */
export function at<Value>({ in: directory, path }: Located, call: (path: Buffer) => Value): Value {
  if (directory === undefined) return call(bytes(path));
  if (existsSync(DESCRIPTORS)) return call(bytes(`${DESCRIPTORS}/${directory}/${path}`));
  return from(directory, () => call(bytes(path === '' ? '.' : path)));
}

/** The flag for open(2) by which a name in a directory is no link; a path may lead through one at its end. */
export function unfollowed({ in: directory }: Located): number {
  return directory === undefined ? 0 : constants.O_NOFOLLOW;
}

/** The directory that this process is in but for the moments of {@link from}. */
let home: number | undefined;

/** Calls something while an open directory is the present one. No other thread of Node's has a relative path in use. */
function from<Value>(directory: number, call: () => Value): Value {
  home ??= openSync('.', O_PATH | constants.O_DIRECTORY);
  // Whoever may not come back had better not leave.
  enter(home);
  enter(directory);
  try {
    return call();
  } finally {
    enter(home);
  }
}

function enter(directory: number): void {
  if (libc.fchdir(directory) === 0) return;
  throw Object.assign(new Error('fchdir failed'), { code: errnoName(lastErrno()) });
}
