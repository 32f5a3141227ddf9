import { joinPath, relativePath } from '../../text/path.ts';
import { type FileFailure, type FileStatus, type FileSteps, isFailure } from '../files.ts';
import { listed, TOO_MANY } from '../listing.ts';
import { addPlace, type Place, samePlace } from '../places.ts';
import {
  isGone,
  MAX_DIRECTORIES,
  MAX_FILES,
  MAX_NAMES,
  type Met,
  secondName,
  type TooLarge,
  type Tree,
  type WalkOptions,
} from '../tree.ts';
import { sortedStrings } from '../unhurried.ts';
import { countedEntries, DATA_LINK, isApart, readGeneration, readLevel, type Volume } from '../volume.ts';
import { copyUncounted } from './uncounted.ts';

/* A walk comes to a directory. */

/** A directory whose names are yet to be visited, from the last to the first. */
export type Frame = {
  readonly path: string;
  readonly name: string;
  readonly names: string[];
  readonly device: string;
  readonly quiet: boolean;
};

/** The name of a child that no file has, by which it is told whether all children of a directory are left out. */
const ANY_CHILD = ['', '\u0001\u0001'];

/** Takes a directory in: its names are visited next. */
export function* enter(
  tree: Tree,
  met: Met,
  found: FileStatus,
  frames: Frame[],
  options: WalkOptions,
): FileSteps<FileFailure | TooLarge | undefined> {
  const { path, name, quiet } = met;
  const { copy, ignore } = options;
  if (name !== '' && ANY_CHILD.every((child) => ignore(`${name}/${child}`))) return undefined;
  const first = tree.firsts.get(found.identity);
  if (first !== undefined) return yield* addSecond(tree, name, first, options);
  if (tree.firsts.size >= MAX_DIRECTORIES) return { tooLarge: 'directories' };
  const place = treePlace(options.before?.get(path), found.identity, name);
  // Strings that are kept from before: there may be ten thousand of them.
  tree.firsts.set(place.identity, place.below);
  const failed = copy === undefined ? undefined : yield* copy.directory(name, found);
  if (failed !== undefined) return failed;
  let isVolume = false;
  const keeps = (child: string): boolean => {
    isVolume ||= child === DATA_LINK;
    return !isApart(child) && !ignore(name === '' ? child : `${name}/${child}`);
  };
  const names = yield* listed(path, keeps, MAX_NAMES - tree.listed);
  if (names === TOO_MANY) return { tooLarge: 'files' };
  if (isFailure(names)) {
    if (!isGone(names)) return names;
    tree.torn = true;
    return undefined;
  }
  if (isVolume && name !== '') {
    const generation = options.generations.get(path) ?? (yield* readGeneration(path));
    if (isFailure(generation)) return generation;
    if (generation !== undefined)
      return yield* enterVolume(tree, met, found, { root: path, generation }, frames, options);
  }
  tree.listed += names.length;
  if (!quiet || options.copied) addPlace(tree.places, path, place);
  // In a fixed order, so that a directory with two names has the same one in each reading.
  const sorted = yield* sortedStrings(names);
  frames.push({ path, name, names: sorted.reverse(), device: found.device, quiet });
  return undefined;
}

/** A directory in which all counts: as it was found before, if it is the same. */
function treePlace(before: Place | undefined, identity: string, below: string): TreePlace {
  const place: TreePlace = { identity, kind: 'tree', below };
  return before?.only === undefined && isTree(before) && samePlace(before, place) ? before : place;
}

type TreePlace = Place & { readonly below: string };

function isTree(place: Place | undefined): place is TreePlace {
  return place?.below !== undefined;
}

/** The digest of a second name: that of no file. */
function* addSecond(
  tree: Tree,
  name: string,
  first: string,
  { copy }: WalkOptions,
): FileSteps<FileFailure | TooLarge | undefined> {
  if (tree.files.size >= MAX_FILES) return { tooLarge: 'files' };
  tree.files.set(name, secondName(first));
  return copy === undefined ? undefined : yield* copy.second(name, first);
}

/** A kubelet volume that lies or is mounted below the watch is read from its generation. */
function* enterVolume(
  tree: Tree,
  { path, name, quiet }: Met,
  { identity, device }: FileStatus,
  volume: Volume,
  frames: Frame[],
  options: WalkOptions,
): FileSteps<FileFailure | TooLarge | undefined> {
  const level = yield* readLevel(volume, MAX_NAMES - tree.listed);
  if (level === TOO_MANY) return { tooLarge: 'files' };
  if (isFailure(level)) return level;
  options.generations.set(path, volume.generation);
  tree.volumes.set(path, {
    name,
    generation: volume.generation,
    complete: level?.complete ?? false,
  });
  addPlace(tree.places, path, {
    identity,
    kind: level?.pure === false ? 'tree' : 'names',
    below: name,
  });
  if (level === undefined) {
    tree.torn = true;
    return undefined;
  }
  const uncopied = yield* copyUncounted(tree, name, level.entries, options);
  if (uncopied !== undefined) return uncopied;
  const generation = joinPath(path, volume.generation);
  const inside: string[] = [];
  const beside: string[] = [];
  for (const [child, source] of countedEntries(volume, level, path)) {
    (relativePath(generation, source) === undefined ? beside : inside).push(child);
  }
  tree.listed += inside.length + beside.length;
  frames.push({ path, name, names: beside.reverse(), device, quiet });
  frames.push({ path: generation, name, names: inside.reverse(), device, quiet: true });
  return undefined;
}
