import type { PathPredicate } from '../text/glob.ts';
import { parentPath, relativePath } from '../text/path.ts';
import { type FileSteps, isFailure, liesInMemory } from './files.ts';
import { frozenAmong, type Mount, mountsOf, readMounts, systemOf } from './mounts.ts';
import { type Outcome, type Reading, type ReadingRequest, type Seen, unusable } from './outcome.ts';
import { follow, newWays } from './places.ts';
import { readInside } from './readings/inside.ts';
import { beginTree, readPlain, TRIES } from './readings/plain.ts';
import { foreseeChange } from './snapshot.ts';
import { contentOfTree, type WalkOptions } from './tree.ts';
import { PAUSE, unhurried } from './unhurried.ts';
import { findVolume, readGeneration } from './volume.ts';
import { walk } from './walk/walk.ts';

export type { Known, Reading, ReadingRequest } from './outcome.ts';

/**
 * Reads all watches, each from one generation of its volume, or twice until two readings agree where there is none
 * (specification 4.2). The answers are in the order of the requests.
 */
export function* readWatches(
  requests: readonly ReadingRequest[],
  ignore: PathPredicate,
): FileSteps<readonly Reading[]> {
  for (let tries = 1; ; tries++) {
    const seen: Seen = { generations: new Map(), levels: new Map(), ways: newWays(), mounts: undefined };
    const last = tries === TRIES;
    const readings: Outcome[] = [];
    for (const request of requests) {
      const reading = yield* readWatch(request, ignore, seen, last);
      if (reading === undefined) break;
      readings.push(reading);
    }
    if (readings.length < requests.length) continue;
    if (requests.length > 1 && !last && (yield* disagree(requests, readings, ignore, seen))) continue;
    return yield* withMounts(requests, readings, seen);
  }
}

/** Tells of mounts where that was asked for, and where a file has no name any more. */
function* withMounts(
  requests: readonly ReadingRequest[],
  readings: readonly Outcome[],
  seen: Seen,
): FileSteps<readonly Reading[]> {
  const all: Reading[] = [];
  for (const [index, reading] of readings.entries()) {
    const request = requests[index];
    if (reading.status === 'read') yield* foreseeChange(request?.path ?? '', request?.told, reading.content);
    const unlinked = reading.status === 'read' && reading.unlinked === true;
    if (request !== undefined && (request.mounts === true || unlinked)) {
      // All of it may be known by now, without a request that would let others go on.
      yield PAUSE;
      const real = yield* follow(request.path, seen.ways);
      const mounts = mountsOf(yield* mountsIn(seen), real);
      const { system, inImage } = systemOf(mounts, real);
      const points = pointsBelow(
        mounts.map(({ point }) => point),
        real,
      );
      const frozen = yield* frozenAmong(mounts);
      all.push({ ...reading, frozen, points, inImage, ...(system === undefined ? {} : { system }) });
    } else all.push(reading);
  }
  return all;
}

function* mountsIn(seen: Seen): FileSteps<readonly Mount[]> {
  seen.mounts ??= yield* readMounts();
  return seen.mounts;
}

function pointsBelow(points: readonly string[], path: string): ReadonlySet<string> {
  return new Set(points.filter((point) => relativePath(path, point) !== undefined));
}

/**
 * Whether plain files that two watches have in common were written between the readings of the two: told as they are,
 * they would be one change now and the same once more with the next look.
 */
function* disagree(
  requests: readonly ReadingRequest[],
  readings: readonly Outcome[],
  ignore: PathPredicate,
  seen: Seen,
): FileSteps<boolean> {
  const earliers = yield* overlapsOf(requests);
  for (const [index, others] of earliers) {
    const changed = plainDigest(readings[index]);
    const path = requests[index]?.path ?? '';
    if (changed === undefined || changed === requests[index]?.known?.digest) continue;
    for (const earlier of others) {
      const before = plainDigest(readings[earlier]);
      const request = requests[earlier];
      if (before === undefined || request === undefined) continue;
      const keyed = yield* liesInMemory(request.path);
      const options = { ...optionsOf({ path }, ignore, seen, keyed), now: undefined };
      const tree = yield* beginTree(options);
      if (isFailure(tree) || (yield* walk(tree, request.path, '', options)) !== undefined) return true;
      if ((yield* contentOfTree(tree, options)).digest !== before) return true;
    }
  }
  return false;
}

