import { joinPath } from '../text/path.ts';
import { act, type FileFailure, type FileSteps, isFailure, names, status } from './files.ts';

/** Read, write and search for the owner: what it takes to empty a directory. */
const OWNER_ALL = 0o700;

/**
 * Removes a directory with all that is in it; what is gone already is no failure. Links are removed, never followed.
 * What lies on another file system is left, and fails with EBUSY.
 */
export function* removeTree(root: string): FileSteps<FileFailure | undefined> {
  // A list instead of recursion, as in walks. A directory is met twice: to be emptied, and to be removed.
  const pending: { readonly path: string; readonly emptied: boolean }[] = [{ path: root, emptied: false }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path, emptied } = next;
    if (emptied) {
      const failure = yield* act({ op: 'rmdir', path });
      if (failure !== undefined && failure.errno !== 'ENOENT') return failure;
      continue;
    }
    const found = yield* status(path, false);
    if (isFailure(found)) {
      if (found.errno === 'ENOENT') continue;
      return found;
    }
    if (found.kind !== 'directory') {
      const failure = yield* removeLink(path);
      if (failure !== undefined) return failure;
      continue;
    }
    if ((found.mode & OWNER_ALL) !== OWNER_ALL) {
      const failure = yield* act({ op: 'chmod', path, mode: OWNER_ALL });
      if (failure !== undefined) return failure;
    }
    const children = yield* names(path);
    if (isFailure(children)) return children;
    pending.push({ path, emptied: true });
    for (const child of children) pending.push({ path: joinPath(path, child), emptied: false });
  }
  return undefined;
}

/** Removes a name that is no directory; one that is gone already is no failure. */
export function* removeLink(path: string): FileSteps<FileFailure | undefined> {
  const failure = yield* act({ op: 'unlink', path });
  return failure?.errno === 'ENOENT' ? undefined : failure;
}
