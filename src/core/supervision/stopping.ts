import { SIGKILL, type Signal, signalName } from '../process/signals.ts';
import type { Child } from '../state/child.ts';
import type { SignalOutcome } from '../state/event.ts';
import type { State } from '../state/state.ts';
import { clearTimers, type EventOf, log, setTimer, type Turn } from '../state/turn.ts';
import { type In, logStop, send, withChild } from './child.ts';
import type { Route } from './routing.ts';
import { clearStop, expectStop } from './waiting.ts';

/* From a child that runs to its end: by a stop from outside, or by rehup itself. */

type Stop = Extract<Route, { kind: 'stop' }>;

/** A stop from outside, which wins over whatever is under way and has no time limit. */
export function terminate(
  state: State,
  child: In<'running' | 'stopping' | 'quitting'>,
  arrived: Signal,
  { sent }: Stop,
  turn: Turn,
): State {
  const { pid, since } = child;
  const before = child.phase === 'quitting' ? child.resume : child;
  const known = before.phase === 'stopping' && before.sent === sent;
  clearTimers(turn, 'stop-timeout', 'verify-start', 'quit');
  if (!known) send(turn, pid, { signal: sent, purpose: 'stop', to: state.settings.signalTo });
  expectStop(state, sent, turn);
  logStop(turn, arrived, 'the child is asked to stop');
  turn.notices.push({ type: 'stopped' });
  const toGroup = known && before.toGroup;
  return withChild(state, { phase: 'terminating', pid, since, sent, toGroup });
}

/** A QUIT that may be no stop (a JVM prints its threads): told from one by whether the child outlives the stop timeout. */
export function quit(
  state: State,
  child: In<'running' | 'stopping' | 'quitting'>,
  { sent }: Stop,
  turn: Turn,
): State {
  const resume = child.phase === 'quitting' ? child.resume : child;
  clearTimers(turn, 'stop-timeout');
  clearStop(turn);
  setTimer(turn, 'quit', state.settings.stopTimeout);
  send(turn, child.pid, { signal: sent, purpose: 'stop', to: state.settings.signalTo });
  logStop(turn, sent, 'a stop, if the child ends of it');
  turn.notices.push({ type: 'child-quitting' });
  const { pid, since } = child;
  return withChild(state, { phase: 'quitting', pid, since, sent, toGroup: false, resume });
}

export function resume(state: State, child: In<'quitting'>, _event: unknown, turn: Turn): State {
  log(turn, 'info', 'stop.outlived', 'the child outlived SIGQUIT: it was not being stopped');
  turn.notices.push({ type: 'child-resumed' });
  // The stop timeout of a restart that was under way has passed as well.
  if (child.resume.phase === 'stopping') setTimer(turn, 'stop-timeout', 0);
  return withChild(state, child.resume);
}

/** rehup itself stops the child, to start it anew or to end with it. */
export function stopChild(
  state: State,
  child: In<'running'>,
  { afterwards }: EventOf<'stop-child'>,
  turn: Turn,
): State {
  const { stopSignal: sent, stopTimeout, signalTo } = state.settings;
  const { pid, since } = child;
  clearTimers(turn, 'verify-start');
  setTimer(turn, 'stop-timeout', stopTimeout);
  expectStop(state, sent, turn);
  send(turn, pid, { signal: sent, purpose: 'stop', to: signalTo });
  const stopping = { phase: 'stopping', pid, since, afterwards, sent } as const;
  return withChild(state, { ...stopping, toGroup: false, killing: false });
}

/** The stop timeout is over while the child itself lives. */
export function killChild(state: State, child: In<'stopping'>, _event: unknown, turn: Turn): State {
  send(turn, child.pid, { signal: SIGKILL, purpose: 'kill', to: 'group' });
  return withChild(state, { ...child, killing: true });
}

/** Remembers whether the whole group was asked to stop, and tells what became of a signal. */
export function signalled(state: State, child: Child, event: EventOf<'signalled'>, turn: Turn): State {
  const { outcome, purpose } = event;
  const signal = signalName(event.signal);
  if (outcome.kind === 'failed' && outcome.errno !== 'ESRCH') {
    log(turn, 'error', 'signal.failed', `${signal} could not be sent: ${outcome.errno}`, {
      signal,
      errno: outcome.errno,
    });
    if (child.phase === 'stopping' && (purpose === 'stop' || purpose === 'kill'))
      return refused(state, child, event.signal, outcome.errno, turn);
  } else if (outcome.kind === 'sent' && purpose === 'kill') {
    return killed(state, child, turn);
  } else if (outcome.kind === 'sent' && purpose !== 'reload') {
    log(turn, 'debug', 'signal.forwarded', `${signal} sent to the ${outcome.to}`, { signal, to: outcome.to });
  }
  const remembers =
    child.phase === 'stopping' ||
    child.phase === 'quitting' ||
    child.phase === 'terminating' ||
    child.phase === 'leaving';
  return purpose === 'stop' && remembers && reached(outcome)
    ? withChild(state, { ...child, toGroup: true })
    : state;
}

function reached(outcome: SignalOutcome): boolean {
  return outcome.kind === 'sent' && outcome.to === 'group';
}

/** The group was sent SIGKILL, in whole or as far as rehup may. */
function killed(state: State, child: Child, turn: Turn): State {
  if (child.phase !== 'stopping' && child.phase !== 'clearing') return state;
  const { stopTimeout } = state.settings;
  log(turn, 'warn', 'child.killed', `not gone after ${stopTimeout} ms: SIGKILL to its group`, {
    pid: child.pid,
    ms: stopTimeout,
  });
  return child.phase === 'clearing' ? withChild(state, { ...child, killed: true }) : state;
}

/** rehup may not signal the child, which runs on as before: a restart can't be had. */
function refused(state: State, child: In<'stopping'>, signal: Signal, errno: string, turn: Turn): State {
  clearTimers(turn, 'stop-timeout');
  clearStop(turn);
  turn.notices.push({ type: 'stop-refused', signal, errno });
  const { pid, since } = child;
  return withChild(state, { phase: 'running', pid, since, stayed: true, verified: true });
}
