import { SIGTSTP, SIGTTIN, SIGTTOU, type Signal, signalName } from '../process/signals.ts';
import type { Child } from '../state/child.ts';
import type { SignalOutcome } from '../state/event.ts';
import type { State } from '../state/state.ts';
import { clearTimers, type EventOf, log, setTimer, type Table, type Turn } from '../state/turn.ts';
import { type In, logDropped, logStop, send, withChild } from './child.ts';
import {
  checkGroup,
  endedByItself,
  endedStopping,
  endedTerminating,
  group,
  killGroup,
  signalWhileClearing,
  signalWhileLeaving,
} from './group.ts';
import { type Meaning, meaningOf } from './routing.ts';
import {
  backAgain,
  begin,
  content,
  mayStart,
  nothingToStart,
  signalWhileStarting,
  signalWithoutChild,
  spawnFailed,
  startAgain,
  unusable,
} from './starting.ts';

/*
 * Room `supervision/`: the machine that leads the life of the child: started, signalled, stopped, started again, and rehup's
 * own end with it. May not know what content is; reload says whether the child may start, and what it reads then.
 */

/** The signals by which a terminal stops its jobs. */
const JOB_CONTROL: readonly Signal[] = [SIGTSTP, SIGTTIN, SIGTTOU];

function spawned(state: State, child: In<'starting'>, event: EventOf<'spawned'>, turn: Turn): State {
  const { verify } = state.settings;
  log(turn, 'info', 'child.started', `child ${event.pid} started`, { pid: event.pid });
  turn.notices.push({ type: 'child-started' });
  if (verify > 0) setTimer(turn, 'verify-start', verify);
  else if (state.settings.ready === undefined) turn.notices.push({ type: 'child-verified' });
  const { pid } = event;
  const verified = verify === 0 && state.settings.ready === undefined;
  const stayed = verify === 0;
  const running: State = withChild(state, { phase: 'running', pid, since: turn.at, stayed, verified });
  return child.kept.reduce((now, signal) => signalAfterStart(now, signal, turn), running);
}

/** Hands a child the signals that came while it was being started, in their order; a stop is none of them. */
function signalAfterStart(state: State, signal: Signal, turn: Turn): State {
  const { child } = state;
  return child.phase === 'running' ? signalToChild(state, child, { type: 'signal', signal }, turn) : state;
}

type Verification = 'stayed' | 'ready' | 'not-ready';

/** A start is verified once the child has stayed up and serves; if it does not serve in its time, that is over. */
function verified(child: In<'running'>, what: Verification, state: State, turn: Turn): In<'running'> {
  const now = what === 'stayed' ? { ...child, stayed: true } : child;
  if (now.verified) return now;
  if (what === 'not-ready') {
    turn.notices.push({ type: 'child-unverified' });
    return { ...now, verified: true };
  }
  const serves = what === 'ready' || state.readiness.phase === 'ready';
  if (!now.stayed || !serves) return now;
  turn.notices.push({ type: 'child-verified' });
  return { ...now, verified: true };
}

function verifying(what: Verification) {
  return (state: State, child: In<'running'>, _event: unknown, turn: Turn): State =>
    withChild(state, verified(child, what, state, turn));
}

/** The time of a start runs on while a QUIT is pending. */
function verifyingQuitting(what: Verification) {
  return (state: State, child: In<'quitting'>, _event: unknown, turn: Turn): State =>
    child.resume.phase === 'running'
      ? withChild(state, { ...child, resume: verified(child.resume, what, state, turn) })
      : state;
}

/** A signal that stops a job is rehup's as well, whatever it is rewritten to. */
function forward(state: State, pid: number, arrived: Signal, signal: Signal, turn: Turn): void {
  send(turn, pid, { signal, purpose: 'forward', to: state.settings.signalTo });
  if (JOB_CONTROL.includes(arrived) && state.terminal && !state.pid1) turn.effects.push({ type: 'suspend' });
}

