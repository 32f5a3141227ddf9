import { verdictOf } from '../jobs/check.ts';
import type { Task } from '../state/job.ts';
import type { Ready, Settings } from '../state/settings.ts';
import type { Readiness, State } from '../state/state.ts';
import { clearTimers, type EventOf, setTimer, type Table, type Turn } from '../state/turn.ts';

/*
 * Room `readiness/`: the machine that asks whether the application serves (`--ready`), after each start and each time it was
 * told of new content. May not know what follows if it does not.
 */

/** One try may take this long, ms: a server that hangs is asked anew. */
const TRY_LIMIT = 5_000;
/** Delays between tries: doubled from the first to the last, ms. */
const FIRST_PAUSE = 50;
const LAST_PAUSE = 1_000;

function withReadiness(state: State, readiness: Readiness): State {
  return { ...state, readiness };
}

/** Ends the try that is under way. */
function quiet(state: State, turn: Turn): void {
  clearTimers(turn, 'probe', 'ready');
  if (state.readiness.phase === 'probing')
    turn.effects.push({ type: 'cancel-job', job: state.readiness.job });
}

function started(state: State, _part: Readiness, _event: unknown, turn: Turn): State {
  const { ready, readyTimeout } = state.settings;
  quiet(state, turn);
  if (ready === undefined) return withReadiness(state, { phase: 'ready' });
  // A stop that came while it was being started has been passed on already.
  if (state.child.phase !== 'running' && state.child.phase !== 'quitting') return state;
  setTimer(turn, 'ready', readyTimeout);
  return probe(state, ready, FIRST_PAUSE, turn);
}

/** How long the application has after it was told, ms: at least one try, since it is asked after the verify time only. */
export function readyLimitOnceTold({ readyTimeout, verify }: Settings): number {
  return Math.max(readyTimeout, verify + TRY_LIMIT);
}

/** What answers within the verify time may be what ran before: it is asked afterwards. */
function told(state: State, _part: Readiness, _event: unknown, turn: Turn): State {
  const { ready, verify } = state.settings;
  if (ready === undefined) return state;
  quiet(state, turn);
  setTimer(turn, 'ready', readyLimitOnceTold(state.settings));
  setTimer(turn, 'probe', verify);
  return withReadiness(state, { phase: 'waiting' });
}

function probe(state: State, ready: Ready, pause: number, turn: Turn): State {
  const job = state.jobs + 1;
  turn.effects.push({ type: 'begin-job', job, task: probeTask(state, ready) });
  setTimer(turn, 'probe', TRY_LIMIT);
  return withReadiness({ ...state, jobs: job }, { phase: 'probing', job, pause });
}

/** What asks the application whether it serves. */
export function probeTask(state: State, ready: Ready): Task {
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
  clearTimers(turn, 'probe');
  if (verdictOf(event.outcome).kind !== 'pass') return pause(state, part.pause, turn);
  clearTimers(turn, 'ready');
  turn.notices.push({ type: 'ready' });
  return withReadiness(state, { phase: 'ready' });
}

function pause(state: State, delay: number, turn: Turn): State {
  setTimer(turn, 'probe', delay);
  return withReadiness(state, { phase: 'pausing', pause: Math.min(delay * 2, LAST_PAUSE) });
}

function tooLong(
  state: State,
  part: Extract<Readiness, { phase: 'probing' }>,
  _event: unknown,
  turn: Turn,
): State {
  turn.effects.push({ type: 'cancel-job', job: part.job });
  return pause(state, part.pause, turn);
}

function probeAgain(
  state: State,
  part: Extract<Readiness, { phase: 'waiting' | 'pausing' }>,
  _event: unknown,
  turn: Turn,
): State {
  const { ready } = state.settings;
  return ready === undefined
    ? state
    : probe(state, ready, part.phase === 'pausing' ? part.pause : FIRST_PAUSE, turn);
}

function late(state: State, _part: Readiness, _event: unknown, turn: Turn): State {
  quiet(state, turn);
  turn.notices.push({ type: 'not-ready' });
  return withReadiness(state, { phase: 'late' });
}

function idle(state: State, _part: Readiness, _event: unknown, turn: Turn): State {
  quiet(state, turn);
  return withReadiness(state, { phase: 'idle' });
}

type ReadinessKey =
  | 'child-started'
  | 'child-ended'
  | 'stop-child'
  | 'stopped'
  | 'told'
  | 'job-ended'
  | 'timer:probe'
  | 'timer:ready';

const ANYWHERE = {
  'child-started': started,
  'child-ended': idle,
  'stop-child': idle,
  stopped: idle,
  told,
  'job-ended': 'ignored',
  'timer:probe': 'impossible',
  'timer:ready': 'impossible',
} as const;

/** What asking whether the application serves does with each event. */
export const READINESS: Table<Readiness, ReadinessKey> = {
  idle: { ...ANYWHERE, told: 'ignored' },
  waiting: { ...ANYWHERE, 'timer:probe': probeAgain, 'timer:ready': late },
  probing: { ...ANYWHERE, 'job-ended': probed, 'timer:probe': tooLong, 'timer:ready': late },
  pausing: { ...ANYWHERE, 'timer:probe': probeAgain, 'timer:ready': late },
  ready: { ...ANYWHERE },
  late: { ...ANYWHERE },
};
