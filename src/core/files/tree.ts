import type { PathPredicate } from '../text/glob.ts';
import { joinPath } from '../text/path.ts';
import { type Content, contentOf } from './content.ts';
import {
  digestFile,
  type FileDigest,
  type FileFailure,
  type FileOperation,
  type FileStatus,
  type FileSteps,
  isFailure,
  liesInMemory,
  names,
  status,
  telling,
} from './files.ts';
import { isApart, uncountedNames } from './volume.ts';

/** A watch holds at most this much (specification 4.1). */
export const MAX_FILES = 10_000;
export const MAX_BYTES = 256 * 1024 * 1024;

/** What one walk over a tree found. */
export type Tree = {
  readonly files: Map<string, FileDigest>;
  /** Every real directory that was read, with its identity. */
  readonly directories: Map<string, string>;
  /** By the identities of those directories, the names under which they were read. */
  readonly seen: Map<string, string>;
  /** Whether a name vanished between being listed and being read. */
  torn: boolean;
  /** Whether a link was followed. */
  linked: boolean;
  /** By device, whether the files of it that were read lie in memory, where the watch itself does not. */
  readonly memory: Map<string, boolean>;
  bytes: number;
  /** What the files hold, where it is captured. */
  readonly texts: Map<string, string>;
};

export type WalkOptions = {
  readonly keyed: boolean;
  readonly ignore: PathPredicate;
  /** Whether what the files hold is kept as well. */
  readonly capture: boolean;
  readonly copy: TreeCopy | undefined;
};

/** Takes a copy of what walks read, from the very bytes that are digested. A failure of its own ends a walk. */
export type TreeCopy = {
  /** A reading begins, perhaps anew: what was copied before is of no use. */
  begin(): FileSteps<FileFailure | undefined>;
  directory(name: string, found: FileStatus): FileSteps<FileFailure | undefined>;
  /** Another name of a directory that was copied as `first`, or lies around this one. */
  second(name: string, first: string): FileSteps<FileFailure | undefined>;
  file(source: CopySource, limit: number): FileSteps<FileDigest | FileFailure>;
};

export type CopySource = {
  readonly path: string;
  readonly name: string;
  readonly found: FileStatus;
  /** Whether its digest is keyed, because it lies in memory. */
  readonly keyed: boolean;
};

/**
 * The most that is kept of a file, bytes: the longest argument or variable that execve(2) takes (MAX_ARG_STRLEN, 32
 * pages), and one more to tell that there is more.
 */
export const MOST_CAPTURED = 131_072 + 1;

export type TooLarge = { readonly tooLarge: 'files' | 'bytes' };

export function emptyTree(): Tree {
  return {
    files: new Map(),
    directories: new Map(),
    seen: new Map(),
    torn: false,
    linked: false,
    memory: new Map(),
    bytes: 0,
    texts: new Map(),
  };
}

/**
 * Reads what lies at `path` into `tree`, under the name `name` relative to the watch. Links are followed and each real
 * directory is read once, so loops end; `lost+found`, sockets, FIFOs and devices are never opened.
 *
 * @returns undefined, or what could not be read: the tree is then of no use
 */
export function* walk(
  tree: Tree,
  path: string,
  name: string,
  options: WalkOptions,
): FileSteps<FileFailure | TooLarge | undefined> {
  // A list instead of recursion: the stack of a small engine is shallow, and a deep tree is somebody else's choice.
  const pending: { path: string; name: string }[] = [{ path, name }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.name !== '' && options.ignore(next.name)) continue;
    const found = yield* statusOf(tree, next.path);
    if (found === undefined) continue;
    if (isFailure(found)) {
      if (!isGone(found)) return found;
      // What the watch itself names may just not be there; a name that was listed has vanished since.
      if (next.name !== '') tree.torn = true;
    } else if (found.kind === 'directory') {
      const first = tree.seen.get(found.identity);
      if (first !== undefined) {
        if (tree.files.size >= MAX_FILES) return { tooLarge: 'files' };
        tree.files.set(next.name, secondName(first));
        const failed = options.copy === undefined ? undefined : yield* options.copy.second(next.name, first);
        if (failed !== undefined) return failed;
        continue;
      }
      tree.seen.set(found.identity, next.name);
      tree.directories.set(next.path, found.identity);
      const copied = yield* copyDirectory(next.name, found, options);
      if (copied !== undefined) return copied;
      const children = yield* names(next.path);
      if (isFailure(children)) {
        if (!isGone(children)) return children;
        tree.torn = true;
        continue;
      }
      // In a fixed order, so that a directory with two names has the same one in each reading.
      for (const child of [...children].sort().reverse()) {
        if (isApart(child)) continue;
        pending.push({
          path: joinPath(next.path, child),
          name: next.name === '' ? child : `${next.name}/${child}`,
        });
      }
    } else if (found.kind === 'file') {
      const keyed = options.keyed || (yield* holdsMemory(tree, next.path, found));
      const failure = yield* add(tree, { ...next, found, keyed }, options);
      if (failure !== undefined) return failure;
    }
  }
  return undefined;
}

