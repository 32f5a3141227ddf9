import { moreOf, type Places, samePlaces } from '../files/places.ts';
import type { LinkChange } from '../files/volume.ts';
import type { Due, Spot, Watched } from '../state/observed.ts';
import type { State } from '../state/state.ts';
import { type EventOf, log, setTimer, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { theseOf, together } from './asking.ts';

/* Which places send events, and what is done about those that do not. */

/** Until the next look when a directory was gone by the time it was to be watched, ms. */
const GONE_DELAY = 25;

/** What helps against the errors of inotify_init1(2) and inotify_add_watch(2), and where a host watches no more places. */
const REMEDIES: Readonly<Record<string, string>> = {
  EMFILE: 'raise the sysctl fs.inotify.max_user_instances (or the limit of open files)',
  ENOSPC: 'raise the sysctl fs.inotify.max_user_watches',
  ENOMEM: 'watch fewer directories',
};

/**
 * Asks for events from the places that were read, when they are not those asked for already.
 *
 * @param looked  the watches that were looked at, by index
 * @param before  all watches as they were before
 */
export function withWatchedPlaces(
  state: State,
  looked: readonly number[],
  before: readonly Watched[],
  turn: Turn,
): State {
  const { observation } = state;
  const { watched, lost: gone } = observation;
  const same = looked.every((index) =>
    samePlaces(watched[index]?.places ?? NOWHERE, before[index]?.places ?? NOWHERE),
  );
  if (same && gone.size === 0) return state;
  const places = spotsOf(watched, observation.places);
  turn.effects.push({ type: 'watch', places });
  const unwatched = new Set([...observation.unwatched].filter((path) => places.has(path)));
  // What was made anew may have another writer.
  const copied = new Set(
    [...observation.copied].filter(
      (path) => !gone.has(path) && places.get(path)?.identity === observation.places.get(path)?.identity,
    ),
  );
  return { ...state, observation: { ...observation, places, unwatched, copied, lost: new Set() } };
}

const NOWHERE: Places = new Map();

/** The places of all watches: what counts for one of them is asked for. The first spot of a path asks for all. */
function spotsOf(watched: readonly Watched[], before: ReadonlyMap<string, Spot>): ReadonlyMap<string, Spot> {
  const spots = new Map<string, Spot>();
  for (const [watch, { places }] of watched.entries()) {
    for (const [path, place] of places) {
      const next = spots.get(path);
      const known = before.get(path);
      if (known?.place === place && known.watch === watch && known.next === next) spots.set(path, known);
      else {
        const { identity } = place;
        const kind = next === undefined ? place.kind : moreOf(next.kind, place.kind);
        spots.set(path, { identity, kind, watch, place, next });
      }
    }
  }
  return spots;
}

/** Tries again to get events where there are none, as the poll does. */
export function watchAgain(state: State, turn: Turn): void {
  const { unwatched, places } = state.observation;
  if (unwatched.size > 0) turn.effects.push({ type: 'watch', places });
}

/**
 * Events come from everywhere that was asked for. That they work again is known only if they come from where they did not: a
 * place that is not wanted any more may have been one too many.
 */
export function watching(state: State, turn: Turn): State {
  const { degraded, unwatched } = state.observation;
  log(turn, 'trace', 'watch.armed', 'file events come from every watched place');
  if (unwatched.size === 0) return state;
  if (degraded.size > 0) log(turn, 'info', 'watch.restored', 'file events work again');
  return { ...state, observation: { ...state.observation, unwatched: new Set(), degraded: new Set() } };
}

/**
 * Places, or their mounts, are gone, and their events with them: what takes their place is watched after the next look, and
 * may have another writer. Tells which watches that concerns.
 */
export function lost(state: State, paths: readonly string[]): { readonly state: State; readonly due: Due } {
  const { observation } = state;
  const all = new Set([...observation.lost, ...paths]);
  const copied = new Set([...observation.copied].filter((path) => !all.has(path)));
  const indices = new Set<number>();
  for (const path of paths)
    for (let spot = observation.places.get(path); spot !== undefined; spot = spot.next)
      indices.add(spot.watch);
  return {
    state: { ...state, observation: { ...observation, copied, lost: all } },
    due: theseOf(indices),
  };
}

/** Remembers which volumes are written by a copier, until a swap tells of another writer. */
export function withLinks(state: State, links: ReadonlyMap<string, LinkChange>): State {
  const { observation } = state;
  if (links.size === 0) return state;
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
    const { state: after, due } = lost(state, event.paths);
    const { observation: now } = after;
    return { ...after, observation: { ...now, due: together(now.due, due) } };
  }
  const news = event.paths.filter((one) => !observation.unwatched.has(one));
  const [first] = news;
  if (first === undefined) return state;
  const path = textOfBytes(first);
  const known = REMEDIES[event.errno];
  const remedy = known === undefined ? '' : `; ${known}`;
  const instead =
    settings.poll > 0
      ? `looking every ${settings.poll} ms instead`
      : 'and --poll is 0: changes will be missed';
  // The first one says it all: a limit that is reached is reached for all directories, until events work again.
  const level = observation.degraded.has(event.errno) ? 'debug' : 'warn';
  const more = news.length > 1 ? ` and ${news.length - 1} more` : '';
  log(
    turn,
    level,
    'watch.degraded',
    `no file events from ${path}${more} (${event.errno}), ${instead}${remedy}`,
    { path, errno: event.errno },
  );
  const unwatched = new Set([...observation.unwatched, ...news]);
  const degraded = new Set([...observation.degraded, event.errno]);
  return { ...state, observation: { ...observation, unwatched, degraded } };
}