function signalToChild(
  state: State,
  child: In<'running' | 'stopping' | 'quitting'>,
  event: EventOf<'signal'>,
  turn: Turn,
): State {
  const meaning = meaningOf(state.settings, event.signal);
  switch (meaning.kind) {
    case 'dropped':
      logDropped(turn, event.signal, 'rewritten to none');
      return state;
    case 'reload':
      turn.notices.push({ type: 'reload-requested', signal: meaning.signal });
      return state;
    case 'forward':
      forward(state, child.pid, event.signal, meaning.signal, turn);
      return state;
    case 'stop':
      return meaning.perhaps
        ? quit(state, child, meaning, turn)
        : terminate(state, child, event.signal, meaning, turn);
    default:
      return meaning satisfies never;
  }
}

type Stop = Extract<Meaning, { kind: 'stop' }>;

/** A stop from outside, which wins over whatever is under way and has no time limit. */
function terminate(
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
  logStop(turn, arrived, 'the child is asked to stop');
  turn.notices.push({ type: 'stopped' });
  const toGroup = known && before.toGroup;
  return withChild(state, { phase: 'terminating', pid, since, sent, toGroup });
}

/** A QUIT that may be no stop (a JVM prints its threads): told from one by whether the child outlives the stop timeout. */
function quit(
  state: State,
  child: In<'running' | 'stopping' | 'quitting'>,
  { sent }: Stop,
  turn: Turn,
): State {
  const resume = child.phase === 'quitting' ? child.resume : child;
  clearTimers(turn, 'stop-timeout');
  setTimer(turn, 'quit', state.settings.stopTimeout);
  send(turn, child.pid, { signal: sent, purpose: 'stop', to: state.settings.signalTo });
  logStop(turn, sent, 'a stop, if the child ends of it');
  turn.notices.push({ type: 'child-quitting' });
  const { pid, since } = child;
  return withChild(state, { phase: 'quitting', pid, since, sent, toGroup: false, resume });
}

function resume(state: State, child: In<'quitting'>, _event: unknown, turn: Turn): State {
  log(turn, 'info', 'stop.outlived', 'the child outlived SIGQUIT: it was not being stopped');
  turn.notices.push({ type: 'child-resumed' });
  // The stop timeout of a restart that was under way has passed as well.
  if (child.resume.phase === 'stopping') setTimer(turn, 'stop-timeout', 0);
  return withChild(state, child.resume);
}

function signalToTerminating(
  state: State,
  child: In<'terminating'>,
  event: EventOf<'signal'>,
  turn: Turn,
): State {
  const meaning = meaningOf(state.settings, event.signal);
  switch (meaning.kind) {
    case 'dropped':
    case 'reload':
      return state;
    case 'forward':
      forward(state, child.pid, event.signal, meaning.signal, turn);
      return state;
    case 'stop':
      send(turn, child.pid, { signal: meaning.sent, purpose: 'stop', to: state.settings.signalTo });
      return withChild(state, { ...child, sent: meaning.sent, toGroup: false });
    default:
      return meaning satisfies never;
  }
}

/** rehup itself stops the child, to start it anew or to end with it. */
function stopChild(state: State, child: In<'running'>, event: EventOf<'stop-child'>, turn: Turn): State {
  const { stopSignal, stopTimeout, signalTo } = state.settings;
  const { pid, since } = child;
  clearTimers(turn, 'verify-start');
  setTimer(turn, 'stop-timeout', stopTimeout);
  send(turn, pid, { signal: stopSignal, purpose: 'stop', to: signalTo });
  const { afterwards } = event;
  return withChild(state, { phase: 'stopping', pid, since, afterwards, sent: stopSignal, toGroup: false });
}

function reached(outcome: SignalOutcome): boolean {
  return outcome.kind === 'sent' && outcome.to === 'group';
}

