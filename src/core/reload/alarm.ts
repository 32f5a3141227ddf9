import { isEnd } from '../state/child.ts';
import { type State, withConfiguration } from '../state/state.ts';
import { log, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { parentPath } from '../text/path.ts';

/* What an operator should know: content that could not be applied, and an application that does not run on it. */

/** The application does not run on the content that is there, and these changed files are why. The reason was told already. */
export function raiseAlarm(state: State, paths: readonly string[], reason: string, turn: Turn): State {
  const { stale, degraded } = state.configuration;
  const concerned = placesAbove(paths);
  const known = new Set(stale);
  const watches = state.observation.watched.map((watched) => watched.path);
  const added = watches.filter((watch) => concerned.has(watch) && !known.has(watch));
  if (degraded === undefined) turn.notices.push({ type: 'degraded' });
  // Where rehup ends with the child, that it does is the last word.
  const ending = state.child.phase === 'clearing' && isEnd(state.child.afterwards);
  if (!ending) tell(added, degraded === undefined, turn);
  return withConfiguration(state, { stale: [...stale, ...added], degraded: degraded ?? reason });
}

function tell(stale: readonly string[], isNew: boolean, turn: Turn): void {
  for (const watch of stale) {
    const name = textOfBytes(watch);
    log(turn, 'warn', 'watch.stale', `${name}: its content is not applied`, { watch: name });
  }
  if (isNew) log(turn, 'error', 'rehup.degraded', 'the application does not run on the present content');
}

/** Paths, and all that they lie below: there may be thousands of them, and of watches. */
function placesAbove(paths: readonly string[]): ReadonlySet<string> {
  const places = new Set<string>();
  for (const path of paths) {
    for (let place = path; !places.has(place); place = parentPath(place)) places.add(place);
  }
  return places;
}

/** What is there is what the application runs on. */
export function clearAlarm(state: State, turn: Turn): State {
  const { stale, degraded } = state.configuration;
  for (const watch of stale) {
    const name = textOfBytes(watch);
    log(turn, 'info', 'watch.fresh', `${name}: its content is applied`, { watch: name });
  }
  if (degraded !== undefined) {
    turn.notices.push({ type: 'recovered' });
    log(turn, 'info', 'rehup.recovered', 'the application runs on the present content again');
  }
  return stale.length === 0 && degraded === undefined
    ? state
    : withConfiguration(state, { stale: [], degraded: undefined });
}
