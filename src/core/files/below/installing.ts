import { joinPath, parentPath } from '../../text/path.ts';
import {
  copyingTo,
  digestOpened,
  type FileFailure,
  type FileSteps,
  isFailure,
  open,
  status,
} from '../files.ts';
import {
  changeMode,
  close,
  createIn,
  type Directory,
  enterPath,
  inspect,
  lock,
  removeFile,
  rename,
  sync,
} from './handles.ts';

/* `rehup install`: one file copied to a path, which names the old one or the whole new one at any time. */

/** The executable of this process: proc_pid_exe(5). */
export const EXECUTABLE = '/proc/self/exe';

/** What it is called in a directory. */
const NAME = 'rehup';

/** Under this name it is written, by whoever has the lock of the directory. */
const UNFINISHED = '.rehup-install';

/** Whoever runs the containers of the pod may run it. */
const MODE = 0o755;

/** More than any executable of ours is: with Node in it 118 MB. */
const MOST_BYTES = 1024 ** 3;

/** What is copied, and where: an absolute path, and whether that can only be meant as a directory. */
export type Installing = {
  readonly executable: string;
  readonly path: string;
  readonly inside: boolean;
};

/** Where it is now, or why it is not: in words for a person where no errno says it. */
export type Installed =
  | { readonly kind: 'installed'; readonly path: string }
  | { readonly kind: 'failed'; readonly failure: FileFailure }
  | { readonly kind: 'refused'; readonly path: string; readonly reason: string };

/**
 * Copies a file to a path, or into it where that is a directory. What is there is replaced by a rename, a link too,
 * but nothing that is neither a file nor a link.
 */
export function* install({ executable, path, inside }: Installing): FileSteps<Installed> {
  const found = yield* status(path, true);
  const into = inside || (!isFailure(found) && found.kind === 'directory');
  const name = into ? NAME : path.slice(path.lastIndexOf('/') + 1);
  const directory = yield* enterPath(into ? path : parentPath(path));
  if (isFailure(directory)) return { kind: 'failed', failure: directory };
  const installed = yield* installIn(directory, name, executable);
  yield* close(directory);
  return installed;
}

function* installIn(directory: Directory, name: string, executable: string): FileSteps<Installed> {
  const path = joinPath(directory.path, name);
  const there = yield* inspect(directory, name);
  if (isFailure(there)) {
    if (there.errno !== 'ENOENT') return { kind: 'failed', failure: there };
  } else if (there.kind === 'directory' || there.kind === 'other') {
    const what = there.kind === 'directory' ? 'a directory' : 'neither a file nor a directory';
    return { kind: 'refused', path, reason: `there is ${what}; give a path where nothing is, or a file` };
  }
  // A file system that has no locks is no reason not to write there.
  if ((yield* lock(directory)) === false)
    return { kind: 'refused', path, reason: 'another process has the lock of its directory; try again' };
  const failure = yield* replace(directory, name, executable);
  if (failure === undefined) return { kind: 'installed', path };
  yield* removeFile(directory, UNFINISHED);
  // The name under which it was written says nothing to anybody.
  return { kind: 'failed', failure: failure.path === executable ? failure : { ...failure, path } };
}

function* replace(
  directory: Directory,
  name: string,
  executable: string,
): FileSteps<FileFailure | undefined> {
  const source = yield* open(executable);
  if (isFailure(source)) return source;
  // What one left that was killed; if it can't be removed, that it is there is told next.
  yield* removeFile(directory, UNFINISHED);
  const target = yield* createIn(directory, UNFINISHED, 0o700);
  if (isFailure(target)) {
    yield { op: 'close', file: source };
    return target;
  }
  const copied = yield* digestOpened(source, executable, false, MOST_BYTES, copyingTo(target));
  const path = joinPath(directory.path, UNFINISHED);
  let failure = isFailure(copied) ? { ...copied, path } : yield* changeMode(target, path, MODE);
  failure ??= yield* sync(target, path);
  yield { op: 'close', file: target };
  return failure ?? (yield* rename(directory, UNFINISHED, name));
}
