import { joinPath } from '../text/path.ts';
import { digestStrings, type FileDigest, type FileSteps } from './files.ts';
import { sortedStrings, unhurried } from './unhurried.ts';

/** What a watch holds: the files that the application can see, by path relative to the watch ('' for a file watched by name). */
export type Content = {
  /** SHA-256 over the sorted (path, size, digest of content) of all files: times, modes and owners don't count. */
  readonly digest: string;
  readonly files: ReadonlyMap<string, FileDigest>;
  /** Whether any of it lies in memory, as Secrets do: its digests are keyed. */
  readonly keyed: boolean;
  /**
   * What the files hold, by the same paths, as byte strings; there where a reading was asked to capture it. Of a file that
   * is longer than an environment variable may be, one byte more than that.
   */
  readonly texts?: ReadonlyMap<string, string>;
  /** How many bytes the texts have, if that is more than is kept: then none is. */
  readonly tooMuch?: number;
};

export function* contentOf(files: ReadonlyMap<string, FileDigest>, keyed: boolean): FileSteps<Content> {
  const paths = yield* sortedStrings(files.keys());
  const sorted = new Map<string, FileDigest>();
  yield* unhurried(paths, (path) => {
    const file = files.get(path);
    if (file !== undefined) sorted.set(path, file);
  });
  return { digest: yield* digestStrings(toBeDigested(sorted), keyed), files: sorted, keyed };
}

/**
 * The most that is kept of a tree with the names of its files, bytes: as much as execve(2) takes of arguments and
 * environment (6 MiB, three quarters of the largest limit of the stack that counts).
 */
export const MOST_CAPTURED_IN_ALL = 6 * 1024 * 1024;

/** What was captured of the files of a tree, if it is not too much. */
export function captured(
  texts: ReadonlyMap<string, string>,
  bytes: number,
): Pick<Content, 'texts' | 'tooMuch'> {
  return bytes > MOST_CAPTURED_IN_ALL ? { texts, tooMuch: bytes } : { texts };
}

function* toBeDigested(files: ReadonlyMap<string, FileDigest>): Generator<string> {
  for (const [path, { size, digest }] of files) {
    yield path;
    yield String(size);
    yield digest;
  }
}

/** The content of each watch, by the watch's path. */
export type Snapshot = ReadonlyMap<string, Content>;

export function sameSnapshot(one: Snapshot, other: Snapshot): boolean {
  return (
    one.size === other.size && [...one].every(([path, content]) => other.get(path)?.digest === content.digest)
  );
}

/** The absolute paths of the files that were added, removed or changed from one snapshot to another, sorted. */
export function changedPaths(from: Snapshot, to: Snapshot): readonly string[] {
  const lists: (readonly string[])[] = [];
  for (const watch of new Set([...from.keys(), ...to.keys()])) {
    const list = changedFiles(watch, from.get(watch), to.get(watch));
    if (list.length > 0) lists.push(list);
  }
  const [first, ...others] = lists;
  if (first === undefined) return [];
  if (others.length === 0) return first;
  const known = MERGED.get(first);
  if (known !== undefined && same(known.others, others)) return known.paths;
  const paths = [...new Set(lists.flat())].sort();
  MERGED.set(first, { others, paths });
  return paths;
}

/*
 * What changed from one content to another is asked for many times while a change makes its way, and may be long: it is
 * found out once, and with pauses when it is read.
 */

/** The content before is known by its digest: held by itself, it would in turn hold the one before it, and so on. */
type Change = {
  readonly watch: string;
  readonly before: string | undefined;
  readonly paths: readonly string[];
};

/** By the content after it, the last change that was asked for. */
const CHANGES = new WeakMap<Content, Change>();

/** By the first of its lists, what several watches have in common; what it holds must not hold that list. */
const MERGED = new WeakMap<
  readonly string[],
  { readonly others: readonly (readonly string[])[]; readonly paths: readonly string[] }
>();

const NONE: Content = { digest: '', files: new Map(), keyed: false };

/** The paths of the files of one watch that differ, sorted. */
function changedFiles(watch: string, before: Content | undefined, after: Content = NONE): readonly string[] {
  if (before?.digest === after.digest) return [];
  const known = CHANGES.get(after);
  if (known !== undefined && known.before === before?.digest && known.watch === watch) return known.paths;
  const paths = [...differing(watch, before, after)].flatMap((path) => path ?? []);
  CHANGES.set(after, { watch, before: before?.digest, paths });
  return paths;
}

/** Finds out with pauses what {@link changedPaths} is going to be asked. */
export function* foreseeChange(watch: string, before: Content | undefined, after: Content): FileSteps<void> {
  if (before?.digest === after.digest) return;
  const paths: string[] = [];
  yield* unhurried(differing(watch, before, after), (path) => {
    if (path !== undefined) paths.push(path);
  });
  CHANGES.set(after, { watch, before: before?.digest, paths });
}

/** Goes through the files of two contents, which are sorted, side by side: the path of each that differs, else undefined. */
function* differing(
  watch: string,
  before: Content = NONE,
  after: Content,
): Generator<string | undefined, void, void> {
  const [olds, news] = [before.files.entries(), after.files.entries()];
  let [old, fresh] = [olds.next(), news.next()];
  while (old.done !== true || fresh.done !== true) {
    const [oldPath, newPath] = [old.value?.[0], fresh.value?.[0]];
    if (newPath === undefined || (oldPath !== undefined && oldPath < newPath)) {
      yield joinPath(watch, oldPath ?? '');
      old = olds.next();
    } else if (oldPath === undefined || newPath < oldPath) {
      yield joinPath(watch, newPath);
      fresh = news.next();
    } else {
      yield old.value?.[1].digest === fresh.value?.[1].digest ? undefined : joinPath(watch, newPath);
      old = olds.next();
      fresh = news.next();
    }
  }
}

function same(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}
