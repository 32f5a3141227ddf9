import {
  close,
  type Directory,
  enterPath,
  inspect,
  listAll,
  lock,
  removeFile,
} from '../files/below/handles.ts';
import { readPrivate, writePrivate } from '../files/below/private.ts';
import { type FileFailure, type FileSteps, isFailure, status } from '../files/files.ts';
import { textOfBytes } from '../text/bytes.ts';
import { joinPath } from '../text/path.ts';
import type { Life } from './life.ts';

/* Where baselines lie, over restarts of the container and beside those of others: small files, mode 0600. */

/** Where the directory of a user is made, if none is named. */
const BASES = ['/tmp', '/dev/shm'];

const DIRECTORY_MODE = 0o700;

/** So many files of this boot are kept in one directory: of all containers that share it. */
const MOST_KEPT = 1_000;

const NAME = /^rehup-([0-9a-f]{8})-[0-9a-f]{32}\.(?:baseline|notes)$/;

export type Kind = 'baseline' | 'notes';

/** A directory that can be asked; `own`: made by this program, and nobody else's. */
export type Shelf = { readonly path: string; readonly own: boolean };

export function shelvesOf(state: string | undefined, uid: number): readonly Shelf[] {
  return state === undefined
    ? BASES.map((base) => ({ path: joinPath(base, `rehup-probe-${uid}`), own: true }))
    : [{ path: state, own: false }];
}

function fileName({ boot, name }: Life, kind: Kind): string {
  return `rehup-${boot}-${name}.${kind}`;
}

/** Opens a shelf; one of its own must be this user's alone, whatever somebody else put there. */
function* enterShelf({ path, own }: Shelf, uid: number): FileSteps<Directory | FileFailure> {
  const refused = (errno: string): FileFailure => ({ failed: 'enter', path, errno });
  if (own) {
    const found = yield* status(path, false);
    if (isFailure(found)) return found;
    if (found.kind !== 'directory') return refused('ENOTDIR');
  }
  const directory = yield* enterPath(path);
  if (isFailure(directory) || !own) return directory;
  const found = yield* inspect(directory, '');
  const foreign = !isFailure(found) && (found.owner !== uid || (found.mode & 0o077) !== 0);
  if (!isFailure(found) && !foreign) return directory;
  yield* close(directory);
  return isFailure(found) ? found : refused('EPERM');
}

/** What was kept of a life, on the first shelf that has it; undefined if there is none. */
export function* readKept(
  shelves: readonly Shelf[],
  life: Life,
  kind: Kind,
  uid: number,
): FileSteps<string | undefined> {
  for (const shelf of shelves) {
    const directory = yield* enterShelf(shelf, uid);
    if (isFailure(directory)) continue;
    const text = yield* readPrivate(directory, fileName(life, kind), uid);
    yield* close(directory);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** What came of keeping: kept; somebody else was quicker, or is at it; or why it can't be kept anywhere. */
export type Kept = 'kept' | 'taken' | { readonly reason: string };

export type Keeping = {
  readonly uid: number;
  readonly text: string;
  /** What is not replaced, if it is there already. */
  readonly unless: ((text: string) => boolean) | undefined;
};

/** Keeps something of a life, on the first shelf that takes it, whole or not at all. */
export function* keep(shelves: readonly Shelf[], life: Life, kind: Kind, keeping: Keeping): FileSteps<Kept> {
  const refusals: string[] = [];
  for (const shelf of shelves) {
    yield { op: 'mkdir', path: shelf.path, mode: DIRECTORY_MODE };
    const directory = yield* enterShelf(shelf, keeping.uid);
    const kept = isFailure(directory) ? directory : yield* keepIn(directory, life, kind, keeping);
    if (!isFailure(directory)) yield* close(directory);
    if (!isFailure(kept)) return kept;
    refusals.push(`${textOfBytes(shelf.path)} (${kept.errno})`);
  }
  return { reason: refusals.join(', ') };
}

function* keepIn(
  directory: Directory,
  life: Life,
  kind: Kind,
  { uid, text, unless }: Keeping,
): FileSteps<'kept' | 'taken' | FileFailure> {
  // It ends with the handle, however this process ends. Where a file system has no locks, it is done without.
  if ((yield* lock(directory)) === false) return 'taken';
  const name = fileName(life, kind);
  const present = unless === undefined ? undefined : yield* readPrivate(directory, name, uid);
  if (present !== undefined && unless?.(present) === true) return 'taken';
  const failure = yield* writePrivate(directory, name, text);
  if (failure !== undefined) return failure;
  if (unless !== undefined) yield* clearOld(directory, life, name);
  return 'kept';
}

/** Removes what an earlier boot of the machine left, and of this one the oldest, if there is very much. */
function* clearOld(directory: Directory, life: Life, own: string): FileSteps<void> {
  const listed = yield* listAll(directory);
  if (isFailure(listed)) return;
  const present: string[] = [];
  for (const name of listed) {
    const boot = NAME.exec(name)?.[1];
    if (boot === undefined || name === own) continue;
    if (boot !== life.boot) yield* removeFile(directory, name);
    else present.push(name);
  }
  if (present.length < MOST_KEPT) return;
  const aged: { readonly name: string; readonly changed: number }[] = [];
  for (const name of present) {
    const found = yield* inspect(directory, name);
    if (!isFailure(found)) aged.push({ name, changed: found.changed });
  }
  aged.sort((one, other) => one.changed - other.changed);
  for (const { name } of aged.slice(0, aged.length - MOST_KEPT + 1)) yield* removeFile(directory, name);
}
