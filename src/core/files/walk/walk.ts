import { joinPath } from '../../text/path.ts';
import { MOST_CAPTURED_IN_ALL } from '../content.ts';
import {
  digestFile,
  type Feed,
  type FileDigest,
  type FileFailure,
  type FileStatus,
  type FileSteps,
  type Inspected,
  isFailure,
  liesInMemory,
  status,
  wrongAnswer,
} from '../files.ts';
import { inspect } from '../listing.ts';
import { addPlace, addWay } from '../places.ts';
import {
  type CopySource,
  isGone,
  MAX_BYTES,
  MAX_FILES,
  type Met,
  MOST_CAPTURED,
  type TooLarge,
  type Tree,
  type WalkOptions,
} from '../tree.ts';
import { isPause, PAUSE } from '../unhurried.ts';
import { enter, type Frame } from './entering.ts';
import { isStamped, stampOf } from './stamps.ts';

/**
 * Reads what lies at `path` into `tree`, under the name `name` relative to the watch. Links are followed and each real
 * directory is read once, so loops end: another name of it is a name for the first. `lost+found`, sockets, FIFOs and
 * devices are never opened. A kubelet volume on the way is read from one generation.
 *
 * @param quiet whether it lies in a generation, whose directories send no events
 * @returns undefined, or what could not be read: the tree is then of no use
 */
export function* walk(
  tree: Tree,
  path: string,
  name: string,
  options: WalkOptions,
  quiet = false,
): FileSteps<FileFailure | TooLarge | undefined> {
  // A list instead of recursion: the stack of a small engine is shallow, and a deep tree is somebody else's choice.
  const frames: Frame[] = [];
  const failure = yield* visit(tree, { path, name, device: undefined, quiet }, frames, options);
  if (failure !== undefined) return failure;
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const child = frame.names.pop();
    if (child === undefined) {
      frames.pop();
      continue;
    }
    const met = {
      path: joinPath(frame.path, child),
      name: frame.name === '' ? child : `${frame.name}/${child}`,
      device: frame.device,
      quiet: frame.quiet,
    };
    if (isPause(frame.names.length)) yield PAUSE;
    const failed = yield* visit(tree, met, frames, options);
    if (failed !== undefined) return failed;
  }
  return undefined;
}

function* visit(
  tree: Tree,
  met: Met,
  frames: Frame[],
  options: WalkOptions,
): FileSteps<FileFailure | TooLarge | undefined> {
  const { path, name } = met;
  if (name !== '' && options.ignore(name)) return undefined;
  let seen: Inspected | FileFailure | undefined = yield* glance(tree, met, options);
  if (!isFailure(seen) && seen.found.kind === 'link') seen = yield* throughLink(tree, met, options);
  if (seen === undefined) return undefined;
  if (isFailure(seen)) {
    if (!isGone(seen)) return seen;
    // What the watch itself names may just not be there; a name that was listed has vanished since.
    if (name !== '') tree.torn = true;
    return undefined;
  }
  const { found, digest } = seen;
  if (found.kind === 'directory') return yield* enter(tree, met, found, frames, options);
  if (found.kind !== 'file') return undefined;
  if (found.links === 0) tree.unlinked = true;
  if (!met.quiet) tree.beside += 1;
  const isMounted = options.points.has(path) || (met.device !== undefined && met.device !== found.device);
  if (isMounted) addPlace(tree.places, path, { identity: found.identity, kind: 'file' });
  const keyed = options.keyed || (tree.memory.get(found.device) ?? (yield* holdsMemory(tree, path, found)));
  // What was digested before that was known is of no use where it was keyed otherwise.
  const usable = keyed === isKeyed(tree, met, options) ? digest : undefined;
  return yield* add(tree, { path, name, found, keyed }, usable, options);
}

/** Whether a file is expected to lie in memory. */
function isKeyed(tree: Tree, { device }: Met, { keyed }: WalkOptions): boolean {
  return keyed || (device !== undefined && tree.memory.get(device) === true);
}

