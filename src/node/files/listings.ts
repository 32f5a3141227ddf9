import { type Dir, opendirSync } from 'node:fs';
import type { Names } from '../../core/files/files.ts';
import { at, bytes } from './paths.ts';

/** So many names are told at once. */
const NAMES = 512;

/** Directories of which names are told piece by piece: by path with a handle of their own, or by a descriptor. */
export type Listings = {
  /** The first names of a directory. @throws what opendir(3) and readdir(3) do; a listing that fails is over */
  list(path: string): Names;
  rest(list: number): Names;
  /** Gives up what is left of a listing. */
  end(list: number): void;
  /** Some more names of an open directory, from the beginning if `anew`; none at the end. */
  entries(directory: number, anew: boolean): readonly string[];
  /** Gives up what is left of an open directory, if anything is. */
  leave(directory: number): void;
};

export function createListings(): Listings {
  const listings = new Map<number, Dir>();
  const entered = new Map<number, Dir>();
  let handle = 0;

  function listingOf(list: number): Dir {
    const directory = listings.get(list);
    if (directory === undefined) throw new Error(`internal error: no listing ${list}`);
    return directory;
  }

  function end(list: number): void {
    const directory = listingOf(list);
    listings.delete(list);
    directory.closeSync();
  }

  function rest(list: number): Names {
    try {
      const names = nextNames(listingOf(list));
      if (names.length === NAMES) return { names, rest: list };
      end(list);
      return { names, rest: undefined };
    } catch (error) {
      if (listings.has(list)) end(list);
      throw error;
    }
  }

  function leave(directory: number): void {
    const left = entered.get(directory);
    entered.delete(directory);
    left?.closeSync();
  }

  return {
    list(path) {
      const directory = opendir(bytes(path));
      handle += 1;
      listings.set(handle, directory);
      return rest(handle);
    },
    rest,
    end,
    entries(directory, anew) {
      if (anew) {
        leave(directory);
        entered.set(directory, at({ in: directory, path: '' }, opendir));
      }
      const opened = entered.get(directory);
      const names = opened === undefined ? [] : nextNames(opened);
      if (names.length === 0) leave(directory);
      return names;
    },
    leave,
  };
}

/** Each byte of a name is a character of latin1, which the types leave out for a list of so many. */
function opendir(path: Buffer): Dir {
  return opendirSync(path, { encoding: 'latin1', bufferSize: NAMES });
}

/** Fewer than {@link NAMES} at the end. */
function nextNames(directory: Dir): string[] {
  const names: string[] = [];
  while (names.length < NAMES) {
    const entry = directory.readSync();
    if (entry === null) break;
    names.push(entry.name);
  }
  return names;
}
