import type { Signal } from '../process/signals.ts';
import type { Child } from '../state/child.ts';
import type { State } from '../state/state.ts';
import { type EventOf, log, setTimer, type Table, type Turn } from '../state/turn.ts';
import { type In, logDropped, send, withChild } from './child.ts';
import {
  checkGroup,
  eachSignalled,
  endedByItself,
  endedStopping,
  endedTerminating,
  group,
  killRest,
  signalWhileClearing,
  signalWhileLeaving,
} from './group.ts';
import { childStopped, forwardedJobControl } from './job-control.ts';
import { seenBefore } from './leftovers.ts';
import { parted } from './parting.ts';
import { SHARED_NOWHERE, SHARED_OVER } from './phases.ts';
import { routeOf } from './routing.ts';
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
import { killChild, quit, resume, signalled, stopChild, terminate } from './stopping.ts';
import { type Verification, verified, verifying } from './verifying.ts';
import { askIgnoring, askNames, waited } from './waiting.ts';

/*
 * Room `supervision/`: the machine that leads the life of the child: started, signalled, stopped, started again, and rehup's
 * own end with it. May not know what content is; reload says whether the child may start, and what it reads then.
 */

function spawned(state: State, child: In<'starting'>, event: EventOf<'spawned'>, turn: Turn): State {
  const { verify } = state.settings;
  const { why } = child;
  log(turn, 'info', 'child.started', `child ${event.pid} started`, { pid: event.pid, reason: why });
  turn.notices.push({ type: 'child-started', why });
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

/** The time of a start runs on while a QUIT is pending. */
function verifyingQuitting(what: Verification) {
  return (state: State, child: In<'quitting'>, _event: unknown, turn: Turn): State =>
    child.resume.phase === 'running'
      ? withChild(state, { ...child, resume: verified(child.resume, what, state, turn) })
      : state;
}

function forward(
  state: State,
  { pid }: { readonly pid: number },
  arrived: Signal,
  signal: Signal,
  turn: Turn,
): State {
  send(turn, pid, { signal, purpose: 'forward', to: state.settings.signalTo });
  return forwardedJobControl(state, pid, arrived, turn);
}

function signalToChild(
  state: State,
  child: In<'running' | 'stopping' | 'quitting'>,
  event: EventOf<'signal'>,
  turn: Turn,
): State {
  const route = routeOf(state.settings, event.signal);
  switch (route.kind) {
    case 'dropped':
      logDropped(turn, event.signal, 'rewritten to none');
      return state;
    case 'reload':
      turn.notices.push({ type: 'reload-requested', signal: route.signal, forced: route.forced });
      return state;
    case 'forward':
      return forward(state, child, event.signal, route.signal, turn);
    case 'stop':
      return route.perhaps
        ? quit(state, child, route, turn)
        : terminate(state, child, event.signal, route, turn);
    default:
      return route satisfies never;
  }
}

function signalToTerminating(
  state: State,
  child: In<'terminating'>,
  event: EventOf<'signal'>,
  turn: Turn,
): State {
  const route = routeOf(state.settings, event.signal);
  switch (route.kind) {
    case 'dropped':
    case 'reload':
      return state;
    case 'forward':
      return forward(state, child, event.signal, route.signal, turn);
    case 'stop':
      send(turn, child.pid, { signal: route.sent, purpose: 'stop', to: state.settings.signalTo });
      return withChild(state, { ...child, sent: route.sent, toGroup: false });
    default:
      return route satisfies never;
  }
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
  | 'each-signalled'
  | 'child-exited'
  | 'child-stopped'
  | 'group'
  | 'stop-child'
  | 'timer:start'
  | 'timer:back-off'
  | 'timer:verify-start'
  | 'timer:stop-timeout'
  | 'timer:stop-waiting'
  | 'timer:stop-half'
  | 'timer:quit'
  | 'timer:group'
  | 'timer:parting';

/** Most events can't come in most phases; each row below names those that can. */
const NOWHERE = {
  ...SHARED_NOWHERE,
  spawned: 'impossible',
  'spawn-failed': 'impossible',
  signalled: 'ignored',
  'each-signalled': 'ignored',
  'child-exited': 'impossible',
  'child-stopped': 'ignored',
  group: seenBefore,
  'timer:back-off': 'impossible',
  'timer:stop-timeout': 'impossible',
  'timer:stop-waiting': 'impossible',
  'timer:stop-half': 'impossible',
  'timer:quit': 'impossible',
} as const;

const WAITING = { 'timer:stop-waiting': askNames, 'timer:stop-half': askIgnoring } as const;

/** What is left of a life that is over matters no more. */
const OVER = {
  ...NOWHERE,
  ...SHARED_OVER,
  group: 'ignored',
  'timer:back-off': 'ignored',
  'timer:stop-timeout': 'ignored',
  'timer:stop-waiting': 'ignored',
  'timer:stop-half': 'ignored',
  'timer:quit': 'ignored',
} as const;

/** What supervising does with each event. */
export const SUPERVISION: Table<Child, ChildKey> = {
  unborn: { ...NOWHERE, begin, signalled: 'impossible', group: 'impossible' },
  preparing: {
    ...NOWHERE,
    content,
    unusable,
    'may-start': mayStart,
    'nothing-to-start': nothingToStart,
    signal: signalWithoutChild,
  },
  starting: { ...NOWHERE, spawned, 'spawn-failed': spawnFailed, signal: signalWhileStarting },
  retrying: { ...NOWHERE, signal: signalWithoutChild, 'timer:start': startAgain },
  waiting: { ...NOWHERE, signal: signalWithoutChild, 'timer:back-off': backAgain },
  running: {
    ...NOWHERE,
    signal: signalToChild,
    signalled,
    'child-exited': endedByItself,
    'child-stopped': childStopped,
    'stop-child': stopChild,
    'timer:verify-start': verifying('stayed'),
    ready: verifying('ready'),
    'not-ready': verifying('not-ready'),
  },
  stopping: {
    ...NOWHERE,
    ...WAITING,
    signal: signalToChild,
    signalled,
    'child-exited': endedStopping,
    'child-stopped': childStopped,
    group: waited,
    'timer:stop-timeout': killChild,
  },
  clearing: {
    ...NOWHERE,
    ...WAITING,
    signal: signalWhileClearing,
    signalled,
    'each-signalled': eachSignalled,
    group,
    'timer:group': checkGroup,
    'timer:stop-timeout': killRest,
  },
  quitting: {
    ...NOWHERE,
    signal: signalToChild,
    signalled,
    'child-exited': endedTerminating,
    'child-stopped': childStopped,
    'timer:quit': resume,
    'timer:verify-start': verifyingQuitting('stayed'),
    ready: verifyingQuitting('ready'),
    'not-ready': verifyingQuitting('not-ready'),
  },
  terminating: {
    ...NOWHERE,
    ...WAITING,
    signal: signalToTerminating,
    signalled,
    'child-exited': endedTerminating,
    'child-stopped': childStopped,
    group: waited,
  },
  leaving: {
    ...NOWHERE,
    ...WAITING,
    signal: signalWhileLeaving,
    signalled,
    group,
    'timer:group': checkGroup,
  },
  // A child that came too late to be stopped goes with rehup.
  parting: { ...OVER, spawned: parted, 'spawn-failed': parted, 'timer:parting': parted },
  ended: OVER,
};
