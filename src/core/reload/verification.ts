import { changedPaths, sameSnapshot } from '../files/snapshot.ts';
import { canRollBack } from '../gate/stages.ts';
import { isRestarting } from '../state/action.ts';
import type { Progress, Reload } from '../state/progress.ts';
import { type State, withConfiguration } from '../state/state.ts';
import { clearTimers, type EventOf, log, setTimer, type Turn } from '../state/turn.ts';
import { foundBad } from './acting.ts';
import { clearAlarm, raiseAlarm } from './alarm.ts';
import { applied, failed, keepGood } from './outcome.ts';
import { rollBack } from './rollback.ts';
import { advance, again, beginReload, type In, rest } from './scheduling.ts';

/* Whether a reload, or a start, did well. */

/** The content is what the application runs on: whatever failed before is over. */
export function recover(state: State, turn: Turn): State {
  const { degraded, stale, barred, retries } = state.configuration;
  if (degraded === undefined && stale.length === 0 && barred === undefined && retries === 0) return state;
  clearTimers(turn, 'retry');
  return clearAlarm(withConfiguration(state, { barred: undefined, retries: 0, retrying: [] }), turn);
}

export function stayed(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  const { verifying } = state.configuration;
  if (verifying === undefined) return state;
  const now = withConfiguration(state, { verifying: { ...verifying, stayed: true } });
  return state.readiness.phase === 'ready' ? verifiedReload(now, turn) : now;
}

export function ready(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  return state.configuration.verifying?.stayed === true ? verifiedReload(state, turn) : state;
}

function verifiedReload(state: State, turn: Turn): State {
  const { verifying } = state.configuration;
  return verifying === undefined || isRestart(verifying.reload)
    ? state
    : next(applied(state, verifying.reload, turn), turn);
}

/** What waited for the verdict goes on. */
function next(state: State, turn: Turn): State {
  return state.configuration.progress.phase === 'holding' ? advance(state, false, turn) : state;
}

/** Whether the start of the application is the verdict on it; in another container it may be what `exit` leads to. */
export function isRestart(reload: Reload): boolean {
  return reload.actions.some(isRestarting);
}

/** The application does not serve with what it was told. */
export function notReady(
  state: State,
  progress: Progress,
  { reason }: EventOf<'not-ready'>,
  turn: Turn,
): State {
  const { verifying } = state.configuration;
  if (verifying !== undefined) return next(foundBad(state, verifying.reload, reason, turn), turn);
  if (progress.phase === 'acting' || progress.phase === 'gated') return state;
  if (canRollBack(state.gate)) return rollBackStart(state, reason, turn);
  log(turn, 'error', 'start.unready', reason, { reason });
  return next(raiseAlarm(state, [...state.configuration.seen.keys()], reason, turn), turn);
}

/** A start that was no reload showed new content that does not do: going back is a reload. */
export function rollBackStart(state: State, reason: string, turn: Turn): State {
  const { told } = state.configuration;
  const { staged = [] } = state.gate;
  const good = new Map(staged.map(({ stage, good: one }) => [stage.source, one?.content]));
  const from = new Map([...told].map(([path, content]) => [path, good.get(path) ?? content]));
  const { begun, reload } = beginReload(state, changedPaths(from, told), [{ kind: 'restart' }], told, turn);
  return rollBack(begun, reload, reason, turn);
}

export function restarted(state: State, progress: In<'acting'>, _event: unknown, turn: Turn): State {
  const started = rest(state);
  const verified = state.child.phase === 'running' && state.child.verified;
  const now = verified
    ? applied(started, progress.reload, turn)
    : withConfiguration(started, { verifying: { reload: progress.reload, stayed: false } });
  return again(now, turn);
}

/** What an earlier life of a sidecar began is verified by this one; or it came to nothing, and is tried once more or not. */
export function recalled(
  state: State,
  _progress: Progress,
  { paths, actions, alone, again: pause }: EventOf<'restart-recalled'>,
  turn: Turn,
): State {
  const { told, barred, degraded } = state.configuration;
  const { begun, reload } = beginReload(state, paths, actions, told, turn);
  if (alone === undefined) {
    const refused = barred !== undefined && sameSnapshot(barred, told) ? degraded : undefined;
    return refused === undefined
      ? withConfiguration(begun, { verifying: { reload, stayed: false } })
      : failed(begun, reload, refused, turn);
  }
  const ended = failed(begun, reload, alone, turn);
  if (pause !== undefined) setTimer(turn, 'retry', pause);
  const retries = pause === undefined ? 0 : 1;
  return withConfiguration(ended, { barred: told, unanswered: paths, applied: undefined, retries });
}

/** What changed while there was no sidecar was not told yet; or the application may have read something else at a start. */
export function missed(
  state: State,
  { phase }: Progress,
  { paths }: EventOf<'change-missed'>,
  turn: Turn,
): State {
  const now = withConfiguration(state, {
    unanswered: paths,
    applied: undefined,
    changedAt: state.configuration.changedAt ?? turn.at,
  });
  return phase === 'resting' ? again(now, turn) : now;
}

/** The start is verified, and with it the reload that led to it; a restart that waited for it may begin. */
export function childVerified(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  const { verifying, told, seen, barred, unanswered } = state.configuration;
  if (verifying !== undefined && isRestart(verifying.reload))
    return next(applied(state, verifying.reload, turn), turn);
  // A child that was started all the same on what failed its check, or was told without an answer, proves nothing.
  const isGood = unanswered === undefined && (barred === undefined || !sameSnapshot(barred, told));
  if (!isGood) return next(state, turn);
  const good = withConfiguration(state, { applied: told });
  const kept = verifying === undefined ? keepGood(good, false, turn) : good;
  return next(sameSnapshot(told, seen) ? recover(kept, turn) : kept, turn);
}
