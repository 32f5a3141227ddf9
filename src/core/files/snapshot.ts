import { joinPath } from '../text/path.ts';
import type { Content } from './content.ts';
import type { FileSteps } from './files.ts';
import { unhurried } from './unhurried.ts';

/**
 * The content of each watch, by the watch's path. Of a thousand watches one changes at a time: what a snapshot has in
 * common with the one that it was made of is kept once, and is not compared.
 */
export type Snapshot = ReadonlyMap<string, Content>;

/** More changes than this make a map of their own. */
const MOST_CHANGES = 32;

class Changed implements Snapshot {
  readonly base: ReadonlyMap<string, Content>;
  readonly changes: ReadonlyMap<string, Content>;
  /** By which a snapshot that is made of this one knows it, without keeping it. */
  readonly mark: object = {};
  /** The mark of the one that it was made of, and the only paths where it may differ from that. */
  readonly origin: object | undefined;
  readonly news: readonly string[];

  constructor({ base, changes }: Parts, origin: object | undefined, news: readonly string[]) {
    this.base = base;
    this.changes = changes;
    this.origin = origin;
    this.news = news;
  }

  get size(): number {
    return this.base.size;
  }

  get(path: string): Content | undefined {
    return this.changes.get(path) ?? this.base.get(path);
  }

  has(path: string): boolean {
    return this.base.has(path);
  }

  keys(): MapIterator<string> {
    return this.base.keys();
  }

  values(): MapIterator<Content> {
    return this.whole().values();
  }

  entries(): MapIterator<[string, Content]> {
    return this.whole().entries();
  }

  forEach(call: (content: Content, path: string, map: Snapshot) => void): void {
    for (const [path, content] of this.whole()) call(content, path, this);
  }

  [Symbol.iterator](): MapIterator<[string, Content]> {
    return this.entries();
  }

  whole(): Map<string, Content> {
    const whole = new Map(this.base);
    for (const [path, content] of this.changes) whole.set(path, content);
    return whole;
  }
}

/** A snapshot with other content at paths that it has already. */
export function withContents(snapshot: Snapshot, contents: ReadonlyMap<string, Content>): Snapshot {
  if (contents.size === 0) return snapshot;
  const { base, changes } = partsOf(snapshot);
  const origin = snapshot instanceof Changed ? snapshot.mark : undefined;
  const news = [...contents.keys()];
  const all = new Map([...changes, ...contents]);
  const changed = new Changed({ base, changes: all }, origin, news);
  if (all.size <= MOST_CHANGES) return changed;
  return new Changed({ base: changed.whole(), changes: NO_CHANGES }, origin, news);
}

type Parts = { readonly base: ReadonlyMap<string, Content>; readonly changes: ReadonlyMap<string, Content> };

function partsOf(snapshot: Snapshot): Parts {
  return snapshot instanceof Changed ? snapshot : { base: snapshot, changes: NO_CHANGES };
}

const NO_CHANGES: ReadonlyMap<string, Content> = new Map();

/** The only paths at which two snapshots may differ: few, where one was made of the other. */
function suspects(one: Snapshot, other: Snapshot): readonly string[] {
  if (one instanceof Changed && other instanceof Changed) {
    if (other.origin === one.mark) return other.news;
    if (one.origin === other.mark) return one.news;
  }
  const from = partsOf(one);
  const to = partsOf(other);
  return from.base === to.base
    ? [...from.changes.keys(), ...to.changes.keys()]
    : [...one.keys(), ...other.keys()];
}

/** Whether two snapshots have other content at a path. */
function differAt(path: string, one: Snapshot, other: Snapshot): boolean {
  const before = one.get(path);
  const after = other.get(path);
  return before !== after && before?.digest !== after?.digest;
}

/** The watches whose content differs, or that only one of them has. */
export function* differing(one: Snapshot, other: Snapshot): Generator<string> {
  if (one === other) return;
  const told = new Set<string>();
  for (const path of suspects(one, other)) {
    if (told.has(path) || !differAt(path, one, other)) continue;
    told.add(path);
    yield path;
  }
}

/** The same as that nothing differs, told without a generator, since it is asked dozens of times for each change. */
export function sameSnapshot(one: Snapshot, other: Snapshot): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const path of suspects(one, other)) if (differAt(path, one, other)) return false;
  return true;
}

/** The absolute paths of the files that were added, removed or changed from one snapshot to another, sorted. */
export function changedPaths(from: Snapshot, to: Snapshot): readonly string[] {
  const lists: (readonly string[])[] = [];
  for (const watch of differing(from, to)) {
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
  const paths: string[] = [];
  for (const path of differingFiles(watch, before, after)) if (path !== undefined) paths.push(path);
  CHANGES.set(after, { watch, before: before?.digest, paths });
  return paths;
}

/** Finds out with pauses what {@link changedPaths} is going to be asked. */
export function* foreseeChange(watch: string, before: Content | undefined, after: Content): FileSteps<void> {
  if (before?.digest === after.digest) return;
  const paths: string[] = [];
  yield* unhurried(differingFiles(watch, before, after), (path) => {
    if (path !== undefined) paths.push(path);
  });
  CHANGES.set(after, { watch, before: before?.digest, paths });
}

/** Goes through the files of two contents, which are sorted, side by side: the path of each that differs, else undefined. */
function* differingFiles(
  watch: string,
  before: Content = NONE,
  after: Content,
): Generator<string | undefined, void, void> {
  const olds = before.files.entries();
  const news = after.files.entries();
  let old = olds.next();
  let fresh = news.next();
  while (old.done !== true || fresh.done !== true) {
    const oldPath = old.value?.[0];
    const newPath = fresh.value?.[0];
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
