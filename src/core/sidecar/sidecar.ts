import type { Child } from '../state/child.ts';
import type { State } from '../state/state.ts';
import { type EventOf, log, setTimer, type Table, type Turn } from '../state/turn.ts';
import { end, logDropped, logStop, withChild } from '../supervision/child.ts';
import { parted } from '../supervision/parting.ts';
import { SHARED_NOWHERE, SHARED_OVER } from '../supervision/phases.ts';
import { routeOf } from '../supervision/routing.ts';
import { nothingToStart, unusable } from '../supervision/starting.ts';
import { verifying } from '../supervision/verifying.ts';
import { seenEarly, startedEarly, tellEarly } from './early.ts';
import { askRecall, endForChange, endKept, recalled, tellRecalled } from './ending.ts';
import { startOverdue } from './overdue.ts';
import { tellKept, withPod } from './pod.ts';
import {
  lookAtOthers,
  noteSeen,
  sawOthers,
  sawShared,
  sicken,
  startedWhileUnwell,
  startedWhileWell,
  unwellAnswered,
} from './starts.ts';

/*
 * Room `sidecar/`: the machine in the place of `supervision/` where the application runs in another container of the pod:
 * it is there from the beginning, and is neither started nor stopped from here. May not know what content is.
 */

/** The number of a child that is none: what runs is in other containers. */
const NO_PROCESS = 0;

function begin(state: State, _child: Child, event: EventOf<'begin'>, turn: Turn): State {
  const { pid1, terminal, seed, identity, argumentBytes, environment: inherited } = event;
  return askRecall({ ...state, pid1, terminal, inherited, argumentBytes, seed, identity }, turn);
}

/** What was there when the watches were looked at first is what the application has read, or is about to. */
function watches(before: State, child: Child, event: unknown, turn: Turn): State {
  const state = withPod(noteSeen(before, child, event, turn), { began: turn.at });
  const { verify, ready } = state.settings;
  log(turn, 'info', 'sidecar.started', 'watches for the application in another container');
  turn.notices.push({ type: 'child-starting' });
  tellRecalled(state, turn);
  turn.notices.push({ type: 'child-started', why: 'first' });
  const verified = verify === 0 && ready === undefined;
  if (verify > 0) setTimer(turn, 'verify-start', verify);
  else if (verified) turn.notices.push({ type: 'child-verified' });
  tellEarly(state, turn);
  const stayed = verify === 0;
  return withChild(state, { phase: 'running', pid: NO_PROCESS, since: turn.at, stayed, verified });
}

/** Nobody is here to be forwarded a signal; a stop ends the sidecar, and nothing else, as one that was asked to. */
function signal(state: State, _child: Child, event: EventOf<'signal'>, turn: Turn): State {
  if (routeOf(state.settings, event.signal).kind !== 'stop') {
    logDropped(turn, event.signal, 'a sidecar forwards none');
    return state;
  }
  logStop(turn, event.signal, 'the sidecar ends');
  turn.notices.push({ type: 'stopped' });
  return end(state, turn, 0);
}

/** For a restart by the kubelet of one container, or of all. */
function stopChild(
  state: State,
  child: Extract<Child, { phase: 'running' }>,
  event: EventOf<'stop-child'>,
  turn: Turn,
): State {
  return typeof event.afterwards === 'object'
    ? endForChange(state, child, event, turn)
    : sicken(state, child, event, turn);
}

type SidecarKey =
  | 'begin'
  | 'recalled'
  | 'kept'
  | 'others'
  | 'unwell-answered'
  | 'main-started'
  | 'signal'
  | 'content'
  | 'unusable'
  | 'may-start'
  | 'nothing-to-start'
  | 'ready'
  | 'not-ready'
  | 'stop-child'
  | 'timer:verify-start'
  | 'timer:start'
  | 'timer:group'
  | 'timer:parting';

const NOWHERE = {
  ...SHARED_NOWHERE,
  recalled: 'impossible',
  kept: tellKept,
  others: 'ignored',
  'unwell-answered': 'ignored',
  'main-started': 'ignored',
} as const;

/** What is left of a life that is over matters no more. */
const OVER = {
  ...NOWHERE,
  ...SHARED_OVER,
} as const;

/** The phases of a child that a sidecar's never has. */
const NEVER = {
  starting: NOWHERE,
  retrying: NOWHERE,
  waiting: NOWHERE,
  clearing: NOWHERE,
  quitting: NOWHERE,
  terminating: NOWHERE,
  leaving: NOWHERE,
} as const;

/** What the life of a sidecar does with each event. */
export const SIDECAR: Table<Child, SidecarKey> = {
  ...NEVER,
  unborn: { ...NOWHERE, begin, recalled, 'main-started': startedEarly, signal },
  preparing: {
    ...NOWHERE,
    content: seenEarly,
    unusable,
    'may-start': watches,
    'nothing-to-start': nothingToStart,
    'main-started': startedEarly,
    signal,
  },
  running: {
    ...NOWHERE,
    signal,
    content: noteSeen,
    others: sawShared,
    'stop-child': stopChild,
    'unwell-answered': unwellAnswered,
    'main-started': startedWhileWell,
    'timer:verify-start': verifying('stayed'),
    ready: verifying('ready'),
    'not-ready': verifying('not-ready'),
  },
  // The kubelet is to restart the application: all containers, once what the next life must know is kept, or that one.
  stopping: {
    ...OVER,
    signal,
    content: noteSeen,
    kept: endKept,
    others: sawOthers,
    'unwell-answered': unwellAnswered,
    'main-started': startedWhileUnwell,
    'timer:start': startOverdue,
    'timer:group': lookAtOthers,
  },
  parting: { ...OVER, 'timer:parting': parted },
  ended: OVER,
};
