import { joinPath, relativePath } from '../../text/path.ts';
import { type FileFailure, type FileSteps, isFailure } from '../files.ts';
import { identityOf, TOO_MANY } from '../listing.ts';
import { type Outcome, type ReadingRequest, type Seen, unusable } from '../outcome.ts';
import { addPlace, addWay, type Place } from '../places.ts';
import { contentOfTree, emptyTree, MAX_NAMES, type TooLarge, type Tree, type WalkOptions } from '../tree.ts';
import {
  countedEntries,
  DATA_LINK,
  readGeneration,
  readLevel,
  type Volume,
  type VolumeLevel,
} from '../volume.ts';
import { copyUncounted } from '../walk/uncounted.ts';
import { walk } from '../walk/walk.ts';
import { beginTree, haveMoved } from './plain.ts';
import { type Inside, readSmall } from './small.ts';
import { keepVanished } from './vanished.ts';

/* A kubelet volume, or something in one, is read from one generation. */

/** What is visible of a volume whose generation is gone. */
const NOTHING: VolumeLevel = { entries: new Map(), complete: false, pure: true };

/**
 * Reads what a watch holds of a volume; undefined if that moved on meanwhile and this is not the last try.
 *
 * @param path  where the watch leads to now
 */
export function* readInside(
  request: ReadingRequest,
  path: string,
  options: WalkOptions,
  volume: Volume,
  seen: Seen,
  last: boolean,
): FileSteps<Outcome | undefined> {
  const whole = path === volume.root;
  const small = whole ? yield* readSmall(volume, options) : undefined;
  const inside = small ?? (yield* readAll(path, options, volume, seen));
  if (isFailure(inside) || 'tooLarge' in inside) return unusable(inside);
  const { tree, complete, pure, own } = inside;
  // The kubelet removes a generation only after the swap: one that is still the present one was whole while it was read.
  // So a name that was listed in it and is not there is as good as a mix, and no key that was removed.
  const moving =
    tree.torn ||
    (yield* readGeneration(volume.root)) !== volume.generation ||
    (tree.volumes.size > 0 && (yield* haveMoved(tree)));
  if (moving && !last) return undefined;
  const settled = complete && !moving;
  yield* addPlaces(tree, request, path, options, { volume, pure });
  if (!whole && tree.files.size === 0 && settled && tree.firsts.size === own) {
    return { status: 'missing', expected: true, volume, places: tree.places };
  }
  const { volumes, vanished, settled: all } = keepVanished(tree, request.known, request.allowEmpty ?? false);
  const content = yield* contentOfTree(tree, options);
  const { digest, files } = content;
  const isSelfContained = settled && pure && !tree.linked;
  return {
    status: 'read',
    content,
    settled: settled && all,
    moving,
    volume,
    nested: [...tree.volumes.keys()],
    vanished,
    unlinked: tree.unlinked,
    places: isSelfContained ? (samePure(request, volume) ?? tree.places) : tree.places,
    known: isSelfContained
      ? { digest, files, volume, keyed: options.keyed }
      : { digest, files, nested: volumes },
  };
}

/** Reads what lies at a path in a volume, piece by piece. */
function* readAll(
  path: string,
  options: WalkOptions,
  volume: Volume,
  seen: Seen,
): FileSteps<Inside | FileFailure | TooLarge> {
  const opened = seen.levels.get(volume.root) ?? (yield* readLevel(volume, MAX_NAMES));
  if (opened === TOO_MANY) return { tooLarge: 'files' };
  if (isFailure(opened)) return opened;
  if (opened !== undefined) seen.levels.set(volume.root, opened);
  const level = opened ?? NOTHING;
  const tree = options.copy === undefined ? emptyTree() : yield* beginTree(options);
  if (isFailure(tree)) return tree;
  // A link of somebody else's may lead back to the volume itself.
  const root = level.pure ? undefined : yield* identityOf(volume.root);
  if (root !== undefined) tree.firsts.set(root, '');
  const own = tree.firsts.size;
  const entries = countedEntries(volume, level, path);
  const generation = joinPath(volume.root, volume.generation);
  for (const [name, source] of entries) {
    const quiet = relativePath(generation, source) !== undefined;
    const failure = yield* walk(tree, source, name, options, quiet);
    if (failure !== undefined) return failure;
  }
  const copies = options.copy !== undefined && path === volume.root;
  const uncopied = copies ? yield* copyUncounted(tree, '', level.entries, options) : undefined;
  return uncopied ?? { tree, complete: level.complete, pure: level.pure, own };
}

/** The places as they were, where those of a volume that holds nothing else can't have changed. */
function samePure(
  { places, copied }: ReadingRequest,
  { root }: Volume,
): ReadonlyMap<string, Place> | undefined {
  return places?.has(root) === true && copied !== true ? places : undefined;
}

/** The root of the volume, and where its writer copies the generation as well; and the way there. */
function* addPlaces(
  tree: Tree,
  request: ReadingRequest,
  path: string,
  options: WalkOptions,
  { volume, pure }: { readonly volume: Volume; readonly pure: boolean },
): FileSteps<void> {
  const { root, generation } = volume;
  if (pure && !tree.linked && samePure(request, volume) !== undefined) return;
  const identity = yield* identityOf(root);
  const below = relativePath(root, path) ?? '';
  const key = below.split('/')[0] ?? '';
  const kind = pure ? 'names' : 'tree';
  if (identity !== undefined) {
    const place: Place =
      below === '' ? { identity, kind, below: '' } : { identity, kind, only: new Set([DATA_LINK, key]) };
    addPlace(tree.places, root, place);
  }
  if (request.copied === true) {
    const inside = joinPath(root, generation);
    const found = yield* identityOf(inside);
    if (found !== undefined) addPlace(tree.places, inside, { identity: found, kind: 'tree', below: '' });
  }
  yield* addWay(tree.places, root, options.ways);
}
