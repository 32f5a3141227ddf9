import { textOfBytes } from './bytes.ts';
import type { ExitStatus, SignalOutcome, SignalPurpose } from './event.ts';
import {
  describeStatus,
  EXIT_FAILED,
  exitCode,
  signalCode,
  startFailureCode,
  startFailureReason,
} from './exit.ts';
import { requestLook } from './observation.ts';
import type { SignalTarget } from './settings.ts';
import {
  SIGINT,
  SIGKILL,
  SIGQUIT,
  SIGTERM,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  type Signal,
  signalName,
} from './signals.ts';
import type { Child, State } from './state.ts';
import { clearTimers, type EventOf, log, setTimer, type Table, type Turn } from './turn.ts';

/** Delays between looks at a group that is not empty yet: doubled from the first to the last, ms. */
const FIRST_GROUP_DELAY = 5;
const LAST_GROUP_DELAY = 100;

/** A restart that can't start the command is tried this often (specification 3), with these delays between, ms. */
const START_ATTEMPTS = 3;
const START_RETRY_DELAY = 1_500;

/** The signals by which a terminal stops its jobs. */
const JOB_CONTROL: readonly Signal[] = [SIGTSTP, SIGTTIN, SIGTTOU];

type In<Phase extends Child['phase']> = Extract<Child, { phase: Phase }>;

function withChild(state: State, child: Child): State {
  return { ...state, child };
}

function end(state: State, turn: Turn, code: number, refusal?: string): State {
  turn.effects.push(refusal === undefined ? { type: 'exit', code } : { type: 'exit', code, refusal });
  return withChild(state, { phase: 'ended' });
}

function meansStop(state: State, signal: Signal): boolean {
  return [SIGTERM, SIGINT, SIGQUIT, state.settings.stopSignal].includes(signal);
}

/** The signal that the child is sent for a stop that arrived: a TERM or INT becomes `--stop-signal` where that is given. */
function translated(state: State, signal: Signal): Signal {
  const { translateStop, stopSignal } = state.settings;
  return translateStop && (signal === SIGTERM || signal === SIGINT) ? stopSignal : signal;
}

function asksForReload({ settings }: State, signal: Signal): boolean {
  const actions = [settings.onChange, ...settings.watches.map((watch) => watch.action)];
  return actions.some((action) => action.kind === 'signal' && action.signal === signal);
}

type Sending = { readonly signal: Signal; readonly purpose: SignalPurpose; readonly to: SignalTarget };

function send(turn: Turn, pid: number, { signal, purpose, to }: Sending): void {
  turn.effects.push({
    type: 'signal',
    pid,
    signal,
    to,
    purpose,
    wake: purpose === 'stop',
    onlyIfCaught: false,
  });
}

/** Takes the child from nothing to the look that comes before each start. */
function prepare(state: State, last: ExitStatus | undefined, turn: Turn): State {
  const { state: looking, look } = requestLook(state, turn);
  return withChild(looking, { phase: 'preparing', look, last });
}

function start(state: State, attempt: number, last: ExitStatus | undefined, turn: Turn): State {
  turn.effects.push({ type: 'start' });
  turn.notices.push({ type: 'child-starting' });
  return withChild(state, { phase: 'starting', attempt, last, kept: [] });
}

function begin(state: State, _child: Child, event: EventOf<'begin'>, turn: Turn): State {
  if (!event.pid1) log(turn, 'info', 'rehup.subreaper', 'not PID 1: adopting the orphans of the child only');
  return prepare({ ...state, pid1: event.pid1, terminal: event.terminal }, undefined, turn);
}

function content(state: State, child: In<'preparing'>, event: EventOf<'content'>, turn: Turn): State {
  return event.look >= child.look ? start(state, 1, child.last, turn) : state;
}

function unusable(state: State, _child: Child, event: EventOf<'unusable'>, turn: Turn): State {
  return end(state, turn, EXIT_FAILED, event.refusal);
}

function logStop(turn: Turn, signal: Signal, what: string): void {
  const name = signalName(signal);
  log(turn, 'info', 'stop.requested', `${name}: ${what}`, { signal: name });
}

