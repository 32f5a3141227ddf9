import {
  close,
  type Directory,
  enter,
  grant,
  inspect,
  listSome,
  removeDirectory,
  removeFile,
} from './below/handles.ts';
import { below, splitPath, type Way, wayBelow } from './below/way.ts';
import { type FileFailure, type FileStatus, type FileSteps, isFailure } from './files.ts';

/** Read, write and search for the owner: what it takes to empty a directory. */
const OWNER_ALL = 0o700;

/** So often a directory is emptied that somebody else fills. */
const TRIES = 3;

/** Which directories may be emptied: the one that is to be removed, and those below it. */
export type MayEmpty = (found: FileStatus, below: boolean) => boolean;

/**
 * Removes a name with all that is in it; what is gone already is no failure. Links are removed, never followed, and
 * directories that may not be emptied only if they are empty. What lies on another file system is left, and fails with
 * EBUSY.
 */
export function* removeTree(
  directory: Directory,
  name: string,
  mayEmpty: MayEmpty,
): FileSteps<FileFailure | undefined> {
  const failure = yield* removeFile(directory, name);
  if (failure === undefined || !isDirectory(failure)) return failure;
  const root = yield* enterAnyhow(directory, name, mayEmpty, false);
  if (isFailure(root)) {
    if (root.errno === 'ENOTDIR') return failure;
    // What may not be emptied may be empty.
    if (root.errno !== 'EPERM') return root.errno === 'ENOENT' ? undefined : root;
  } else {
    const way = wayBelow(root);
    const left = yield* empty(way, mayEmpty);
    yield* way.leave();
    yield* close(root);
    if (left !== undefined) return left;
  }
  return yield* removeDirectory(directory, name);
}

/** unlink(2) of a directory: EISDIR on Linux, EPERM as POSIX has it. */
function isDirectory({ errno }: FileFailure): boolean {
  return errno === 'EISDIR' || errno === 'EPERM';
}

/** Opens a directory that may be emptied, whatever its mode; EPERM for any other. */
function* enterAnyhow(
  directory: Directory,
  name: string,
  mayEmpty: MayEmpty,
  isBelow: boolean,
): FileSteps<Directory | FileFailure> {
  const found = yield* inspect(directory, name);
  if (isFailure(found)) return found;
  if (found.kind !== 'directory') return { failed: 'enter', path: directory.path, errno: 'ENOTDIR' };
  if (!mayEmpty(found, isBelow)) return { failed: 'enter', path: directory.path, errno: 'EPERM' };
  if ((found.mode & OWNER_ALL) !== OWNER_ALL) {
    const failure = yield* grant(directory, name, OWNER_ALL);
    if (failure !== undefined) return failure;
  }
  const entered = yield* enter(directory, name);
  if (isFailure(entered)) return entered;
  // It may have been exchanged since.
  const there = yield* inspect(entered, '');
  if (!isFailure(there) && mayEmpty(there, isBelow)) return entered;
  yield* close(entered);
  return isFailure(there) ? there : { failed: 'enter', path: entered.path, errno: 'EPERM' };
}

/** Empties a directory. */
function* empty(way: Way, mayEmpty: MayEmpty): FileSteps<FileFailure | undefined> {
  // A list instead of recursion, as in walks. A directory is met twice: to be emptied, and to be removed.
  const pending: { readonly path: string; readonly tries: number }[] = [{ path: '', tries: 0 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path, tries } = next;
    if (tries > 0) {
      const { parent, name } = splitPath(path);
      const above = yield* way.at(parent);
      if (isFailure(above)) return above;
      const failure = yield* removeDirectory(above, name);
      if (failure === undefined) continue;
      if (failure.errno !== 'ENOTEMPTY' || tries >= TRIES) return failure;
    }
    if (path !== '') {
      const { parent, name } = splitPath(path);
      const above = yield* way.at(parent);
      if (isFailure(above)) return above;
      const entered = yield* enterAnyhow(above, name, mayEmpty, true);
      if (isFailure(entered)) {
        if (entered.errno === 'ENOENT') continue;
        return entered;
      }
      yield* close(entered);
      pending.push({ path, tries: tries + 1 });
    }
    const directory = yield* way.at(path);
    if (isFailure(directory)) return directory;
    const inside = yield* removeFiles(directory);
    if (isFailure(inside)) return inside;
    for (const name of inside) pending.push({ path: below(path, name), tries: 0 });
  }
  return undefined;
}

/** Removes what is no directory; the names of what is. */
function* removeFiles(directory: Directory): FileSteps<readonly string[] | FileFailure> {
  const directories: string[] = [];
  for (let anew = true; ; anew = false) {
    const some = yield* listSome(directory, anew);
    if (isFailure(some)) return some;
    if (some.length === 0) return directories;
    for (const name of some) {
      const failure = yield* removeFile(directory, name);
      if (failure === undefined) continue;
      if (!isDirectory(failure)) return failure;
      directories.push(name);
    }
  }
}
