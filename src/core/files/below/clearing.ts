import { type FileFailure, type FileSteps, isFailure } from '../files.ts';
import { GENERATION_PREFIX } from '../layout.ts';
import { type Directory, makeDirectory, removeDirectory, removeFile, rename } from './handles.ts';

/** So many names are tried to put a directory aside under. */
const TRIES = 64;

/** Far above those of generations, which are counted up from 1, and below the highest that is one. */
const FIRST_ASIDE = 900_000_000_000_001;

/** What renameat(2) onto a name, and unlinkat(2) of it, fail with where there is a directory. */
const IS_DIRECTORY = ['EISDIR', 'EPERM', 'ENOTEMPTY', 'EEXIST'];

/**
 * Has nothing be at a name. What others put there is removed, but for a directory that is not empty: that is left, under
 * a name of a generation that nobody ever reads.
 */
export function* clearWay(directory: Directory, name: string): FileSteps<FileFailure | undefined> {
  const failure = yield* removeFile(directory, name);
  if (failure === undefined || !IS_DIRECTORY.includes(failure.errno)) return failure;
  const filled = yield* removeDirectory(directory, name);
  if (filled === undefined) return undefined;
  if (!IS_DIRECTORY.includes(filled.errno)) return filled.errno === 'ENOTDIR' ? failure : filled;
  return yield* putAside(directory, name);
}

function* putAside(directory: Directory, name: string): FileSteps<FileFailure | undefined> {
  let failure: FileFailure | undefined;
  for (let number = FIRST_ASIDE; number < FIRST_ASIDE + TRIES; number++) {
    const aside = `${GENERATION_PREFIX}${number}`;
    // A name that is taken is not renamed onto: an empty directory of others would do, a full one would not.
    failure = yield* makeDirectory(directory, aside, 0o700);
    if (failure?.errno === 'EEXIST') continue;
    failure ??= yield* rename(directory, name, aside);
    if (failure === undefined || failure.errno === 'ENOENT') return undefined;
  }
  return failure;
}

/** Renames one name onto another, whatever is there. */
export function* renameOver(
  directory: Directory,
  from: string,
  to: string,
): FileSteps<FileFailure | undefined> {
  const failure = yield* rename(directory, from, to);
  if (failure === undefined || !IS_DIRECTORY.includes(failure.errno)) return failure;
  const cleared = yield* clearWay(directory, to);
  return isFailure(cleared) ? cleared : yield* rename(directory, from, to);
}