/** Remembers whether the whole group was asked to stop, and tells what became of a forwarded signal. */
function signalled(state: State, child: Child, event: EventOf<'signalled'>, turn: Turn): State {
  const { outcome, purpose } = event;
  const signal = signalName(event.signal);
  if (outcome.kind === 'failed' && outcome.errno !== 'ESRCH') {
    log(turn, 'error', 'signal.failed', `${signal} could not be sent: ${outcome.errno}`, {
      signal,
      errno: outcome.errno,
    });
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

type ChildKey =
  | 'begin'
  | 'signal'
  | 'content'
  | 'unusable'
  | 'may-start'
  | 'nothing-to-start'
  | 'ready'
  | 'not-ready'
  | 'spawned'
  | 'spawn-failed'
  | 'signalled'
  | 'child-exited'
  | 'group'
  | 'stop-child'
  | 'timer:start'
  | 'timer:back-off'
  | 'timer:verify-start'
  | 'timer:stop-timeout'
  | 'timer:quit'
  | 'timer:group';

/** Most events can't come in most phases; each row below names those that can. */
const NOWHERE = {
  begin: 'impossible',
  signal: 'impossible',
  content: 'ignored',
  unusable: 'impossible',
  'may-start': 'impossible',
  'nothing-to-start': 'impossible',
  ready: 'ignored',
  'not-ready': 'ignored',
  spawned: 'impossible',
  'spawn-failed': 'impossible',
  signalled: 'impossible',
  'child-exited': 'impossible',
  group: 'impossible',
  'stop-child': 'impossible',
  'timer:start': 'impossible',
  'timer:back-off': 'impossible',
  'timer:verify-start': 'impossible',
  'timer:stop-timeout': 'impossible',
  'timer:quit': 'impossible',
  'timer:group': 'impossible',
} as const;

/** What supervising does with each event. */
export const SUPERVISION: Table<Child, ChildKey> = {
  unborn: { ...NOWHERE, begin },
  preparing: {
    ...NOWHERE,
    content,
    unusable,
    'may-start': mayStart,
    'nothing-to-start': nothingToStart,
    signal: signalWithoutChild,
    signalled: 'ignored',
  },
  starting: {
    ...NOWHERE,
    spawned,
    'spawn-failed': spawnFailed,
    signal: signalWhileStarting,
    signalled: 'ignored',
  },
  retrying: { ...NOWHERE, signal: signalWithoutChild, 'timer:start': startAgain, signalled: 'ignored' },
  waiting: { ...NOWHERE, signal: signalWithoutChild, 'timer:back-off': backAgain, signalled: 'ignored' },
  running: {
    ...NOWHERE,
    signal: signalToChild,
    signalled,
    'child-exited': endedByItself,
    'stop-child': stopChild,
    'timer:verify-start': verifying('stayed'),
    ready: verifying('ready'),
    'not-ready': verifying('not-ready'),
  },
  stopping: {
    ...NOWHERE,
    signal: signalToChild,
    signalled,
    'child-exited': endedStopping,
    'timer:stop-timeout': killGroup,
  },
  clearing: {
    ...NOWHERE,
    signal: signalWhileClearing,
    signalled,
    group,
    'timer:group': checkGroup,
    'timer:stop-timeout': killGroup,
  },
  quitting: {
    ...NOWHERE,
    signal: signalToChild,
    signalled,
    'child-exited': endedTerminating,
    'timer:quit': resume,
    'timer:verify-start': verifyingQuitting('stayed'),
    ready: verifyingQuitting('ready'),
    'not-ready': verifyingQuitting('not-ready'),
  },
  terminating: { ...NOWHERE, signal: signalToTerminating, signalled, 'child-exited': endedTerminating },
  leaving: { ...NOWHERE, signal: signalWhileLeaving, signalled, group, 'timer:group': checkGroup },
  // The host has been told to exit; nothing matters any more.
  ended: {
    begin: 'impossible',
    signal: 'ignored',
    content: 'ignored',
    unusable: 'ignored',
    'may-start': 'ignored',
    'nothing-to-start': 'ignored',
    ready: 'ignored',
    'not-ready': 'ignored',
    spawned: 'impossible',
    'spawn-failed': 'impossible',
    signalled: 'ignored',
    'child-exited': 'impossible',
    group: 'ignored',
    'stop-child': 'ignored',
    'timer:start': 'ignored',
    'timer:back-off': 'ignored',
    'timer:verify-start': 'ignored',
    'timer:stop-timeout': 'ignored',
    'timer:quit': 'ignored',
    'timer:group': 'ignored',
  },
};
