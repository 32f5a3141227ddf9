import type { PathPredicate } from '../text/glob.ts';
import { joinPath, parentPath, relativePath } from '../text/path.ts';
import type { Content } from './content.ts';
import { directoriesOf, identified } from './directories.ts';
import { type FileFailure, type FileSteps, isFailure, liesInMemory, status } from './files.ts';
import { type Frozen, frozenAt, type Mount, readMounts, realPath } from './mounts.ts';
import {
  contentOfTree,
  copyUncounted,
  emptyTree,
  type TooLarge,
  type Tree,
  type TreeCopy,
  type WalkOptions,
  walk,
} from './tree.ts';
import {
  countedEntries,
  findVolume,
  readGeneration,
  readLevel,
  type Volume,
  type VolumeLevel,
} from './volume.ts';

/** What is to be read for one watch. */
export type ReadingRequest = {
  readonly path: string;
  /** The last reading of this watch, if its content can be told to be the same without reading all of it again. */
  readonly known?: Known;
  /** Whether the texts of the files are wanted as well: {@link Content.texts}. */
  readonly capture?: boolean;
  /** Takes a copy of what is read; of no use together with a `known` volume, of which nothing may have to be read. */
  readonly copy?: TreeCopy;
  /** Whether its writer goes on below a generation that the link leads to already, so that events there count as well. */
  readonly copied?: boolean;
  /** Whether to tell of a mount that keeps it from ever changing. */
  readonly mounts?: boolean;
};

/** What a reading leaves for the next one. */
export type Known = {
  readonly digest: string;
  /** The volume that was read whole, complete, and with nothing in it that lies elsewhere. */
  readonly volume?: Volume;
};

/** The directories whose events hint at changes, each with the identity of what was read there. */
export type Directories = ReadonlyMap<string, string>;

/** What became of one watch. */
export type Reading = Outcome & {
  /** Why it can never change, where that was asked for and is so. */
  readonly frozen?: Frozen;
};

type Outcome =
  | { readonly status: 'unchanged' }
  | {
      readonly status: 'read';
      readonly content: Content;
      /** False while the writer is seen at work: read again, and take it as it is only if that goes on for too long. */
      readonly settled: boolean;
      /** Whether generations went by faster than one could be read: what was read may be a mix and is never taken. */
      readonly moving: boolean;
      readonly volume: Volume | undefined;
      readonly directories: Directories;
      readonly known: Known;
    }
  | {
      readonly status: 'missing';
      /** Whether something may appear there: the parent directory is there, or the path lies on a mounted volume. */
      readonly expected: boolean;
      readonly volume: Volume | undefined;
      readonly directories: Directories;
    }
  | ({ readonly status: 'unreadable' } & FileFailure)
  | ({ readonly status: 'too-large' } & TooLarge);

/** Tries of a reading of which something changed under it, before it is left to the next look. */
const TRIES = 5;

/** What one look has seen of volumes, by their root: watches on the same volume must be of the same generation. */
type Seen = {
  readonly generations: Map<string, string>;
  readonly levels: Map<string, VolumeLevel>;
  mounts: readonly Mount[] | undefined;
};

/**
 * Reads all watches, each from one generation of its volume, or twice until two readings agree where there is none
 * (specification 4.2). The answers are in the order of the requests.
 */
export function* readWatches(
  requests: readonly ReadingRequest[],
  ignore: PathPredicate,
): FileSteps<readonly Reading[]> {
  for (let tries = 1; ; tries++) {
    const seen: Seen = { generations: new Map(), levels: new Map(), mounts: undefined };
    const last = tries === TRIES;
    const readings: Outcome[] = [];
    for (const request of requests) {
      const reading = yield* readWatch(request, ignore, seen, last);
      if (reading === undefined) break;
      readings.push(reading);
    }
    if (readings.length < requests.length) continue;
    if (!last && (yield* disagree(requests, readings, ignore))) continue;
    return yield* withFrozen(requests, readings, seen);
  }
}

