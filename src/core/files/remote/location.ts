import { joinPath, parentPath } from '../../text/path.ts';
import type { Mount } from '../mounts.ts';
import { type MountTable, type Spot, spotBelow, spotOf } from './mount-table.ts';

/** So many links are followed in one path: path_resolution(7). */
const MOST_LINKS = 40;

/** What a link that lies on a local file system leads to; undefined for what is no link. */
export type Readlink = (path: string) => string | undefined;

/** Tells where paths lead, link by link, without touching anything that may hang. What it finds out it remembers. */
export type Locator = {
  /** The mount that may hang which a path leads to or through; undefined if all of the way is local. */
  remoteOn(path: string, followLast: boolean): Mount | undefined;
  /** Whether one that may hang is mounted on a path without links. */
  isMounted(real: string): boolean;
  /** Says that a path is no link itself. */
  isPlain(path: string): void;
  /** Forgets what it found: time went by. */
  forget(): void;
};

export function createLocator(table: MountTable, readlink: Readlink): Locator {
  const root = spotOf(table, '/');
  const directories = new Map<string, Spot | Mount>();
  let plain = '';

  /** Goes from a spot along names; ends early at a mount that may hang. */
  function walk(from: Spot, names: readonly string[]): Spot | Mount {
    let spot = from;
    let pending = [...names].reverse();
    for (let links = 0; pending.length > 0 && links <= MOST_LINKS; ) {
      const name = pending.pop() ?? '';
      if (name === '' || name === '.') continue;
      if (name === '..') {
        spot = spotOf(table, parentPath(spot.real));
        continue;
      }
      const next = spotBelow(table, spot, name);
      const remote = remoteAt(next);
      if (remote !== undefined) return remote;
      const target = readlink(next.real);
      if (target === undefined) spot = next;
      else {
        links += 1;
        if (target.startsWith('/')) spot = root;
        pending = [...pending, ...target.split('/').reverse()];
      }
    }
    return spot;
  }

  function remoteAt({ mount }: Spot): Mount | undefined {
    return mount !== undefined && table.remote.has(mount) ? mount : undefined;
  }

  /** Goes on from the nearest directory above that is known, since a look asks for the same ones for each file. */
  function directoryOf(path: string): Spot | Mount {
    const ahead: string[] = [];
    let at = parentPath(path);
    let found = directories.get(at);
    for (; found === undefined && at !== '/'; found = directories.get(at)) {
      ahead.push(at.slice(at.lastIndexOf('/') + 1));
      at = parentPath(at);
    }
    found ??= root;
    for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
      if ('real' in found) found = walk(found, [name]);
      at = joinPath(at, name);
      directories.set(at, found);
    }
    return found;
  }

  return {
    remoteOn(path, followLast) {
      if (path === '/') return undefined;
      const directory = directoryOf(path);
      if (!('real' in directory)) return directory;
      const name = path.slice(path.lastIndexOf('/') + 1);
      const remote = remoteAt(spotBelow(table, directory, name));
      if (remote !== undefined || !followLast || path === plain) return remote;
      const found = walk(directory, [name]);
      return 'real' in found ? undefined : found;
    },
    isMounted: (real) => table.at.get(real)?.some((mount) => table.remote.has(mount)) === true,
    isPlain(path) {
      plain = path;
    },
    forget() {
      directories.clear();
      plain = '';
    },
  };
}
