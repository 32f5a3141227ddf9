import { servesBy } from '../jobs/check.ts';
import type { Task } from '../state/job.ts';
import type { Ready, Settings } from '../state/settings.ts';
import type { Limit, Readiness, State } from '../state/state.ts';
import { clearTimers, type EventOf, setTimer, type Table, type Turn } from '../state/turn.ts';
import {
  becomeReady,
  limitOf,
  listenOnceTold,
  listenToStart,
  notified,
  takeMessages,
  telling,
  withReadiness,
} from './listening.ts';

/*
 * Room `readiness/`: the machine that asks whether the application serves (`--ready`), after each start and each time it was
 * told of new content, or hears it say so. May not know what follows if it does not.
 */

/** What is asked; the others are heard. */
type Probe = Exclude<Ready, { kind: 'notify' | 'notify-fd' }>;

/** The phases in which time runs. */
type Timed = Extract<Readiness, { readonly limit: Limit }>;

export function isProbe(ready: Ready): ready is Probe {
  return ready.kind !== 'notify' && ready.kind !== 'notify-fd';
}

/** One try may take this long, ms: a server that hangs is asked anew. */
const TRY_LIMIT = 5_000;
/** Delays between tries: doubled from the first to the last, ms. */
const FIRST_PAUSE = 50;
const LAST_PAUSE = 1_000;

/** Ends the try that is under way. */
function quiet(state: State, turn: Turn): void {
  clearTimers(turn, 'probe', 'ready');
  if (state.readiness.phase === 'probing')
    turn.effects.push({ type: 'cancel-job', job: state.readiness.job });
}

function started(before: State, _part: Readiness, _event: unknown, turn: Turn): State {
  const { ready, readyTimeout } = before.settings;
  quiet(before, turn);
  const state = { ...before, served: false };
  if (ready === undefined) return withReadiness(state, { phase: 'ready' });
  // A stop that came while it was being started has been passed on already.
  if (state.child.phase !== 'running' && state.child.phase !== 'quitting') return state;
  if (!isProbe(ready)) return listenToStart(state, turn);
  const limit = limitOf(state, readyTimeout, turn);
  return probe(state, ready, { limit, pause: FIRST_PAUSE }, turn);
}

/** It could not be stopped: it is asked again, and what says by itself that it serves has said so before. */
function runsOn(state: State, part: Readiness, event: unknown, turn: Turn): State {
  const { ready } = state.settings;
  if (ready === undefined || isProbe(ready)) return started(state, part, event, turn);
  quiet(state, turn);
  return withReadiness({ ...state, served: true }, { phase: 'ready' });
}

/** How long the application has after it was told, ms: at least one try, since it is asked after the verify time only. */
function limitOnceTold({ readyTimeout, verify }: Settings): number {
  return Math.max(readyTimeout, verify + TRY_LIMIT);
}

/** What answers within the verify time may be what ran before: it is asked afterwards. */
function told(state: State, part: Readiness, _event: unknown, turn: Turn): State {
  const { ready, verify } = state.settings;
  if (ready === undefined) return state;
  if (!isProbe(ready)) return listenOnceTold(state, part, turn);
  quiet(state, turn);
  const limit = limitOf(state, limitOnceTold(state.settings), turn);
  setTimer(turn, 'probe', verify);
  return withReadiness(state, { phase: 'waiting', limit });
}

type Try = { readonly limit: Limit; readonly pause: number };

function probe(state: State, ready: Probe, { limit, pause }: Try, turn: Turn): State {
  const job = state.jobs + 1;
  turn.effects.push({ type: 'begin-job', job, task: probeTask(state, ready) });
  setTimer(turn, 'probe', TRY_LIMIT);
  return withReadiness({ ...state, jobs: job }, { phase: 'probing', limit, job, pause });
}

