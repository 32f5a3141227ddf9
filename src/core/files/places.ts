import { joinPath, parentPath } from '../text/path.ts';
import { type FileSteps, readlink } from './files.ts';
import { identityOf } from './listing.ts';
import { isReserved, mayChangeContent } from './volume.ts';

/* The places whose events tell of changes: directories and files, each with what in it counts. */

/**
 * What counts at a place: all that happens in a directory, only what its names lead to, only that the directory itself is
 * renamed or removed, or what is written to a file.
 */
export type PlaceKind = 'tree' | 'names' | 'self' | 'file';

const MORE: readonly PlaceKind[] = ['self', 'names', 'tree'];

/** Of two kinds of one directory the one that tells more. */
export function moreOf(one: PlaceKind, other: PlaceKind): PlaceKind {
  return MORE.indexOf(one) < MORE.indexOf(other) ? other : one;
}

/** A place whose events are asked for. One whose identity differs from before is another, though its path is the same. */
export type Place = {
  readonly identity: string;
  readonly kind: PlaceKind;
  /** The names that count; undefined where all do. */
  readonly only?: ReadonlySet<string>;
  /** The path relative to the watch, where all names count but those that are left out. */
  readonly below?: string;
};

export type Places = ReadonlyMap<string, Place>;

/** Whether an event at a place may tell of other content; the name is empty for the place itself. */
export function counts(place: Place, name: string, ignore: (path: string) => boolean): boolean {
  if (name === '' || place.kind === 'file') return true;
  if (place.only !== undefined) return place.only.has(name);
  if (!mayChangeContent(name)) return false;
  return isReserved(name) || !ignore(joinPath2(place.below ?? '', name));
}

function joinPath2(below: string, name: string): string {
  return below === '' ? name : `${below}/${name}`;
}

/** Two places at the same path: what counts for either counts. */
export function merged(one: Place, other: Place): Place {
  if (one.only === undefined && one.kind === 'tree') return one;
  if (other.only === undefined) return other;
  if (one.only === undefined) return one;
  return { ...one, kind: moreOf(one.kind, other.kind), only: new Set([...one.only, ...other.only]) };
}

/** So many links are followed in one path: path_resolution(7). */
const MOST_LINKS = 40;

/** The ways that one look has gone: what is asked for once is not asked for again. */
export type Ways = {
  readonly links: Map<string, string | undefined>;
  readonly identities: Map<string, string | undefined>;
};

export function newWays(): Ways {
  return { links: new Map(), identities: new Map() };
}

/**
 * The path without links that a path leads to, as the kernel follows it (`..` behind a link is the parent of where the
 * link leads), as far as it is there.
 *
 * @param passed gets each directory on the way, and the name that is looked for in it
 */
export function* follow(
  path: string,
  ways: Ways,
  passed: (directory: string, name: string) => void = () => {},
): FileSteps<string> {
  let real = '/';
  // The next part is the last of the list.
  const pending = path.split('/').reverse();
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      real = parentPath(real);
      continue;
    }
    passed(real, name);
    const next = joinPath(real, name);
    const target = yield* linkTarget(next, ways);
    if (target === undefined) {
      real = next;
      continue;
    }
    links += 1;
    if (links > MOST_LINKS) return next;
    if (target.startsWith('/')) real = '/';
    pending.push(...target.split('/').reverse());
  }
  return real;
}

function* linkTarget(path: string, { links }: Ways): FileSteps<string | undefined> {
  const known = links.get(path);
  if (known !== undefined || links.has(path)) return known;
  const target = yield* readlink(path);
  const found = typeof target === 'string' ? target : undefined;
  links.set(path, found);
  return found;
}

/**
 * Adds the directories that a path leads through: where a name on the way is made, removed or renamed, it may lead
 * elsewhere. A directory tells itself that it was renamed or removed, so that the one above, in which others may make
 * files all the time, need not be asked for names; of a link, a file, and what is not there, only that one can tell.
 *
 * @returns the path without links
 */
export function* addWay(places: Map<string, Place>, path: string, ways: Ways): FileSteps<string> {
  const names = new Map<string, Set<string>>();
  const real = yield* follow(path, ways, (directory, name) => {
    const others = names.get(directory);
    if (others === undefined) names.set(directory, new Set([name]));
    else others.add(name);
  });
  for (const [directory, all] of names) {
    const identity = yield* identityAt(directory, ways);
    if (identity === undefined) continue;
    const only = new Set<string>();
    for (const name of all) {
      const next = joinPath(directory, name);
      const isLink = ways.links.get(next) !== undefined;
      const told = places.get(next);
      const passed = names.has(next) && (yield* identityAt(next, ways)) !== undefined;
      if (isLink || !(passed || (told !== undefined && told.kind !== 'file'))) only.add(name);
    }
    if (only.size > 0) addPlace(places, directory, { identity, kind: 'names', only });
    else if (directory !== '/') addPlace(places, directory, { identity, kind: 'self', only });
  }
  return real;
}

function* identityAt(path: string, { identities }: Ways): FileSteps<string | undefined> {
  const known = identities.get(path);
  if (known !== undefined || identities.has(path)) return known;
  const identity = yield* identityOf(path);
  identities.set(path, identity);
  return identity;
}

export function addPlace(places: Map<string, Place>, path: string, place: Place): void {
  const other = places.get(path);
  places.set(path, other === undefined ? place : merged(other, place));
}

/** Adds what lies at a path as a place, if it is there. */
export function* addFound(
  places: Map<string, Place>,
  path: string,
  place: Omit<Place, 'identity'>,
): FileSteps<void> {
  const identity = yield* identityOf(path);
  if (identity !== undefined) addPlace(places, path, { ...place, identity });
}

export function samePlaces(one: Places, other: Places): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const [path, place] of one) {
    const found = other.get(path);
    if (found === undefined || !samePlace(place, found)) return false;
  }
  return true;
}

export function samePlace(one: Place, other: Place): boolean {
  if (one === other) return true;
  if (one.identity !== other.identity || one.kind !== other.kind || one.below !== other.below) return false;
  if (one.only === undefined || other.only === undefined) return one.only === other.only;
  return one.only.size === other.only.size && [...one.only].every((name) => other.only?.has(name) === true);
}