/** Has names that don't count be copied all the same, since the application may want them. */
export function* copyUncounted(
  tree: Tree,
  entries: ReadonlyMap<string, string>,
  options: WalkOptions,
): FileSteps<FileFailure | TooLarge | undefined> {
  const uncounted = emptyTree();
  for (const name of options.copy === undefined ? [] : uncountedNames(entries)) {
    const path = entries.get(name);
    const failure = path === undefined ? undefined : yield* walk(uncounted, path, name, options);
    if (failure !== undefined) return failure;
  }
  tree.torn ||= uncounted.torn;
  return undefined;
}

/** The digest over all is keyed if that of any file is. */
export function* contentOfTree(tree: Tree, { keyed, capture }: WalkOptions): FileSteps<Content> {
  const content = yield* contentOf(tree.files, keyed || [...tree.memory.values()].includes(true));
  return capture ? { ...content, texts: tree.texts } : content;
}

/** What stands among the files for a directory that was read under another name already: its name alone counts. */
export function secondName(first: string): FileDigest {
  return { size: 0, digest: `another name of ${first}`, second: first };
}

/** What lies at a path, links followed; undefined for a link that leads nowhere, which is no sign of a writer. */
function* statusOf(tree: Tree, path: string): FileSteps<FileStatus | FileFailure | undefined> {
  const found = yield* status(path, false);
  if (isFailure(found) || found.kind !== 'link') return found;
  tree.linked = true;
  const target = yield* status(path, true);
  return isFailure(target) && isGone(target) ? undefined : target;
}

/** Whether a file lies in memory: a link or a mount may lead from a disk to a Secret. */
function* holdsMemory(tree: Tree, path: string, { device }: FileStatus): FileSteps<boolean> {
  const known = tree.memory.get(device) ?? (yield* liesInMemory(path));
  tree.memory.set(device, known);
  return known;
}

function* copyDirectory(
  name: string,
  found: FileStatus,
  { copy }: WalkOptions,
): FileSteps<FileFailure | undefined> {
  return copy === undefined ? undefined : yield* copy.directory(name, found);
}

function* add(
  tree: Tree,
  source: CopySource,
  options: WalkOptions,
): FileSteps<FileFailure | TooLarge | undefined> {
  if (tree.files.size >= MAX_FILES) return { tooLarge: 'files' };
  const digest = yield* digestOf(tree, source, options);
  if (!isFailure(digest)) {
    tree.bytes += digest.size;
    tree.files.set(source.name, digest);
    return undefined;
  }
  if (digest.errno === 'EFBIG') return { tooLarge: 'bytes' };
  if (!isGone(digest)) return digest;
  tree.torn = true;
  return undefined;
}

function* digestOf(
  tree: Tree,
  source: CopySource,
  { copy, capture }: WalkOptions,
): FileSteps<FileDigest | FileFailure> {
  const { path, name, keyed } = source;
  const limit = MAX_BYTES - tree.bytes;
  if (copy !== undefined) return yield* copy.file(source, limit);
  if (!capture) return yield* digestFile(path, keyed, limit);
  let text = '';
  const digest = yield* digestFile(
    path,
    keyed,
    limit,
    telling((bytes) => {
      text += bytes.slice(0, MOST_CAPTURED - text.length);
    }),
  );
  if (!isFailure(digest)) tree.texts.set(name, text);
  return digest;
}

/** Operations on what is read; the others are on a copy of it. */
const READING: readonly FileOperation[] = ['status', 'names', 'open', 'read', 'digest-file', 'copy'];

/** Whether what was there is not there any more, or is something else by now (EISDIR: a directory, ENXIO: a socket). */
function isGone({ failed, errno }: FileFailure): boolean {
  return (
    READING.includes(failed) && ['ENOENT', 'ENOTDIR', 'ELOOP', 'ESTALE', 'EISDIR', 'ENXIO'].includes(errno)
  );
}