/** What asks the application whether it serves. */
export function probeTask(state: State, ready: Probe): Task {
  switch (ready.kind) {
    case 'exec':
      return { kind: 'command', words: ready.words, environment: state.configuration.next.environment };
    case 'http':
      return { kind: 'http', method: 'GET', endpoint: ready.endpoint };
    case 'tcp':
      return { kind: 'tcp', endpoint: ready.endpoint };
    default:
      return ready satisfies never;
  }
}

function probed(
  state: State,
  part: Extract<Readiness, { phase: 'probing' }>,
  event: EventOf<'job-ended'>,
  turn: Turn,
): State {
  if (event.job !== part.job) return state;
  const { ready } = state.settings;
  const lenient = ready?.kind === 'http' && ready.lenient === true;
  if (servesBy(event.outcome, lenient).kind === 'pass') return becomeReady(state, turn);
  clearTimers(turn, 'probe');
  return pause(state, part, turn);
}

function pause(state: State, { limit, pause: delay }: Try, turn: Turn): State {
  setTimer(turn, 'probe', delay);
  return withReadiness(state, { phase: 'pausing', limit, pause: Math.min(delay * 2, LAST_PAUSE) });
}

function tooLong(
  state: State,
  part: Extract<Readiness, { phase: 'probing' }>,
  _event: unknown,
  turn: Turn,
): State {
  turn.effects.push({ type: 'cancel-job', job: part.job });
  return pause(state, part, turn);
}

function probeAgain(
  state: State,
  part: Extract<Readiness, { phase: 'waiting' | 'pausing' }>,
  _event: unknown,
  turn: Turn,
): State {
  const { ready } = state.settings;
  if (ready === undefined) return state;
  // A child that speaks for itself has said nothing of a reload.
  if (!isProbe(ready)) return becomeReady(state, turn);
  const next = part.phase === 'pausing' ? part.pause : FIRST_PAUSE;
  return probe(state, ready, { limit: part.limit, pause: next }, turn);
}

function late(state: State, part: Timed, _event: unknown, turn: Turn): State {
  quiet(state, turn);
  turn.notices.push({ type: 'not-ready', reason: reasonOf(state.settings, part.limit) });
  return withReadiness(state, { phase: 'late' });
}

function reasonOf({ ready }: Settings, { since, until }: Limit): string {
  const time = `within ${Math.round(until - since)} ms`;
  switch (ready?.kind) {
    case 'notify':
      return `--ready notify: no READY=1 came ${time}`;
    case 'notify-fd':
      return `--ready notify-fd: no newline came ${time}`;
    default:
      return `--ready did not succeed ${time}`;
  }
}

function idle(state: State, _part: Readiness, _event: unknown, turn: Turn): State {
  quiet(state, turn);
  return withReadiness(state, { phase: 'idle' });
}

type ReadinessKey =
  | 'child-started'
  | 'child-ended'
  | 'stop-child'
  | 'stop-refused'
  | 'stopped'
  | 'telling'
  | 'told'
  | 'notified'
  | 'messages'
  | 'timer:notify'
  | 'job-ended'
  | 'timer:probe'
  | 'timer:ready';

const ANYWHERE = {
  'child-started': started,
  'child-ended': idle,
  'stop-child': idle,
  'stop-refused': runsOn,
  stopped: idle,
  telling,
  told,
  notified,
  messages: takeMessages,
  'timer:notify': notified,
  'job-ended': 'ignored',
  'timer:probe': 'impossible',
  'timer:ready': 'impossible',
} as const;

/** What asking whether the application serves does with each event. */
export const READINESS: Table<Readiness, ReadinessKey> = {
  idle: { ...ANYWHERE, telling: 'ignored', told: 'ignored' },
  waiting: { ...ANYWHERE, 'timer:probe': probeAgain, 'timer:ready': late },
  probing: { ...ANYWHERE, 'job-ended': probed, 'timer:probe': tooLong, 'timer:ready': late },
  pausing: { ...ANYWHERE, 'timer:probe': probeAgain, 'timer:ready': late },
  listening: { ...ANYWHERE, 'timer:ready': late },
  ready: { ...ANYWHERE },
  late: { ...ANYWHERE },
};
