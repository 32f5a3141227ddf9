import type { ExitStatus } from '../process/exit.ts';
import { exitCode } from '../process/exit.ts';
import { SIGKILL } from '../process/signals.ts';
import { afterExit } from '../reload/interruption.ts';
import type { Afterwards } from '../state/child.ts';
import type { State } from '../state/state.ts';
import { clearTimers, type EventOf, log, setTimer, type Turn } from '../state/turn.ts';
import { end, endAs, type In, logDropped, logExit, logStop, prepare, send, withChild } from './child.ts';
import { meaningOf } from './routing.ts';

/* The end of a child, and the rest of its process group. */

/** Delays between looks at a group that is not empty yet: doubled from the first to the last, ms. */
const FIRST_GROUP_DELAY = 5;
const LAST_GROUP_DELAY = 100;

/** Exits by itself are counted within this time (specification 1, `--max-restarts`), ms. */
const CRASH_WINDOW = 10 * 60_000;
/** Delays before a start by `--on-exit`: doubled from the first to the last (specification 1), ms. */
const FIRST_BACK_OFF = 1_000;
const LAST_BACK_OFF = 30_000;

/** A child that exits with 0 within this time of its start may have gone to the background (specification 3), ms. */
const EARLY = 5_000;

/** Waits for the group to be empty, after having asked what is left of it to stop. */
export function group(
  state: State,
  child: In<'clearing' | 'leaving'>,
  event: EventOf<'group'>,
  turn: Turn,
): State {
  const known = child.phase === 'clearing' && child.early ? reportDaemon(child, event, turn) : child;
  if (!event.alive) return groupGone(state, known, turn);
  const { pid, pace } = child;
  const signal = child.phase === 'leaving' ? child.sent : state.settings.stopSignal;
  if (!child.toGroup) send(turn, pid, { signal, purpose: 'stop', to: 'group' });
  setTimer(turn, 'group', pace);
  return withChild(state, { ...known, toGroup: true, pace: Math.min(pace * 2, LAST_GROUP_DELAY) });
}

function reportDaemon(
  child: In<'clearing'>,
  { alive, children }: EventOf<'group'>,
  turn: Turn,
): In<'clearing'> {
  if (alive || children) {
    const { pid } = child;
    const message = `child ${pid} exited with 0 at once and left processes behind: run it in the foreground`;
    log(turn, 'warn', 'child.daemonized', message, { pid });
  }
  return { ...child, early: false };
}

function groupGone(state: State, child: In<'clearing' | 'leaving'>, turn: Turn): State {
  clearTimers(turn, 'stop-timeout', 'group');
  if (child.phase === 'leaving' || child.afterwards === 'exit') return endAs(state, turn, child.status);
  if (typeof child.afterwards === 'object') return end(state, turn, child.afterwards.exit);
  return child.afterwards === 'start'
    ? prepare(state, child.status, turn)
    : backOff(state, child.status, turn);
}

function backOff(state: State, last: ExitStatus, turn: Turn): State {
  const delay = Math.min(FIRST_BACK_OFF * 2 ** (state.crashes.length - 1), LAST_BACK_OFF);
  log(turn, 'info', 'child.back_off', `the child is started again in ${delay} ms`, {
    ms: delay,
    restart: state.crashes.length,
  });
  setTimer(turn, 'back-off', delay);
  return withChild(state, { phase: 'waiting', last });
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
  const meaning = meaningOf(state.settings, event.signal);
  if (meaning.kind !== 'stop') {
    logDropped(turn, event.signal, 'no child runs');
    return state;
  }
  const { sent } = meaning;
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
  const meaning = meaningOf(state.settings, event.signal);
  if (meaning.kind === 'stop') send(turn, child.pid, { signal: meaning.sent, purpose: 'stop', to: 'group' });
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

/** What follows an exit of the child by itself, and the state that remembers it. */
function policy(state: State, status: ExitStatus, turn: Turn): { state: State; afterwards: Afterwards } {
  const { onExit, maxRestarts } = state.settings;
  const restarts = onExit === 'restart' || (onExit === 'restart-on-failure' && exitCode(status) !== 0);
  if (!restarts) return { state, afterwards: 'exit' };
  const recent = state.crashes.filter((at) => turn.at - at < CRASH_WINDOW);
  if (recent.length < maxRestarts)
    return { state: { ...state, crashes: [...recent, turn.at] }, afterwards: 'again' };
  log(turn, 'error', 'child.given_up', `restarted ${maxRestarts} times within ten minutes: no more`, {
    restarts: maxRestarts,
  });
  return { state, afterwards: 'exit' };
}

/** The child ended by itself: what is left of its group is asked to stop, and `--on-exit` says what follows. */
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
  const follows = afterExit(state, status);
  turn.notices.push({ type: 'child-ended', status, follows });
  setTimer(turn, 'stop-timeout', state.settings.stopTimeout);
  turn.effects.push({ type: 'check-group', pid });
  const pace = FIRST_GROUP_DELAY;
  const early = status.kind === 'code' && status.code === 0 && turn.at - child.since < EARLY;
  const { state: now, afterwards } =
    follows === undefined ? policy(state, status, turn) : { state, afterwards: 'start' as const };
  return withChild(now, { phase: 'clearing', pid, afterwards, status, early, toGroup: false, pace });
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
  turn.notices.push({ type: 'child-ended', status, follows: undefined });
  turn.effects.push({ type: 'check-group', pid });
  const pace = FIRST_GROUP_DELAY;
  return withChild(state, { phase: 'clearing', pid, afterwards, status, early: false, toGroup, pace });
}

export function endedTerminating(
  state: State,
  child: In<'terminating' | 'quitting'>,
  event: EventOf<'child-exited'>,
  turn: Turn,
): State {
  const { pid, sent, toGroup } = child;
  const { status } = event;
  logExit(child, status, turn);
  clearTimers(turn, 'quit', 'verify-start');
  if (child.phase === 'quitting') turn.notices.push({ type: 'stopped' });
  turn.effects.push({ type: 'check-group', pid });
  return withChild(state, { phase: 'leaving', pid, status, sent, toGroup, pace: FIRST_GROUP_DELAY });
}
