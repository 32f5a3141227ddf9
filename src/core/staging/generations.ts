import { close, type Directory, enter, inspect, openIn, readLink } from '../files/below/handles.ts';
import { below, eachBelow, splitPath } from '../files/below/way.ts';
import { contentOf } from '../files/content.ts';
import {
  beginDigest,
  digestOpened,
  endDigest,
  type FileDigest,
  type FileFailure,
  type FileSteps,
  isFailure,
  liesInMemory,
  status,
} from '../files/files.ts';
import { secondName } from '../files/tree.ts';
import { uncountedNames, readGeneration as volumeAt } from '../files/volume.ts';
import { joinPath } from '../text/path.ts';
import type { Place } from './placement.ts';
import type { Held, Target } from './target.ts';

/**
 * One digest of everything below a directory, by identities, sizes and times: it differs when anything there was written,
 * exchanged, added or removed, and costs no reading.
 */
export function* sealOf(root: Directory): FileSteps<string | FileFailure> {
  const digest = yield* beginDigest(false);
  const failure = yield* eachBelow(root, function* ({ path, found: { kind, identity, stamp } }) {
    yield { op: 'digest-bytes', digest, bytes: `${path.length}:${path}${kind} ${identity} ${stamp}\n` };
    return undefined;
  });
  const seal = yield* endDigest(digest);
  return failure ?? seal;
}

/** What stands for a link of a generation, by its path: another name of a directory in it. */
function linkTo(path: string, leads: string): FileDigest {
  const names = path.split('/').slice(0, -1);
  for (const name of leads.split('/')) {
    if (name === '..') {
      if (names.pop() === undefined) return ELSE;
    } else if (name !== '.') names.push(name);
  }
  return secondName(names.join('/'));
}

/** What stands for whatever was not put there. */
const ELSE: FileDigest = { size: 0, digest: 'else' };

/**
 * The digests of all files below a directory, by their paths, and what stands for links; `isKeyed` tells of each file
 * whether its digest is keyed.
 */
function* digestsBelow(
  root: Directory,
  isKeyed: (path: string) => boolean | FileSteps<boolean>,
): FileSteps<Map<string, FileDigest> | FileFailure> {
  const files = new Map<string, FileDigest>();
  const failure = yield* eachBelow(root, function* ({ path, name, directory, found }) {
    if (found.kind === 'directory') return undefined;
    if (found.kind !== 'file') {
      const leads = yield* readLink(directory, name);
      files.set(path, isFailure(leads) ? ELSE : linkTo(path, leads));
      return undefined;
    }
    const answer = isKeyed(path);
    const keyed = typeof answer === 'boolean' ? answer : yield* answer;
    const opened = yield* openIn(directory, name);
    if (isFailure(opened)) return opened;
    const digest = yield* digestOpened(
      opened,
      joinPath(directory.path, name),
      keyed,
      Number.POSITIVE_INFINITY,
    );
    if (isFailure(digest)) return digest;
    files.set(path, digest);
    return undefined;
  });
  return failure ?? files;
}

/**
 * Reads a generation of a stage so that its digest can be compared with those of the source: keyed is what is keyed
 * there, wherever the copy lies.
 */
export function* readGeneration(
  target: Directory,
  place: Place,
  name: string,
): FileSteps<Held | FileFailure> {
  const root = yield* enter(target, name);
  if (isFailure(root)) return root;
  const held = yield* readHeld(root, place, name);
  yield* close(root);
  return held;
}

function* readHeld(root: Directory, place: Place, name: string): FileSteps<Held | FileFailure> {
  const found = yield* inspect(root, '');
  if (isFailure(found)) return found;
  const keyed = new Set<string>();
  const memory = new Map<string, boolean>();
  const files = yield* digestsBelow(root, function* (path) {
    const answer = place.keyed || (yield* isKeyed(place, path, memory));
    if (answer) keyed.add(path);
    return answer;
  });
  if (isFailure(files)) return files;
  const seal = yield* sealOf(root);
  if (typeof seal !== 'string') return seal;
  const apart = yield* uncountedIn(files, place);
  const counted = new Map([...files].filter(([path]) => !apart.has(path)));
  const content = yield* contentOf(
    counted,
    place.keyed || [...counted.keys()].some((path) => keyed.has(path)),
  );
  return { name, identity: found.identity, files, keyed, content, seal };
}

/** The files that don't count as content: those of a kubelet volume, wherever below the source it is. */
function* uncountedIn(
  files: ReadonlyMap<string, FileDigest>,
  { stage, sourceThere }: Place,
): FileSteps<ReadonlySet<string>> {
  const apart = new Set<string>();
  for (const path of files.keys()) {
    const { parent, name } = splitPath(path);
    const beside = { has: (other: string) => files.has(below(parent, other)) };
    if (!uncountedNames(beside).includes(name)) continue;
    // What is not there may have been one.
    const generation = sourceThere ? yield* volumeAt(joinPath(stage.source, parent)) : '';
    if (typeof generation === 'string') apart.add(path);
  }
  return apart;
}

/** Whether the source of a file lies in memory though its watch does not: a link may lead there. `memory`: by device. */
function* isKeyed(
  { stage, sourceThere }: Place,
  name: string,
  memory: Map<string, boolean>,
): FileSteps<boolean> {
  const found = sourceThere ? yield* status(joinPath(stage.source, name), true) : undefined;
  if (found === undefined || isFailure(found)) return false;
  const known = memory.get(found.device) ?? (yield* liesInMemory(joinPath(stage.source, name)));
  memory.set(found.device, known);
  return known;
}

/**
 * Opens the directory of a generation, if it is still the one that was made, with what was written to it; undefined if
 * somebody exchanged or changed it. Modes, owners and times that are others don't count.
 */
export function* enterIntact(
  { directory }: Target,
  held: Held,
): FileSteps<Directory | FileFailure | undefined> {
  const root = yield* enter(directory, held.name);
  if (isFailure(root)) return ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(root.errno) ? undefined : root;
  const intact = yield* isIntact(root, held);
  if (intact === true) return root;
  yield* close(root);
  return intact === false ? undefined : intact;
}

function* isIntact(root: Directory, held: Held): FileSteps<boolean | FileFailure> {
  const found = yield* inspect(root, '');
  if (isFailure(found)) return found;
  if (found.identity !== held.identity) return false;
  const seal = yield* sealOf(root);
  if (typeof seal !== 'string') return isChange(seal) ? false : seal;
  if (seal === held.seal) return true;
  const files = yield* digestsBelow(root, (path) => held.keyed.has(path));
  if (isFailure(files)) return isChange(files) ? false : files;
  if (files.size !== held.files.size) return false;
  for (const [path, { size, digest }] of held.files) {
    const there = files.get(path);
    if (there?.size !== size || there.digest !== digest) return false;
  }
  held.seal = seal;
  return true;
}

/** Whether a failure only tells that somebody else is at work. */
function isChange({ errno }: FileFailure): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO', 'EOVERFLOW'].includes(errno);
}