/** What lies at a path, no link followed; with its digest where it is small, or known to be the same. */
function* glance(tree: Tree, met: Met, options: WalkOptions): FileSteps<Inspected | FileFailure> {
  const { path, name } = met;
  const known = options.known?.get(name);
  const byStamp = known?.stamp !== undefined && options.copy === undefined && !options.capture;
  if (byStamp || options.copy !== undefined || options.capture) {
    const found = yield* status(path, false);
    if (isFailure(found)) return found;
    if (byStamp && known.stamp === stampOf(found)) return { found, digest: known };
    if (!byStamp || found.kind !== 'file') return { found, digest: undefined };
  }
  return yield* inspect(path, isKeyed(tree, met, options));
}

/** Where a link leads to, with the way there; undefined for one that leads nowhere, which is no sign of a writer. */
function* throughLink(
  tree: Tree,
  { path, name, quiet }: Met,
  options: WalkOptions,
): FileSteps<Inspected | FileFailure | undefined> {
  tree.linked = true;
  const real = quiet ? path : yield* addWay(tree.places, path, options.ways);
  const found = yield* status(path, true);
  if (isFailure(found)) return isGone(found) ? undefined : found;
  if (found.kind === 'file' && !quiet)
    addPlace(tree.places, real, { identity: found.identity, kind: 'file' });
  const known = options.copy === undefined && !options.capture ? options.known?.get(name) : undefined;
  const same = known?.stamp !== undefined && known.stamp === stampOf(found);
  return { found, digest: same ? known : undefined };
}

/** Whether a file of a device that is not known yet lies in memory: a link or a mount may lead from a disk to a Secret. */
function* holdsMemory(tree: Tree, path: string, { device }: FileStatus): FileSteps<boolean> {
  const inMemory = yield* liesInMemory(path);
  tree.memory.set(device, inMemory);
  return inMemory;
}

function* add(
  tree: Tree,
  source: CopySource,
  known: FileDigest | undefined,
  options: WalkOptions,
): FileSteps<FileFailure | TooLarge | undefined> {
  if (tree.files.size >= MAX_FILES) return { tooLarge: 'files' };
  const digest = known ?? (yield* digestOf(tree, source, options));
  if (isFailure(digest)) {
    if (digest.errno === 'EFBIG') return { tooLarge: 'bytes' };
    if (!isGone(digest)) return digest;
    tree.torn = true;
    return undefined;
  }
  tree.bytes += digest.size;
  if (tree.bytes > MAX_BYTES) return { tooLarge: 'bytes' };
  const { now } = options;
  if (digest.stamp !== undefined || now === undefined || !(yield* isStamped(tree.clocks, source, now))) {
    tree.files.set(source.name, digest);
  } else tree.files.set(source.name, { ...digest, stamp: stampOf(source.found) });
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
  // Nothing is kept of what comes too late.
  let text = '';
  const digest = yield* digestFile(
    path,
    keyed,
    limit,
    telling((bytes) => {
      if (tree.captured <= MOST_CAPTURED_IN_ALL) text += bytes.slice(0, MOST_CAPTURED - text.length);
    }),
  );
  if (isFailure(digest)) return digest;
  tree.captured += name.length + text.length;
  if (tree.captured > MOST_CAPTURED_IN_ALL) tree.texts.clear();
  else tree.texts.set(name, text);
  return digest;
}

/** A {@link Feed} that also tells what it read, as byte strings. */
function telling(told: (bytes: string) => void): Feed {
  return function* (digest, file) {
    const read = yield { op: 'read', file };
    if (read.op === 'error') return { failed: 'read', errno: read.errno };
    if (read.op !== 'read') throw wrongAnswer('read', read);
    if (read.value !== '') yield { op: 'digest-bytes', digest, bytes: read.value };
    told(read.value);
    return read.value.length;
  };
}
