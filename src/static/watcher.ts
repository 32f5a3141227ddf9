import type { PlaceKind } from '../core/files/places.ts';
import { type LinkChange, linkChange } from '../core/files/volume.ts';
import type { Watchable, Watcher } from '../core/state/ports.ts';
import type { Loop } from './loop.ts';
import { errnoOf } from './native.ts';

/** What the watcher tells. */
export type WatcherReports = {
  /** Without `changes` nobody knows where. */
  readonly hint: (
    changes: ReadonlyMap<string, ReadonlySet<string>> | undefined,
    links: ReadonlyMap<string, LinkChange>,
  ) => void;
  readonly watching: () => void;
  readonly failed: (paths: readonly string[], errno: string) => void;
  readonly lost: (paths: readonly string[]) => void;
};

/** A place that sends events; `next`: another path to the same, which has the same number. */
type Armed = {
  readonly path: string;
  place: Watchable;
  readonly watch: number;
  before: string;
  next: Armed | undefined;
};

/** inotify(7). */
const IN_MODIFY = 0x2;
const IN_ATTRIB = 0x4;
const IN_CLOSE_WRITE = 0x8;
const IN_MOVED_FROM = 0x40;
const IN_MOVED_TO = 0x80;
const IN_CREATE = 0x100;
const IN_DELETE = 0x200;
const IN_DELETE_SELF = 0x400;
const IN_MOVE_SELF = 0x800;
const IN_Q_OVERFLOW = 0x4000;
/** The kernel has removed a watch, since its directory or file system is gone. */
const IN_IGNORED = 0x8000;
const IN_ONLYDIR = 0x1000000;

const SELF = IN_DELETE_SELF | IN_MOVE_SELF;
const CONTENT = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB;
const NAMES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;

const MASKS: Readonly<Record<PlaceKind, number>> = {
  tree: SELF | NAMES | CONTENT,
  names: SELF | NAMES,
  self: SELF | IN_ONLYDIR,
  file: SELF | CONTENT,
};

/** Watching thousands of places anew is interrupted after this long, ms. */
const SLICE = 5;

/** The Watcher port: one inotify instance, made when it is first needed, and one watch a place. */
export function createWatcher(loop: Loop, reports: WatcherReports): Watcher {
  const armed = new Map<string, Armed>();
  const byNumber = new Map<number, Armed>();
  let wanted: ReadonlyMap<string, Watchable> = new Map();
  let notifier: number | undefined;
  /** Paths that are yet to be armed or disarmed; undefined: none. */
  let work: Iterator<string> | undefined;
  let failures = 0;
  /** By errno, the paths that could not be armed since that was last told. */
  const refused = new Map<string, string[]>();

  function take(descriptor: number): void {
    const hints = native.takeHints(descriptor);
    const links = new Map<string, LinkChange>();
    const changes = new Map<string, Set<string>>();
    const lost: string[] = [];
    let anywhere = false;
    for (let index = 0; index < hints.length; index += 3) {
      const watch = Number(hints[index]);
      const mask = Number(hints[index + 1]);
      const name = String(hints[index + 2]);
      if ((mask & IN_Q_OVERFLOW) !== 0) anywhere = true;
      else if ((mask & IN_IGNORED) !== 0) lost.push(...forget(watch));
      else note(watch, name, changes, links);
    }
    for (const path of lost) links.delete(path);
    if (lost.length > 0) reports.lost(lost);
    if (anywhere) reports.hint(undefined, links);
    else if (changes.size > 0) reports.hint(changes, links);
  }

  function note(
    watch: number,
    name: string,
    changes: Map<string, Set<string>>,
    links: Map<string, LinkChange>,
  ): void {
    for (let entry = byNumber.get(watch); entry !== undefined; entry = entry.next) {
      const { path } = entry;
      const names = changes.get(path);
      if (names === undefined) changes.set(path, new Set([name]));
      else names.add(name);
      const link = linkChange(name, entry.before);
      if (link !== undefined) links.set(path, link);
      entry.before = name;
    }
  }

  /** One that was not given up by ourselves is armed anew if what lies there is still there. */
  function forget(watch: number): readonly string[] {
    const paths: string[] = [];
    for (let entry = byNumber.get(watch); entry !== undefined; entry = entry.next) {
      armed.delete(entry.path);
      paths.push(entry.path);
    }
    byNumber.delete(watch);
    return paths;
  }

  function open(): number {
    if (notifier !== undefined) return notifier;
    const descriptor = native.openNotifier();
    notifier = descriptor;
    listen(descriptor);
    return descriptor;
  }

  function listen(descriptor: number): void {
    loop.onReadable(descriptor, () => take(descriptor));
  }

  function disarm({ path, watch }: Armed): void {
    armed.delete(path);
    let first: Armed | undefined;
    for (let entry = byNumber.get(watch); entry !== undefined; ) {
      const { next } = entry;
      if (entry.path !== path) {
        entry.next = first;
        first = entry;
      }
      entry = next;
    }
    // The same may be watched under another path, by the same number.
    if (first !== undefined) {
      byNumber.set(watch, first);
      return;
    }
    byNumber.delete(watch);
    if (notifier === undefined) return;
    try {
      native.unwatch(notifier, watch);
    } catch (error) {
      // It was deleted, and the watch with it.
      errnoOf(error);
    }
  }

  function arm(path: string, place: Watchable): void {
    try {
      const watch = native.watchPlace(open(), path, MASKS[place.kind]);
      const entry = { path, place, watch, before: '', next: byNumber.get(watch) };
      armed.set(path, entry);
      byNumber.set(watch, entry);
    } catch (error) {
      failures += 1;
      const errno = errnoOf(error);
      const others = refused.get(errno);
      if (others === undefined) refused.set(errno, [path]);
      else others.push(path);
    }
  }

  /** A limit refuses thousands: told together, they cost as much as one. */
  function tellRefused(): void {
    const told = [...refused];
    refused.clear();
    for (const [errno, paths] of told) reports.failed(paths, errno);
  }

  /** As it is wanted: armed once, or not at all. */
  function settle(path: string): void {
    const entry = armed.get(path);
    const place = wanted.get(path);
    const known = entry?.place;
    const same = known?.identity === place?.identity && known?.kind === place?.kind;
    // Of two that are the same the older one is kept by nobody else.
    if (entry !== undefined && place !== undefined && same) entry.place = place;
    if (entry !== undefined && !same) disarm(entry);
    if (place !== undefined && !same) arm(path, place);
  }

  function slice(): void {
    const until = native.now() + SLICE;
    while (work !== undefined) {
      const next = work.next();
      if (next.done === true) {
        work = undefined;
        tellRefused();
        if (failures === 0) reports.watching();
        return;
      }
      settle(next.value);
      if (native.now() >= until) {
        tellRefused();
        loop.soon(slice);
        return;
      }
    }
  }

  return {
    watch(places) {
      const idle = work === undefined;
      // What is not wanted any more goes first: there may be a limit.
      const gone = [...armed.keys()].filter((path) => !places.has(path));
      wanted = places;
      failures = 0;
      work = pathsOf(gone, places);
      if (idle) slice();
    },
    pause() {
      if (notifier !== undefined) loop.hold(notifier);
    },
    resume() {
      if (notifier !== undefined) listen(notifier);
    },
  };
}

function* pathsOf(gone: readonly string[], places: ReadonlyMap<string, Watchable>): Generator<string> {
  yield* gone;
  yield* places.keys();
}