function* withFrozen(
  requests: readonly ReadingRequest[],
  readings: readonly Outcome[],
  seen: Seen,
): FileSteps<readonly Reading[]> {
  const all: Reading[] = [];
  for (const [index, reading] of readings.entries()) {
    const request = requests[index];
    if (request?.mounts === true) {
      seen.mounts ??= yield* readMounts();
      const frozen = frozenAt(seen.mounts, yield* realPath(request.path));
      all.push(frozen === undefined ? reading : { ...reading, frozen });
    } else all.push(reading);
  }
  return all;
}

/**
 * Whether plain files that two watches have in common were written between the readings of the two: told as they are,
 * they would be one change now and the same once more with the next look.
 */
function* disagree(
  requests: readonly ReadingRequest[],
  readings: readonly Outcome[],
  ignore: PathPredicate,
): FileSteps<boolean> {
  for (const [index, { path, known }] of requests.entries()) {
    const changed = plainDigest(readings[index]);
    if (changed === undefined || changed === known?.digest) continue;
    for (const [earlier, { path: other }] of requests.slice(0, index).entries()) {
      const before = plainDigest(readings[earlier]);
      if (before === undefined || !overlap(path, other)) continue;
      const tree = emptyTree();
      const keyed = yield* liesInMemory(other);
      const options = { keyed, ignore, capture: false, copy: undefined };
      if ((yield* walk(tree, other, '', options)) !== undefined) return true;
      if ((yield* contentOfTree(tree, options)).digest !== before) return true;
    }
  }
  return false;
}

function plainDigest(reading: Outcome | undefined): string | undefined {
  return reading?.status === 'read' && reading.volume === undefined ? reading.content.digest : undefined;
}

function overlap(one: string, other: string): boolean {
  return relativePath(one, other) !== undefined || relativePath(other, one) !== undefined;
}

/** One watch; undefined if its volume moved on during this look, so that the look must begin anew. */
function* readWatch(
  request: ReadingRequest,
  ignore: PathPredicate,
  seen: Seen,
  last: boolean,
): FileSteps<Outcome | undefined> {
  const { path, known } = request;
  if (known?.volume !== undefined) {
    const { root, generation } = known.volume;
    // One readlink a volume, however many watches are on it.
    const present = seen.generations.get(root) ?? (yield* readGeneration(root));
    if (present === generation) {
      seen.generations.set(root, generation);
      return { status: 'unchanged' };
    }
  }
  const found = yield* findVolume(path);
  if (isFailure(found)) return unusable(found);
  const keyed = yield* liesInMemory(found?.root ?? path);
  const options: WalkOptions = { keyed, ignore, capture: request.capture ?? false, copy: request.copy };
  if (found === undefined) {
    const reading = yield* readPlain(request, options);
    // What was not there yet when it was asked for counts as lying in memory, and would have another digest at the next look.
    if (!last && keyed && reading.status === 'read' && !(yield* liesInMemory(path))) return undefined;
    // A volume that was written for the first time meanwhile is read as one.
    return !last && (yield* findVolume(path)) !== undefined ? undefined : reading;
  }
  const before = seen.generations.get(found.root) ?? found.generation;
  if (before !== found.generation && !last) return undefined;
  seen.generations.set(found.root, before);
  // On the last try a watch keeps to the generation of the others, and is then seen to be moving.
  return yield* readFromVolume(request, options, { root: found.root, generation: before }, seen, last);
}

