import { constants } from 'node:fs';

/* Where a request of the Files port is done. Paths go in as bytes, since they need not be UTF-8. */

export type Located = { readonly in?: number | undefined; readonly path: string };

export function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

/**
 * A name in a directory that is open: the link in /proc leads to the very directory, wherever it is by now, and the calls
 * of node:fs that are made with it follow no link at the end of a path.
 */
export function inside(directory: number, name: string): Buffer {
  return bytes(`/proc/self/fd/${directory}/${name}`);
}

export function located({ in: directory, path }: Located): Buffer {
  return directory === undefined ? bytes(path) : inside(directory, path);
}

/** The flag for open(2) by which a name in a directory is no link; a path may lead through one at its end. */
export function unfollowed({ in: directory }: Located): number {
  return directory === undefined ? 0 : constants.O_NOFOLLOW;
}