/** Of each request the earlier ones that lie at, above or below its path. There may be thousands, and few that overlap. */
function* overlapsOf(requests: readonly ReadingRequest[]): FileSteps<ReadonlyMap<number, readonly number[]>> {
  const byPath = new Map<string, number[]>();
  yield* unhurried(requests.entries(), ([index, { path }]) => {
    const others = byPath.get(path);
    if (others === undefined) byPath.set(path, [index]);
    else others.push(index);
  });
  const earliers = new Map<number, number[]>();
  yield* unhurried(requests.entries(), ([index, { path }]) => {
    for (let above = path; ; above = parentPath(above)) {
      for (const other of byPath.get(above) ?? []) {
        // Two at one path meet each other twice.
        if (other === index || (above === path && other > index)) continue;
        const [earlier, later] = other < index ? [other, index] : [index, other];
        const known = earliers.get(later);
        if (known === undefined) earliers.set(later, [earlier]);
        else known.push(earlier);
      }
      if (above === '/') break;
    }
  });
  return earliers;
}

function plainDigest(reading: Outcome | undefined): string | undefined {
  const isPlain = reading?.status === 'read' && reading.volume === undefined && !isKept(reading);
  return isPlain ? reading.content.digest : undefined;
}

/** Whether some of a content is not there any more. */
function isKept({ vanished }: Extract<Outcome, { status: 'read' }>): boolean {
  return vanished !== undefined && vanished.length > 0;
}

/** One watch; undefined if its volume moved on during this look, so that the look must begin anew. */
function* readWatch(
  request: ReadingRequest,
  ignore: PathPredicate,
  seen: Seen,
  last: boolean,
): FileSteps<Outcome | undefined> {
  const { known } = request;
  let present: string | undefined;
  if (known?.volume !== undefined) {
    const { root, generation } = known.volume;
    // One readlink a volume, however many watches are on it.
    const found = seen.generations.get(root) ?? (yield* readGeneration(root));
    if (found === generation) {
      seen.generations.set(root, generation);
      return { status: 'unchanged' };
    }
    if (root === request.path && typeof found === 'string') present = found;
  }
  const path = yield* locate(request.path, seen);
  const found = present === undefined ? yield* findVolume(path) : { root: path, generation: present };
  if (isFailure(found)) return unusable(found);
  const isTheSame = present !== undefined && known?.keyed !== undefined;
  const keyed = isTheSame ? known.keyed : yield* liesInMemory(found?.root ?? path);
  if (request.mounts === true) yield* mountsIn(seen);
  const options = optionsOf(request, ignore, seen, keyed);
  if (found === undefined) {
    const timed = { ...options, now: yield* wallClock() };
    const reading = yield* readPlain(request, path, timed, seen);
    // What was not there yet when it was asked for counts as lying in memory, and would have another digest at the next look.
    if (!last && keyed && reading.status === 'read' && !(yield* liesInMemory(path))) return undefined;
    // A volume that was written for the first time meanwhile is read as one.
    return !last && (yield* findVolume(path)) !== undefined ? undefined : reading;
  }
  const before = seen.generations.get(found.root) ?? found.generation;
  if (before !== found.generation && !last) return undefined;
  seen.generations.set(found.root, before);
  // On the last try a watch keeps to the generation of the others, and is then seen to be moving.
  return yield* readInside(request, path, options, { root: found.root, generation: before }, seen, last);
}

/** What `..` leads to behind a link, the kernel says; all else is left to it. */
function* locate(path: string, { ways }: Seen): FileSteps<string> {
  return path.includes('/../') || path.endsWith('/..') ? yield* follow(path, ways) : path;
}

function* wallClock(): FileSteps<number | undefined> {
  const answer = yield { op: 'time' };
  return answer.op === 'time' ? answer.value : undefined;
}

function optionsOf(
  { path, capture = false, copy, copied = false, known, whole = false, points, before }: ReadingRequest,
  ignore: PathPredicate,
  { ways, generations, mounts }: Seen,
  keyed: boolean,
): WalkOptions {
  return {
    keyed,
    ignore,
    capture,
    copy,
    copied,
    known: whole ? undefined : known?.files,
    now: undefined,
    points:
      points ??
      pointsBelow(
        (mounts ?? []).map(({ point }) => point),
        path,
      ),
    before,
    ways,
    generations,
  };
}
