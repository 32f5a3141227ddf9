import { type State, withConfiguration } from '../state/state.ts';
import { log, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { relativePath } from '../text/path.ts';

/* What an operator should know: content that could not be applied, and an application that does not run on it. */

/** The application does not run on the content that is there, and these changed files are why. The reason was told already. */
export function raiseAlarm(state: State, paths: readonly string[], reason: string, turn: Turn): State {
  const { stale, degraded } = state.configuration;
  const watches = state.observation.watched.map((watched) => watched.path);
  const concerned = watches.filter((watch) => paths.some((path) => relativePath(watch, path) !== undefined));
  const added = concerned.filter((watch) => !stale.includes(watch));
  for (const watch of added) {
    const name = textOfBytes(watch);
    log(turn, 'warn', 'watch.stale', `${name}: its content is not applied`, { watch: name });
  }
  if (degraded === undefined) {
    turn.notices.push({ type: 'degraded' });
    log(turn, 'error', 'rehup.degraded', 'the application does not run on the present content');
  }
  return withConfiguration(state, { stale: [...stale, ...added], degraded: degraded ?? reason });
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
