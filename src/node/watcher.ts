import { realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { FSWatcher } from 'chokidar';
import { type LinkChange, linkChange } from '../core/files/volume.ts';
import type { Watchable, Watcher } from '../core/state/ports.ts';
import { bytesOfText } from '../core/text/bytes.ts';
import { errnoOf } from './errno.ts';
import { createTap } from './files/tap.ts';

/** What the watcher tells. */
export type WatcherReports = {
  readonly hint: (
    changes: ReadonlyMap<string, ReadonlySet<string>>,
    links: ReadonlyMap<string, LinkChange>,
  ) => void;
  readonly watching: () => void;
  readonly failed: (paths: readonly string[], errno: string) => void;
  readonly lost: (paths: readonly string[]) => void;
};

type Armed = Watchable & { readonly watcher: FSWatcher; ready: boolean; before: string };

/** What is told of events that nobody asked for: chokidar does not choose. */
const NOTHING: ReadonlyMap<string, ReadonlySet<string>> = new Map();
const NO_LINKS: ReadonlyMap<string, LinkChange> = new Map();

/** Watching thousands of places anew is interrupted after this long, ms. */
const SLICE = 5;

/**
 * So many places send events: a watcher of chokidar's takes 5 kB, and the heap is small. What more there is waits for the
 * poll, as where inotify is used up.
 */
const MOST_PLACES = 2_000;

/**
 * A watcher that tells raw events and does nothing besides: chokidar would list the directory again, once a second and
 * whatever happened in it, and ask for the status of a file. It does neither where that is throttled.
 */
class Hints extends FSWatcher {
  override _throttle(): false {
    return false;
  }
}

/**
 * The Watcher port over chokidar, asked for hints only: its `raw` event, one place a watcher and nothing below it.
 * chokidar's other events lose final updates (a 50 ms throttle a path), and it falls silent where a directory was made
 * anew, which the core sees by the identity. It would watch a link instead of what the link leads to.
 */
export function createWatcher(reports: WatcherReports): Watcher {
  const armed = new Map<string, Armed>();
  let wanted: ReadonlyMap<string, Watchable> = new Map();
  /** Paths that are yet to be armed or disarmed. */
  let work: Iterator<string> | undefined;
  let unready = 0;
  let failures = 0;
  const tap = createTap();
  /** By errno, the paths that could not be armed since that was last told. */
  const refused = new Map<string, string[]>();

  function disarm(path: string): void {
    const entry = armed.get(path);
    if (entry === undefined) return;
    void entry.watcher.close();
    armed.delete(path);
    if (!entry.ready) unready -= 1;
  }

  function refuse(path: string, errno: string): void {
    failures += 1;
    const others = refused.get(errno);
    if (others === undefined) refused.set(errno, [path]);
    else others.push(path);
  }

  /** A limit refuses thousands: told together, they cost as much as one. */
  function tellRefused(): void {
    const told = [...refused];
    refused.clear();
    for (const [errno, paths] of told) reports.failed(paths, errno);
  }

  function arm(path: string, { identity, kind }: Watchable): void {
    const real = realPath(path);
    if ('errno' in real) {
      refuse(path, real.errno);
      return;
    }
    if (armed.size >= MOST_PLACES) {
      refuse(path, 'ENOMEM');
      return;
    }
    const { text } = real;
    const options = {
      depth: 0,
      followSymlinks: false,
      ignoreInitial: true,
      ignored: (name: string) => name !== text,
    };
    const watcher = new Hints(options);
    const entry: Armed = { identity, kind, watcher, ready: false, before: '' };
    armed.set(path, entry);
    unready += 1;
    const own = basename(text);
    watcher.on('raw', (event, name) => {
      // libuv names the place itself so, when it is gone as well; a file of its name in it is rare, and no harm.
      if (event === 'rename' && name === own && armed.get(path) === entry) {
        disarm(path);
        reports.lost([path]);
        return;
      }
      // Where names count, what is written below them does not; where the place itself does, nothing else. It has woken us.
      if (kind === 'self' || (event !== 'rename' && kind === 'names')) {
        reports.hint(NOTHING, NO_LINKS);
        return;
      }
      const bytes = kind === 'file' ? '' : bytesOfText(String(name ?? ''));
      const link = linkChange(bytes, entry.before);
      entry.before = bytes;
      reports.hint(new Map([[path, new Set([bytes])]]), new Map(link === undefined ? [] : [[path, link]]));
    });
    watcher.on('error', (error) => {
      if (armed.get(path) !== entry) return;
      disarm(path);
      failures += 1;
      reports.failed([path], errnoOf(error));
    });
    watcher.on('ready', () => {
      if (armed.get(path) !== entry || entry.ready) return;
      entry.ready = true;
      unready -= 1;
      tellIfAllReady();
    });
    watcher.add(text);
  }

  function tellIfAllReady(): void {
    if (work === undefined && unready === 0 && failures === 0) reports.watching();
  }

  /** As it is wanted: armed once, or not at all. */
  function settle(path: string): void {
    const entry = armed.get(path);
    const place = wanted.get(path);
    const same = entry?.identity === place?.identity && entry?.kind === place?.kind;
    if (same) return;
    disarm(path);
    if (place !== undefined) arm(path, place);
  }

  function slice(): void {
    const until = performance.now() + SLICE;
    while (work !== undefined) {
      const next = work.next();
      if (next.done === true) {
        work = undefined;
        tellRefused();
        tellIfAllReady();
        return;
      }
      settle(next.value);
      if (performance.now() >= until) {
        tellRefused();
        setImmediate(slice);
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
      work = [...gone, ...places.keys()].values();
      if (idle) slice();
    },
    pause: tap.close,
    resume: tap.open,
  };
}

/** Where a path leads to, as text; an errno where there is nothing, or where its bytes are no text. */
function realPath(path: string): { readonly text: string } | { readonly errno: string } {
  try {
    const bytes = realpathSync.native(Buffer.from(path, 'latin1'), 'buffer');
    const text = bytes.toString();
    return Buffer.from(text).equals(bytes) ? { text } : { errno: 'EILSEQ' };
  } catch (error) {
    return { errno: errnoOf(error) };
  }
}