/** Without a child only a stop means anything: the next child starts with the present state. */
function isDropped(state: State, signal: Signal, turn: Turn): boolean {
  if (meansStop(state, signal)) return false;
  const name = signalName(signal);
  log(turn, 'info', 'signal.dropped', `${name}: no child runs`, { signal: name });
  return true;
}

/** A signal while there is no child to send it to. */
function signalWithoutChild(
  state: State,
  child: In<'preparing' | 'retrying'>,
  event: EventOf<'signal'>,
  turn: Turn,
): State {
  if (isDropped(state, event.signal, turn)) return state;
  logStop(turn, event.signal, 'no child runs');
  turn.notices.push({ type: 'stopped' });
  return end(state, turn, child.last === undefined ? signalCode(event.signal) : exitCode(child.last));
}

function keepSignal(state: State, child: In<'starting'>, event: EventOf<'signal'>): State {
  return withChild(state, { ...child, kept: [...child.kept, event.signal] });
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

function spawnFailed(state: State, child: In<'starting'>, event: EventOf<'spawn-failed'>, turn: Turn): State {
  const command = textOfBytes(state.settings.command[0] ?? '');
  const reason = startFailureReason(event.errno);
  const stop = child.kept.find((signal) => meansStop(state, signal));
  const again = child.last !== undefined && child.attempt < START_ATTEMPTS && stop === undefined;
  log(turn, again ? 'error' : 'fatal', 'child.start_failed', `${command} can't be started: ${reason}`, {
    command,
    errno: event.errno,
    attempt: child.attempt,
  });
  if (again) {
    setTimer(turn, 'start', START_RETRY_DELAY);
    return withChild(state, { phase: 'retrying', attempt: child.attempt, last: child.last });
  }
  turn.notices.push({ type: 'start-failed', errno: event.errno });
  if (stop === undefined) return end(state, turn, startFailureCode(event.errno));
  return end(state, turn, child.last === undefined ? signalCode(stop) : exitCode(child.last));
}

function startAgain(state: State, child: In<'retrying'>, _event: unknown, turn: Turn): State {
  return start(state, child.attempt + 1, child.last, turn);
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

function killGroup(state: State, child: In<'stopping' | 'clearing'>, _event: unknown, turn: Turn): State {
  log(turn, 'warn', 'child.killed', `not gone after ${state.settings.stopTimeout} ms: SIGKILL to its group`, {
    pid: child.pid,
    ms: state.settings.stopTimeout,
  });
  send(turn, child.pid, { signal: SIGKILL, purpose: 'kill', to: 'group' });
  return state;
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

function logExit(
  child: { readonly pid: number; readonly since: number },
  status: ExitStatus,
  turn: Turn,
): void {
  const ms = Math.round(turn.at - child.since);
  log(turn, 'info', 'child.exited', `child ${child.pid} ${describeStatus(status)}`, {
    pid: child.pid,
    code: exitCode(status),
    ms,
  });
}

/** The child ended by itself: what is left of its group is asked to stop, and rehup ends with the child's code. */
function endedByItself(
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

function endedStopping(
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

function endedTerminating(
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

/** Waits for the group to be empty, after having asked what is left of it to stop. */
function group(state: State, child: In<'clearing' | 'leaving'>, event: EventOf<'group'>, turn: Turn): State {
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

function checkGroup(state: State, child: In<'clearing' | 'leaving'>, _event: unknown, turn: Turn): State {
  turn.effects.push({ type: 'check-group', pid: child.pid });
  return state;
}

/** The child is gone, its group is not: a stop cancels what was planned for the group, and the SIGKILL with it. */
function signalWhileClearing(
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

function signalWhileLeaving(state: State, child: In<'leaving'>, event: EventOf<'signal'>, turn: Turn): State {
  if (!meansStop(state, event.signal)) return state;
  send(turn, child.pid, { signal: translated(state, event.signal), purpose: 'stop', to: 'group' });
  return state;
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