function* readFromVolume(
  { path, copied = false }: ReadingRequest,
  options: WalkOptions,
  volume: Volume,
  seen: Seen,
  last: boolean,
): FileSteps<Outcome | undefined> {
  const opened = seen.levels.get(volume.root) ?? (yield* readLevel(volume));
  if (isFailure(opened)) return unusable(opened, volume);
  if (opened !== undefined) seen.levels.set(volume.root, opened);
  const level = opened ?? NOTHING;
  const tree = yield* beginTree(options);
  if (isFailure(tree)) return unusable(tree);
  for (const [name, source] of countedEntries(volume, level, path)) {
    const failure = yield* walk(tree, source, name, options);
    if (failure !== undefined) return unusable(failure, volume);
  }
  const uncopied = path === volume.root ? yield* copyUncounted(tree, level.entries, options) : undefined;
  if (uncopied !== undefined) return unusable(uncopied, volume);
  // The kubelet removes a generation only after the swap: one that is still the present one was whole while it was read.
  // So a name that was listed in it and is not there is as good as a mix, and no key that was removed.
  const moving = tree.torn || (yield* readGeneration(volume.root)) !== volume.generation;
  if (moving && !last) return undefined;
  const directories = yield* identified(volume.root);
  const settled = level.complete && opened !== undefined && !moving;
  const whole = path === volume.root;
  if (!whole && tree.files.size === 0 && settled && tree.directories.size === 0) {
    return { status: 'missing', expected: true, volume, directories };
  }
  const content = yield* contentOfTree(tree, options);
  const selfContained = settled && level.pure && !tree.linked;
  const known = selfContained ? { digest: content.digest, volume } : { digest: content.digest };
  const inside = copied ? yield* identified(joinPath(volume.root, volume.generation)) : [];
  for (const [directory, identity] of inside) directories.set(directory, identity);
  if (!level.pure || copied)
    for (const [directory, identity] of tree.directories) directories.set(directory, identity);
  return { status: 'read', content, settled, moving, volume, directories, known };
}

/** What is visible of a volume whose generation is gone. */
const NOTHING: VolumeLevel = { entries: new Map(), complete: false, pure: true };

function* readPlain({ path, known }: ReadingRequest, options: WalkOptions): FileSteps<Outcome> {
  let before = known?.digest;
  for (let tries = 1; ; tries++) {
    const tree = yield* beginTree(options);
    if (isFailure(tree)) return unusable(tree);
    const failure = yield* walk(tree, path, '', options);
    if (failure !== undefined) return unusable(failure);
    if (tree.files.size === 0 && tree.directories.size === 0) {
      if (tree.torn && tries < TRIES) continue;
      return yield* missing(path);
    }
    const content = yield* contentOfTree(tree, options);
    const settled = content.digest === before;
    if (settled || tries === TRIES) {
      const directories = tree.files.has('') ? yield* directoriesOf(path, tree.linked) : tree.directories;
      return {
        status: 'read',
        content,
        settled,
        moving: false,
        volume: undefined,
        directories,
        known: { digest: content.digest },
      };
    }
    before = content.digest;
  }
}

function* beginTree({ copy }: WalkOptions): FileSteps<Tree | FileFailure> {
  const failure = copy === undefined ? undefined : yield* copy.begin();
  return failure ?? emptyTree();
}

function* missing(path: string): FileSteps<Outcome> {
  let directory = parentPath(path);
  const parent = directory;
  for (;;) {
    const found = yield* status(directory, true);
    if (!isFailure(found) && found.kind === 'directory') {
      const root = yield* status('/', true);
      const mounted = directory !== '/' && !isFailure(root) && root.device !== found.device;
      const link = yield* status(path, false);
      const directories = yield* directoriesOf(path, !isFailure(link));
      directories.set(directory, found.identity);
      return { status: 'missing', expected: directory === parent || mounted, volume: undefined, directories };
    }
    if (directory === '/')
      return { status: 'missing', expected: false, volume: undefined, directories: new Map() };
    directory = parentPath(directory);
  }
}

/** What was read from a generation is named as the application sees it. */
function unusable(failure: FileFailure | TooLarge, volume?: Volume): Outcome {
  if ('tooLarge' in failure) return { status: 'too-large', ...failure };
  if (volume === undefined) return { status: 'unreadable', ...failure };
  const below = relativePath(joinPath(volume.root, volume.generation), failure.path);
  const path = below === undefined ? failure.path : joinPath(volume.root, below);
  return { status: 'unreadable', ...failure, path };
}
