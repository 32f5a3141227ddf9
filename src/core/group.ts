import {
  end,
  type In,
  isDropped,
  logExit,
  logStop,
  meansStop,
  prepare,
  send,
  translated,
  withChild,
} from './child.ts';
import { exitCode } from './exit.ts';
import { SIGKILL, SIGQUIT } from './signals.ts';
import type { State } from './state.ts';
import { clearTimers, type EventOf, log, setTimer, type Turn } from './turn.ts';

/* The end of a child, and the rest of its process group. */

/** Delays between looks at a group that is not empty yet: doubled from the first to the last, ms. */
const FIRST_GROUP_DELAY = 5;
const LAST_GROUP_DELAY = 100;

/** Waits for the group to be empty, after having asked what is left of it to stop. */
export function group(
  state: State,
  child: In<'clearing' | 'leaving'>,
  event: EventOf<'group'>,
  turn: Turn,
): State {
  if (!event.alive) return groupGone(state, child, turn);
  const { pid, pace } = child;
  const signal = child.phase === 'leaving' ? child.sent : state.settings.stopSignal;
  if (!child.toGroup) send(turn, pid, { signal, purpose: 'stop', to: 'group' });
  setTimer(turn, 'group', pace);
  return withChild(state, { ...child, toGroup: true, pace: Math.min(pace * 2, LAST_GROUP_DELAY) });
}

function groupGone(state: State, child: In<'clearing' | 'leaving'>, turn: Turn): State {
  clearTimers(turn, 'stop-timeout', 'group');
  return child.phase === 'clearing' && child.afterwards === 'start'
    ? prepare(state, child.status, turn)
    : end(state, turn, exitCode(child.status));
}

export function checkGroup(
  state: State,
  child: In<'clearing' | 'leaving'>,
  _event: unknown,
  turn: Turn,
): State {
  turn.effects.push({ type: 'check-group', pid: child.pid });
  return state;
}

/** The child is gone, its group is not: a stop cancels what was planned for the group, and the SIGKILL with it. */
export function signalWhileClearing(
  state: State,
  child: In<'clearing'>,
  event: EventOf<'signal'>,
  turn: Turn,
): State {
  if (isDropped(state, event.signal, turn)) return state;
  const sent = translated(state, event.signal);
  const known = child.toGroup && sent === state.settings.stopSignal;
  clearTimers(turn, 'stop-timeout');
  if (!known) send(turn, child.pid, { signal: sent, purpose: 'stop', to: 'group' });
  logStop(turn, event.signal, "what is left of the child's group is asked to stop");
  turn.notices.push({ type: 'stopped' });
  const { pid, status, pace } = child;
  return withChild(state, { phase: 'leaving', pid, status, sent, toGroup: true, pace });
}

export function signalWhileLeaving(
  state: State,
  child: In<'leaving'>,
  event: EventOf<'signal'>,
  turn: Turn,
): State {
  if (!meansStop(state, event.signal)) return state;
  send(turn, child.pid, { signal: translated(state, event.signal), purpose: 'stop', to: 'group' });
  return state;
}

export function killGroup(
  state: State,
  child: In<'stopping' | 'clearing'>,
  _event: unknown,
  turn: Turn,
): State {
  log(turn, 'warn', 'child.killed', `not gone after ${state.settings.stopTimeout} ms: SIGKILL to its group`, {
    pid: child.pid,
    ms: state.settings.stopTimeout,
  });
  send(turn, child.pid, { signal: SIGKILL, purpose: 'kill', to: 'group' });
  return state;
}

/** The child ended by itself: what is left of its group is asked to stop, and rehup ends with the child's code. */
export function endedByItself(
  state: State,
  child: In<'running'>,
  event: EventOf<'child-exited'>,
  turn: Turn,
): State {
  const { pid } = child;
  const { status } = event;
  logExit(child, status, turn);
  clearTimers(turn, 'verify-start');
  turn.notices.push({ type: 'child-ended', status });
  setTimer(turn, 'stop-timeout', state.settings.stopTimeout);
  turn.effects.push({ type: 'check-group', pid });
  const pace = FIRST_GROUP_DELAY;
  return withChild(state, { phase: 'clearing', pid, afterwards: 'exit', status, toGroup: false, pace });
}

export function endedStopping(
  state: State,
  child: In<'stopping'>,
  event: EventOf<'child-exited'>,
  turn: Turn,
): State {
  const { pid, afterwards, toGroup } = child;
  const { status } = event;
  logExit(child, status, turn);
  turn.notices.push({ type: 'child-ended', status });
  turn.effects.push({ type: 'check-group', pid });
  const pace = FIRST_GROUP_DELAY;
  return withChild(state, { phase: 'clearing', pid, afterwards, status, toGroup, pace });
}

export function endedTerminating(
  state: State,
  child: In<'terminating' | 'quitting'>,
  event: EventOf<'child-exited'>,
  turn: Turn,
): State {
  const { pid, toGroup } = child;
  const { status } = event;
  logExit(child, status, turn);
  clearTimers(turn, 'quit', 'verify-start');
  if (child.phase === 'quitting') turn.notices.push({ type: 'stopped' });
  turn.effects.push({ type: 'check-group', pid });
  const sent = child.phase === 'quitting' ? SIGQUIT : child.sent;
  return withChild(state, { phase: 'leaving', pid, status, sent, toGroup, pace: FIRST_GROUP_DELAY });
}
