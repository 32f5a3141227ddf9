import type { Directories } from '../files/reading.ts';
import type { LinkChange } from '../files/volume.ts';
import type { State } from '../state/state.ts';
import { type EventOf, log, setTimer, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';

/* Which directories send events, and what is done about those that do not. */

/** Until the next look when a directory was gone by the time it was to be watched, ms. */
const GONE_DELAY = 25;

/** The limits behind the errors of inotify_init1(2) and inotify_add_watch(2). */
const LIMITS: Readonly<Record<string, string>> = {
  EMFILE: 'fs.inotify.max_user_instances (or the limit of open files)',
  ENOSPC: 'fs.inotify.max_user_watches',
};

/** Asks for events from the directories that were read, when they are not those asked for already. */
export function withWatchedDirectories(state: State, turn: Turn): State {
  const directories = new Map(state.observation.watched.flatMap((watched) => [...watched.directories]));
  if (sameDirectories(directories, state.observation.directories)) return state;
  turn.effects.push({ type: 'watch', directories });
  const { observation } = state;
  const deaf = new Set([...observation.deaf].filter((path) => directories.has(path)));
  // What was made anew may have another writer.
  const copied = new Set(
    [...observation.copied].filter((path) => directories.get(path) === observation.directories.get(path)),
  );
  return { ...state, observation: { ...observation, directories, deaf, copied } };
}

function sameDirectories(one: Directories, other: Directories): boolean {
  return one.size === other.size && [...one].every(([path, identity]) => other.get(path) === identity);
}

/** Tries again to get events where there are none, as the poll does. */
export function watchAgain(state: State, turn: Turn): void {
  const { deaf, directories } = state.observation;
  if (deaf.size > 0) turn.effects.push({ type: 'watch', directories });
}

/** Events come from everywhere that was asked for. */
export function watching(state: State, turn: Turn): State {
  const { degraded } = state.observation;
  log(turn, 'trace', 'watch.armed', 'file events come from every watched directory');
  if (degraded.size > 0) log(turn, 'info', 'watch.restored', 'file events work again');
  return { ...state, observation: { ...state.observation, deaf: new Set(), degraded: new Set() } };
}

/**
 * The directory, or its mount, is gone, and its events with it: what takes its place is watched after the next look, and
 * may have another writer.
 */
export function lost(state: State, path: string): State {
  const { observation } = state;
  const directories = new Map([...observation.directories].filter(([other]) => other !== path));
  const copied = new Set([...observation.copied].filter((other) => other !== path));
  return { ...state, observation: { ...observation, directories, copied } };
}

/** Remembers which volumes are written by a copier, until a swap tells of another writer. */
export function withLinks(state: State, links: ReadonlyMap<string, LinkChange>): State {
  const { observation } = state;
  const copied = new Set(observation.copied);
  for (const [path, change] of links) {
    if (change === 'copied') copied.add(path);
    else copied.delete(path);
  }
  return { ...state, observation: { ...observation, copied } };
}

export function watchFailed(state: State, _part: unknown, event: EventOf<'watch-failed'>, turn: Turn): State {
  const { observation, settings } = state;
  if (event.errno === 'ENOENT' || event.errno === 'ENOTDIR') {
    setTimer(turn, 'relook', GONE_DELAY);
    return lost(state, event.path);
  }
  if (observation.deaf.has(event.path)) return state;
  const path = textOfBytes(event.path);
  const limit = LIMITS[event.errno];
  const remedy = limit === undefined ? '' : `; raise the sysctl ${limit}`;
  const instead =
    settings.poll > 0
      ? `looking every ${settings.poll} ms instead`
      : 'and --poll is 0: changes will be missed';
  // The first one says it all: a limit that is reached is reached for all directories, until events work again.
  const level = observation.degraded.has(event.errno) ? 'debug' : 'warn';
  log(turn, level, 'watch.degraded', `no file events from ${path} (${event.errno}), ${instead}${remedy}`, {
    path,
    errno: event.errno,
  });
  const deaf = new Set([...observation.deaf, event.path]);
  const degraded = new Set([...observation.degraded, event.errno]);
  return { ...state, observation: { ...observation, deaf, degraded } };
}
