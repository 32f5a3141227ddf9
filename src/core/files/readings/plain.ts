import { parentPath } from '../../text/path.ts';
import { type FileFailure, type FileSteps, isFailure, status } from '../files.ts';
import { type Outcome, type ReadingRequest, type Seen, unusable } from '../outcome.ts';
import { addFound, addWay, type Place } from '../places.ts';
import { contentOfTree, emptyTree, type Tree, type WalkOptions } from '../tree.ts';
import { readGeneration } from '../volume.ts';
import { walk } from '../walk/walk.ts';
import { keepVanished } from './vanished.ts';

/* What is no kubelet volume itself is read until two readings agree. */

/** Tries of a reading of which something changed under it, before it is left to the next look. */
export const TRIES = 5;

/**
 * Reads a directory or a file that is no volume, nor in one.
 *
 * @param path  where the watch leads to now
 */
export function* readPlain(
  request: ReadingRequest,
  path: string,
  options: WalkOptions,
  seen: Seen,
): FileSteps<Outcome> {
  let before = request.known?.digest;
  for (let tries = 1; ; tries++) {
    const tree = yield* beginTree(options);
    if (isFailure(tree)) return unusable(tree);
    const failure = yield* walk(tree, path, '', options);
    if (failure !== undefined) return unusable(failure);
    if (tree.files.size === 0 && tree.firsts.size === 0) {
      if (tree.torn && tries < TRIES) continue;
      return yield* missing(path, seen);
    }
    const moving = yield* haveMoved(tree);
    const { volumes, vanished, settled } = keepVanished(tree, request.known, request.allowEmpty ?? false);
    const content = yield* contentOfTree(tree, options);
    const agreed = content.digest === before && !moving;
    if (agreed || tries === TRIES) {
      const real = yield* addWay(tree.places, path, options.ways);
      if (tree.files.has('')) yield* addFound(tree.places, real, { kind: 'file' });
      const { digest, files } = content;
      return {
        status: 'read',
        content,
        settled: agreed && settled,
        moving,
        volume: undefined,
        nested: [...tree.volumes.keys()],
        beside: tree.beside > 0,
        vanished,
        unlinked: tree.unlinked,
        places: tree.places,
        known: { digest, files, nested: volumes },
      };
    }
    if (moving) forget(tree, options);
    before = content.digest;
  }
}

/** Whether a volume below the watch has another generation than was read. */
export function* haveMoved({ volumes }: Tree): FileSteps<boolean> {
  for (const [root, { generation }] of volumes) if ((yield* readGeneration(root)) !== generation) return true;
  return false;
}

/** The next try reads the generations that are there then. */
function forget({ volumes }: Tree, { generations }: WalkOptions): void {
  for (const root of volumes.keys()) generations.delete(root);
}

export function* beginTree({ copy }: WalkOptions): FileSteps<Tree | FileFailure> {
  const failure = copy === undefined ? undefined : yield* copy.begin();
  return failure ?? emptyTree();
}

function* missing(path: string, { ways }: Seen): FileSteps<Outcome> {
  const places = new Map<string, Place>();
  yield* addWay(places, path, ways);
  const parent = parentPath(path);
  for (let directory = parent; ; directory = parentPath(directory)) {
    const found = yield* status(directory, true);
    if (!isFailure(found) && found.kind === 'directory') {
      const root = yield* status('/', true);
      const mounted = directory !== '/' && !isFailure(root) && root.device !== found.device;
      return { status: 'missing', expected: directory === parent || mounted, volume: undefined, places };
    }
    if (directory === '/') return { status: 'missing', expected: false, volume: undefined, places };
  }
}
