import { sameSnapshot } from '../files/snapshot.ts';
import type { Signal } from '../process/signals.ts';
import type { Reload } from '../state/progress.ts';
import { type State, withConfiguration } from '../state/state.ts';
import { clearTimers, log, setTimer, type Turn } from '../state/turn.ts';
import { applied, reloadFields } from './outcome.ts';
import { again, beginReload, type In, rest } from './scheduling.ts';

/* Sending the child a signal of a reload, once or until it takes it; and what begins once it was told. */

/**
 * A child without a handler that blocks a signal is looked at so often, at this distance in ms, before the signal is sent
 * all the same: a shell that starts commands one after the other is not found blocking each time.
 */
const BLOCKED_LOOKS = 10;
const BLOCKED_PAUSE = 100;

/** Sends a signal of a reload, by this guard; `first`: no action came before it. */
export function sendReload(
  pid: number,
  signal: Signal,
  onlyIf: 'caught' | 'caught or blocked' | undefined,
  first: boolean,
  turn: Turn,
): void {
  turn.notices.push({ type: 'telling', first });
  const sending = { pid, signal, to: 'child', purpose: 'reload', wake: false, onlyIf } as const;
  turn.effects.push({ type: 'signal', ...sending, childEnded: false });
}

/** The child blocks the signal: it is looked at again after a while, or at once if it is known to take it so. */
export function blocked(state: State, progress: In<'acting'>, known: boolean, turn: Turn): State {
  const times = known ? BLOCKED_LOOKS : (progress.blocked?.times ?? 0) + 1;
  const looked = { ...progress, blocked: { times, looking: false } };
  const next = withConfiguration(state, { progress: looked });
  if (known) return lookAtBlocked(next, looked, turn);
  setTimer(turn, 'action-timeout', BLOCKED_PAUSE);
  return next;
}

/**
 * Looks again at a child that blocked the signal which is next: a moment later it may take it, or not block it any more.
 * While a QUIT is pending it is left alone. Never while such a look is under way: it would be sent twice.
 */
export function lookAtBlocked(state: State, progress: In<'acting'>, turn: Turn): State {
  const { reload, remaining, blocked } = progress;
  const [action] = remaining;
  const { child } = state;
  if (blocked === undefined || blocked.looking || action?.kind !== 'signal') return state;
  if (child.phase !== 'running') return state;
  clearTimers(turn, 'action-timeout');
  const onlyIf = blocked.times < BLOCKED_LOOKS ? 'caught' : 'caught or blocked';
  const first = remaining.length === reload.actions.length;
  sendReload(child.pid, action.signal, onlyIf, first, turn);
  return withConfiguration(state, { progress: { ...progress, blocked: { ...blocked, looking: true } } });
}

/**
 * The content is again what was told last, and newer content that came to nothing had cut off its verification: that is made
 * up for, as a reload that tells nothing.
 */
export function verifyAnew(state: State, turn: Turn): State {
  const { cutOff, told, seen } = state.configuration;
  if (cutOff === undefined || state.child.phase !== 'running' || !sameSnapshot(told, seen)) return state;
  const { begun: anew, reload } = beginReload(state, cutOff.paths, cutOff.actions, told, turn);
  return verify(withConfiguration(anew, { cutOff: undefined }), { ...reload, from: cutOff.from }, turn);
}

/** The actions are done; whether they did well shows within the verify time. */
export function verify(state: State, reload: Reload, turn: Turn): State {
  const { verify: time, ready } = state.settings;
  const told = withConfiguration(rest(state), { unanswered: undefined });
  turn.notices.push({ type: 'told' });
  if (time === 0 && ready === undefined) return again(applied(told, reload, turn), turn);
  if (time > 0) setTimer(turn, 'verify-reload', time);
  log(turn, 'info', 'reload.started', `reload ${reload.id}: the child was told`, reloadFields(reload));
  return again(withConfiguration(told, { verifying: { reload, stayed: time === 0 } }), turn);
}
