import { joinPath, parentPath, relativePath } from '../text/path.ts';
import { type FileFailure, type FileSteps, isFailure, readlink } from './files.ts';
import { listed, TOO_MANY } from './listing.ts';
import { isPause, PAUSE, sortedStrings } from './unhurried.ts';

/**
 * A kubelet volume: a directory with a link `..data` to a sibling whose name starts with `..`. True for ConfigMap,
 * Secret, projected, downward API and Secrets Store CSI volumes, whatever file system they lie on
 * (kubernetes: pkg/volume/util/atomic_writer.go).
 */
export type Volume = {
  readonly root: string;
  /** The name that `..data` points to; it changes with every write of new content. */
  readonly generation: string;
};

/** The name of the kubelet's link to the present generation. */
export const DATA_LINK = '..data';
/** The name that the link is made under before it is renamed, by every kubelet and by the Secrets Store CSI driver. */
const SWAPPED_LINK = '..data_tmp';

/** Whether a name belongs to the kubelet, not to the application. */
export function isReserved(name: string): boolean {
  return name.startsWith('..');
}

/** Whether a name does not count: the kubelet's own, and what mkfs(8) makes at the root of a file system. */
export function isApart(name: string): boolean {
  return isReserved(name) || name === 'lost+found';
}

function isCounted(name: string): boolean {
  return !isApart(name);
}

/**
 * Whether an event on this name in a watched directory (none: on the directory itself) may tell of other content. Of the
 * kubelet's own names only the link does: it makes a generation and a temporary link before it swaps, and what is looked
 * at for those is in the way of the look that counts.
 */
export function mayChangeContent(name: string): boolean {
  return !isReserved(name) || name === DATA_LINK;
}

/**
 * How the link of a volume came to lead elsewhere: it was `swapped` by a rename onto it, with the generation whole
 * before, or removed and made anew, as by Kata's agent, with the generation `copied` after it, file by file.
 */
export type LinkChange = 'swapped' | 'copied';

/** What an event on a name in a watched directory tells of the link there, by the name of the event before it. */
export function linkChange(name: string, before: string | undefined): LinkChange | undefined {
  if (name !== DATA_LINK) return undefined;
  return before === SWAPPED_LINK ? 'swapped' : 'copied';
}

/** What readlink(2) fails with where there is no link; with anything else, nobody knows whether there is one. */
const NO_LINK = ['ENOENT', 'ENOTDIR', 'EINVAL', 'ELOOP', 'ENAMETOOLONG', 'ESTALE'];

/** The generation of the volume at `root`; undefined if there is no volume, a failure of the root if that can't be told. */
export function* readGeneration(root: string): FileSteps<string | FileFailure | undefined> {
  const target = yield* readlink(joinPath(root, DATA_LINK));
  if (isFailure(target)) return NO_LINK.includes(target.errno) ? undefined : { ...target, path: root };
  return isReserved(target) && !target.includes('/') ? target : undefined;
}

/** The kubelet volume that `path` lies in or is, if any: the nearest one upwards. */
export function* findVolume(path: string): FileSteps<Volume | FileFailure | undefined> {
  for (let root = path; root !== '/'; root = parentPath(root)) {
    const generation = yield* readGeneration(root);
    if (isFailure(generation)) return generation;
    if (generation !== undefined) return { root, generation };
  }
  return undefined;
}

/** The first level of a volume at one instant, as the application can see it. */
export type VolumeLevel = {
  /** Names to read, each with the path to read it from: below the generation, so that all are of one write. */
  readonly entries: ReadonlyMap<string, string>;
  /** Whether the visible names and those of the generation are the same set (specification 4.2). */
  readonly complete: boolean;
  /** Whether all that is visible comes from the generation. */
  readonly pure: boolean;
};

/** Reads the first level of a volume, of at most so many names; undefined if its generation is gone, which a new look mends. */
export function* readLevel(
  volume: Volume,
  most: number,
): FileSteps<VolumeLevel | FileFailure | typeof TOO_MANY | undefined> {
  const generationPath = joinPath(volume.root, volume.generation);
  const published = yield* listed(generationPath, isCounted, most);
  if (isFailure(published)) return published.errno === 'ENOENT' ? undefined : published;
  const visible = yield* listed(volume.root, isCounted, most);
  if (isFailure(visible)) return visible.errno === 'ENOENT' ? undefined : visible;
  if (published === TOO_MANY || visible === TOO_MANY) return TOO_MANY;
  const available = new Set(published);
  const entries = new Map<string, string>();
  let complete = true;
  let pure = true;
  // In a fixed order, so that a directory with two names has the same one in each reading.
  const sorted = yield* sortedStrings(visible);
  for (const [index, name] of sorted.entries()) {
    if (isPause(index)) yield PAUSE;
    if (available.delete(name)) {
      entries.set(name, joinPath(generationPath, name));
      continue;
    }
    // A link of the kubelet's whose key is gone is about to go too; anything else was put there by somebody else.
    const path = joinPath(volume.root, name);
    const target = yield* readlink(path);
    if (isFailure(target) && !NO_LINK.includes(target.errno)) return target;
    if (typeof target === 'string' && target.startsWith(`${DATA_LINK}/`)) complete = false;
    else {
      entries.set(name, path);
      pure = false;
    }
  }
  return { entries, complete: complete && available.size === 0, pure };
}

/** The files by which a service-account token volume is known; its token rotates about every 48 minutes. */
const TOKEN_VOLUME = ['token', 'ca.crt', 'namespace'] as const;

/** Which of the first-level names of a whole volume don't count as content: the token, where it is one of a service account. */
export function uncountedNames(names: { readonly has: (name: string) => boolean }): readonly string[] {
  return TOKEN_VOLUME.every((name) => names.has(name)) ? ['token'] : [];
}

/**
 * The entries of a level that count for a watch on `path`: with what `path` leads to below the volume, and without the
 * token of a service account unless it is watched by name (specification 4.1).
 */
export function countedEntries(
  volume: Volume,
  level: VolumeLevel,
  path: string,
): ReadonlyMap<string, string> {
  const below = relativePath(volume.root, path) ?? '';
  if (below === '') {
    const apart = uncountedNames(level.entries);
    return new Map([...level.entries].filter(([name]) => !apart.includes(name)));
  }
  const slash = `${below}/`.indexOf('/');
  const entry = level.entries.get(below.slice(0, slash));
  return entry === undefined ? new Map() : new Map([['', entry + below.slice(slash)]]);
}
