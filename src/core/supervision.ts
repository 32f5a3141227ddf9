import { type In, logStop, meansStop, send, translated, withChild } from './child.ts';
import type { SignalOutcome } from './event.ts';
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
import { SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, type Signal, signalName } from './signals.ts';
import {
  begin,
  content,
  keepSignal,
  signalWithoutChild,
  spawnFailed,
  startAgain,
  unusable,
} from './starting.ts';
import type { Child, State } from './state.ts';
import { clearTimers, type EventOf, log, setTimer, type Table, type Turn } from './turn.ts';

/** The signals by which a terminal stops its jobs. */
const JOB_CONTROL: readonly Signal[] = [SIGTSTP, SIGTTIN, SIGTTOU];

function asksForReload({ settings }: State, signal: Signal): boolean {
  const actions = [settings.onChange, ...settings.watches.map((watch) => watch.action)];
  return actions.some((action) => action.kind === 'signal' && action.signal === signal);
}

function spawned(state: State, child: In<'starting'>, event: EventOf<'spawned'>, turn: Turn): State {
  const { verify } = state.settings;
  log(turn, 'info', 'child.started', `child ${event.pid} started`, { pid: event.pid });
  turn.notices.push({ type: 'child-started' });
  if (verify > 0) setTimer(turn, 'verify-start', verify);
  else turn.notices.push({ type: 'child-verified' });
  const { pid } = event;
  const running: State = withChild(state, { phase: 'running', pid, since: turn.at, verified: verify === 0 });
  return child.kept.reduce((now, signal) => signalAfterStart(now, signal, turn), running);
}

/** Hands a child the signals that came while it was being started, in their order. */
function signalAfterStart(state: State, signal: Signal, turn: Turn): State {
  const { child } = state;
  const event = { type: 'signal', signal } as const;
  if (child.phase === 'running' || child.phase === 'quitting')
    return signalToChild(state, child, event, turn);
  return child.phase === 'terminating' ? signalToTerminating(state, child, event, turn) : state;
}

function verified(state: State, child: In<'running'>, _event: unknown, turn: Turn): State {
  turn.notices.push({ type: 'child-verified' });
  return withChild(state, { ...child, verified: true });
}

/** The time of a start runs on while a QUIT is pending. */
function verifiedQuitting(state: State, child: In<'quitting'>, _event: unknown, turn: Turn): State {
  if (child.resume.phase !== 'running') return state;
  turn.notices.push({ type: 'child-verified' });
  return withChild(state, { ...child, resume: { ...child.resume, verified: true } });
}

function forward(state: State, pid: number, signal: Signal, turn: Turn): void {
  send(turn, pid, { signal, purpose: 'forward', to: state.settings.signalTo });
  if (JOB_CONTROL.includes(signal) && state.terminal && !state.pid1) turn.effects.push({ type: 'suspend' });
}

function signalToChild(
  state: State,
  child: In<'running' | 'stopping' | 'quitting'>,
  event: EventOf<'signal'>,
  turn: Turn,
): State {
  const { signal } = event;
  if (asksForReload(state, signal)) {
    turn.notices.push({ type: 'reload-requested', signal });
    return state;
  }
  if (!meansStop(state, signal)) {
    forward(state, child.pid, signal, turn);
    return state;
  }
  return signal === SIGQUIT && state.settings.stopSignal !== SIGQUIT
    ? quit(state, child, turn)
    : terminate(state, child, signal, turn);
}

/** A stop from outside, which wins over whatever is under way and has no time limit. */
function terminate(
  state: State,
  child: In<'running' | 'stopping' | 'quitting'>,
  arrived: Signal,
  turn: Turn,
): State {
  const { pid, since } = child;
  const sent = translated(state, arrived);
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
function quit(state: State, child: In<'running' | 'stopping' | 'quitting'>, turn: Turn): State {
  const resume = child.phase === 'quitting' ? child.resume : child;
  clearTimers(turn, 'stop-timeout');
  setTimer(turn, 'quit', state.settings.stopTimeout);
  send(turn, child.pid, { signal: SIGQUIT, purpose: 'stop', to: state.settings.signalTo });
  logStop(turn, SIGQUIT, 'a stop, if the child ends of it');
  return withChild(state, { phase: 'quitting', pid: child.pid, since: child.since, toGroup: false, resume });
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
  if (asksForReload(state, event.signal)) return state;
  if (!meansStop(state, event.signal)) {
    forward(state, child.pid, event.signal, turn);
    return state;
  }
  const sent = translated(state, event.signal);
  send(turn, child.pid, { signal: sent, purpose: 'stop', to: state.settings.signalTo });
  return withChild(state, { ...child, sent, toGroup: false });
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
  | 'spawned'
  | 'spawn-failed'
  | 'signalled'
  | 'child-exited'
  | 'group'
  | 'stop-child'
  | 'timer:start'
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
  spawned: 'impossible',
  'spawn-failed': 'impossible',
  signalled: 'impossible',
  'child-exited': 'impossible',
  group: 'impossible',
  'stop-child': 'impossible',
  'timer:start': 'impossible',
  'timer:verify-start': 'impossible',
  'timer:stop-timeout': 'impossible',
  'timer:quit': 'impossible',
  'timer:group': 'impossible',
} as const;

/** What supervising does with each event. */
export const SUPERVISION: Table<Child, ChildKey> = {
  unborn: { ...NOWHERE, begin },
  preparing: { ...NOWHERE, content, unusable, signal: signalWithoutChild, signalled: 'ignored' },
  starting: { ...NOWHERE, spawned, 'spawn-failed': spawnFailed, signal: keepSignal, signalled: 'ignored' },
  retrying: { ...NOWHERE, signal: signalWithoutChild, 'timer:start': startAgain, signalled: 'ignored' },
  running: {
    ...NOWHERE,
    signal: signalToChild,
    signalled,
    'child-exited': endedByItself,
    'stop-child': stopChild,
    'timer:verify-start': verified,
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
    'timer:verify-start': verifiedQuitting,
  },
  terminating: { ...NOWHERE, signal: signalToTerminating, signalled, 'child-exited': endedTerminating },
  leaving: { ...NOWHERE, signal: signalWhileLeaving, signalled, group, 'timer:group': checkGroup },
  // The host has been told to exit; nothing matters any more.
  ended: {
    begin: 'impossible',
    signal: 'ignored',
    content: 'ignored',
    unusable: 'ignored',
    spawned: 'impossible',
    'spawn-failed': 'impossible',
    signalled: 'ignored',
    'child-exited': 'impossible',
    group: 'ignored',
    'stop-child': 'ignored',
    'timer:start': 'ignored',
    'timer:verify-start': 'ignored',
    'timer:stop-timeout': 'ignored',
    'timer:quit': 'ignored',
    'timer:group': 'ignored',
  },
};
