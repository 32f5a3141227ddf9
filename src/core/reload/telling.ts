import type { Signal } from '../process/signals.ts';
import type { Reload } from '../state/progress.ts';
import { type State, withConfiguration } from '../state/state.ts';
import { clearTimers, log, setTimer, type Turn } from '../state/turn.ts';
import type { In } from './scheduling.ts';

/* Telling the application: sending the child a signal of a reload, once or until it takes it. */

/** So many applies within this time are flapping (specification 5, *calm*). */
const FLAPPING = 6;
const FLAPPING_WINDOW = 10 * 60_000;

/**
 * A child without a handler that blocks a signal is looked at so often, at this distance in ms, before the signal is sent
 * all the same: a shell that starts commands one after the other is not found blocking each time.
 */
const BLOCKED_LOOKS = 10;
const BLOCKED_PAUSE = 100;

/** From here on the application has been told: this content is not tried again by itself. */
export function begun(state: State, reload: Reload, turn: Turn): State {
  const { configuration } = state;
  const recent = configuration.applies.filter((at) => turn.at - at < FLAPPING_WINDOW);
  // Trying again what nobody answered is no new content.
  const counts = reload.paths.length > 0 && configuration.retries === 0;
  const applies = counts ? [...recent, turn.at].slice(-FLAPPING) : recent;
  const flapping = applies.length >= FLAPPING;
  if (flapping && !configuration.flapping) {
    const message = `${applies.length} reloads within ten minutes: something writes the configuration all the time`;
    log(turn, 'warn', 'watch.flapping', message, { reloads: applies.length });
  }
  return withConfiguration(state, {
    told: reload.snapshot,
    cutOff: undefined,
    lastApply: turn.at,
    applies,
    flapping,
  });
}

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
