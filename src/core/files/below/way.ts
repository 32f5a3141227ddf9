import { type FileFailure, type FileStatus, type FileSteps, isFailure } from '../files.ts';
import { close, type Directory, enter, inspect, listAll } from './handles.ts';

/**
 * The directories below one that is open, by their paths relative to it. They are entered one name at a time, and only
 * the last one stays open: a deep tree takes no more descriptors than a flat one.
 */
export type Way = {
  /** Opens the directory of a path, `''` for the first one; it is good until the next call. */
  at(path: string): FileSteps<Directory | FileFailure>;
  /** Closes what is open but for the first one. */
  leave(): FileSteps<void>;
};

export function wayBelow(root: Directory): Way {
  let last: { readonly path: string; readonly directory: Directory } | undefined;

  function* leave(): FileSteps<void> {
    const left = last;
    last = undefined;
    if (left !== undefined) yield* close(left.directory);
  }

  function* at(path: string): FileSteps<Directory | FileFailure> {
    if (path === '') return root;
    if (last?.path === path) return last.directory;
    const further = last !== undefined && path.startsWith(`${last.path}/`);
    if (!further) yield* leave();
    const names = path.slice(last === undefined ? 0 : last.path.length + 1).split('/');
    for (const name of names) {
      const entered: Directory | FileFailure = yield* enter(last?.directory ?? root, name);
      const before = last?.path;
      yield* leave();
      if (isFailure(entered)) return entered;
      last = { path: before === undefined ? name : `${before}/${name}`, directory: entered };
    }
    return last?.directory ?? root;
  }

  return { at, leave };
}

/** A path relative to a directory, taken apart: that of the directory that it lies in, and its name there. */
export function splitPath(path: string): { readonly parent: string; readonly name: string } {
  const slash = path.lastIndexOf('/');
  return { parent: slash < 0 ? '' : path.slice(0, slash), name: path.slice(slash + 1) };
}

export function below(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`;
}

/** One name somewhere below a directory. */
export type Entry = {
  /** Relative to where the walk began. */
  readonly path: string;
  readonly name: string;
  /** Where the name is, open. */
  readonly directory: Directory;
  readonly found: FileStatus;
};

/** The most entries that a walk meets: the files and directories that a watch may hold, twice. */
const MOST_ENTRIES = 40_000;

/**
 * Shows each name below a directory to `visit`, in a fixed order, and follows nothing; ends at the first failure, with
 * EOVERFLOW if there are too many.
 */
export function* eachBelow(
  root: Directory,
  visit: (entry: Entry) => FileSteps<FileFailure | undefined>,
): FileSteps<FileFailure | undefined> {
  const way = wayBelow(root);
  const failure = yield* visitAll();
  yield* way.leave();
  return failure;

  function* visitAll(): FileSteps<FileFailure | undefined> {
    const pending = [''];
    let met = 0;
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      const directory = yield* way.at(path);
      if (isFailure(directory)) return directory;
      const names = yield* listAll(directory);
      if (isFailure(names)) return names;
      met += names.length;
      if (met > MOST_ENTRIES) return { failed: 'entries', path: root.path, errno: 'EOVERFLOW' };
      for (const name of names) {
        const found = yield* inspect(directory, name);
        if (isFailure(found)) return found;
        const wrong = yield* visit({ path: below(path, name), name, directory, found });
        if (wrong !== undefined) return wrong;
        if (found.kind === 'directory') pending.push(below(path, name));
      }
    }
    return undefined;
  }
}
