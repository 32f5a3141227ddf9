import type { FileFailure, FileSteps } from '../files/files.ts';

/*
 * How a check is told what changed (specification 5, *check*): by a variable, of which execve(2) takes 128 KiB at most, and
 * by a file in memory that has all of it.
 */

/** The most bytes of the variable's whole lines. */
const MOST_VARIABLE = 64 * 1024;

/** U+2026 as a byte string: there is more. */
const MORE = '\xe2\x80\xa6';

/** Where the file is found: descriptor 3, which each that opens this reads from the beginning. */
const FILE = '/proc/self/fd/3';

const NAMES = ['REHUP_CHANGED', 'REHUP_CHANGED_FILE'] as const;

/** An environment with the variables of a check in it, and none of that name that were inherited. */
export function withChanged(environment: readonly string[], paths: readonly string[]): readonly string[] {
  const others = environment.filter((entry) => !NAMES.some((name) => entry.startsWith(`${name}=`)));
  return [...others, `REHUP_CHANGED=${shortened(paths)}`, `REHUP_CHANGED_FILE=${FILE}`];
}

/** The paths, one a line; of many the first ones. */
function shortened(paths: readonly string[]): string {
  let size = 0;
  const end = paths.findIndex((path) => {
    size += path.length + 1;
    return size > MOST_VARIABLE;
  });
  return end < 0 ? paths.join('\n') : [...paths.slice(0, end), MORE].join('\n');
}

/** So many bytes are written at once. */
const PIECE = 16 * 1024;

/**
 * A file without a name that holds the paths, one a line; its handle is to be closed.
 *
 * @param cancelled whether nobody wants it any more; then it is closed already, and there is none
 */
export function* changedFile(
  paths: readonly string[],
  cancelled: () => boolean,
): FileSteps<number | FileFailure | undefined> {
  const made = yield { op: 'scratch' };
  if (made.op === 'error') return { failed: 'scratch', path: FILE, errno: made.errno };
  if (made.op !== 'scratch') throw new Error(`internal error: the host answered scratch with ${made.op}`);
  const file = made.value;
  let piece = '';
  for (const [index, path] of paths.entries()) {
    piece += `${path}\n`;
    if (piece.length < PIECE && index < paths.length - 1) continue;
    const written = yield { op: 'write', file, bytes: piece };
    if (written.op === 'error') {
      yield { op: 'close', file };
      return { failed: 'write', path: FILE, errno: written.errno };
    }
    piece = '';
  }
  if (!cancelled()) return file;
  yield { op: 'close', file };
  return undefined;
}

/** Whether files in memory are not to be had here: a kernel before 3.17, or a seccomp profile of that age. */
export function isRefused({ failed, errno }: FileFailure): boolean {
  return failed === 'scratch' && (errno === 'ENOSYS' || errno === 'EPERM');
}

const VARIABLE = 'REHUP_CHANGED=';

/** Whether less of the paths can be told by the variable, where there is no room for it: execve(2) failed with E2BIG. */
export function isShortenable(environment: readonly string[]): boolean {
  return environment.some(
    (entry) => entry.startsWith(VARIABLE) && entry.length > VARIABLE.length + MORE.length,
  );
}

/** The environment of a check that finds the paths in the file alone. */
export function withoutPaths(environment: readonly string[]): readonly string[] {
  return environment.map((entry) => (entry.startsWith(VARIABLE) ? `${VARIABLE}${MORE}` : entry));
}

/** The environment of a check that has to do without the file. */
export function withoutFile(environment: readonly string[]): readonly string[] {
  return environment.filter((entry) => !entry.startsWith('REHUP_CHANGED_FILE='));
}
