import { advance, again, changed, type In, rest, signalled, startFor } from './applying.ts';
import { sameSnapshot } from './content.ts';
import { describeStatus } from './exit.ts';
import { snapshotOf } from './observation.ts';
import { applied, failed, superseded, withConfiguration } from './outcome.ts';
import { isChanged, plan, settleTime } from './plan.ts';
import { signalName } from './signals.ts';
import type { Progress, State } from './state.ts';
import { clearTimers, type EventOf, log, setTimer, type Table, type Turn } from './turn.ts';

/* What reloading does with each event. */

/** A look is over: what it found is compared with what the application was told. */
function content(state: State, progress: Progress, event: EventOf<'content'>, turn: Turn): State {
  const before = state.configuration;
  const seen = snapshotOf(state.observation);
  const now = withConfiguration(state, { seen });
  if (progress.phase === 'baseline' || progress.phase === 'acting') return now;
  if (!isChanged(now.configuration) && before.requested.length === 0) return reverted(now, progress, turn);
  switch (progress.phase) {
    case 'resting':
      return changed(now, turn);
    case 'settling':
      if (!sameSnapshot(before.seen, seen)) setTimer(turn, 'settle', settleTime(now));
      return now;
    case 'holding':
      return now;
    case 'reading':
      return event.look >= progress.look ? advance(now, true, turn) : now;
    default:
      return progress satisfies never;
  }
}

/** The content is what the application was told already: nothing is to be done. */
function reverted(state: State, progress: Progress, turn: Turn): State {
  if (progress.phase === 'resting') return state;
  clearTimers(turn, 'settle', 'ceiling', 'min-interval');
  log(turn, 'info', 'config.reverted', 'the content is again what the application was told');
  return rest(state);
}

function settled(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  clearTimers(turn, 'settle', 'ceiling');
  return advance(state, false, turn);
}

function released(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  return advance(state, false, turn);
}

function verifiedReload(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  const { verifying } = state.configuration;
  return verifying === undefined ? state : applied(state, verifying, turn);
}

/** The child that is about to start reads what was seen last. */
function childStarting(state: State): State {
  return withConfiguration(state, { told: state.configuration.seen });
}

/** The child is started for another reason: what changed meanwhile is told by that, unless it asks for more. */
function startingAnyway(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  const { paths, actions } = plan(state);
  if (actions.length === 0) return childStarting(state);
  if (actions.some((action) => action.kind === 'exit')) return state;
  clearTimers(turn, 'settle', 'ceiling', 'min-interval');
  return startFor(state, paths, turn);
}

function firstStarted(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  return again(rest(state), turn);
}

function restarted(state: State, progress: In<'acting'>, _event: unknown, turn: Turn): State {
  const started = rest(state);
  const verified = state.child.phase === 'running' && state.child.verified;
  const now = verified
    ? applied(started, progress.reload, turn)
    : withConfiguration(started, { verifying: progress.reload });
  return again(now, turn);
}

/** The start is verified, and with it the reload that led to it; a restart that waited for it may begin. */
function childVerified(state: State, progress: Progress, _event: unknown, turn: Turn): State {
  const { verifying } = state.configuration;
  const restarting = verifying?.actions.some((action) => action.kind === 'restart') ?? false;
  const now = verifying !== undefined && restarting ? applied(state, verifying, turn) : state;
  return progress.phase === 'holding' ? advance(now, false, turn) : now;
}

function childEnded(state: State, _progress: Progress, event: EventOf<'child-ended'>, turn: Turn): State {
  const { verifying } = state.configuration;
  if (verifying === undefined) return state;
  clearTimers(turn, 'verify-reload');
  return failed(state, verifying, `the child ${describeStatus(event.status)}`, turn);
}

/** The child ended while it was being told: the signals that are left reach nobody. */
function endedActing(state: State, progress: In<'acting'>, event: EventOf<'child-ended'>, turn: Turn): State {
  const { reload, remaining } = progress;
  if (remaining.length > 0)
    return failed(rest(state), reload, `the child ${describeStatus(event.status)}`, turn);
  const exits = reload.actions.some((action) => action.kind === 'exit');
  return exits ? applied(rest(state), reload, turn) : state;
}

function startFailed(state: State, progress: Progress, event: EventOf<'start-failed'>, turn: Turn): State {
  return progress.phase === 'acting' ? failed(rest(state), progress.reload, event.errno, turn) : state;
}

/** A stop from outside ends whatever is under way. */
function stopped(state: State, progress: Progress, _event: unknown, turn: Turn): State {
  clearTimers(turn, 'settle', 'ceiling', 'min-interval');
  const verifying = progress.phase === 'acting' ? progress.reload : state.configuration.verifying;
  const ending = superseded(withConfiguration(state, { verifying }), turn, 'rehup was asked to stop');
  return rest(withConfiguration(ending, { requested: [] }));
}

/** A request from outside: like a change, but whether or not the content changed, and without waiting for quiet. */
function requested(state: State, progress: Progress, event: EventOf<'reload-requested'>, turn: Turn): State {
  const { configuration } = state;
  const signal = signalName(event.signal);
  log(turn, 'info', 'reload.requested', `${signal} asks for a reload`, { signal });
  const asked = withConfiguration(state, {
    requested: [...configuration.requested, { kind: 'signal', signal: event.signal }],
    changedAt: configuration.changedAt ?? turn.at,
  });
  if (progress.phase === 'acting' || progress.phase === 'reading') return asked;
  clearTimers(turn, 'settle', 'ceiling', 'min-interval');
  return advance(asked, false, turn);
}

type ConfigurationKey =
  | 'content'
  | 'child-starting'
  | 'child-started'
  | 'child-verified'
  | 'child-ended'
  | 'child-resumed'
  | 'start-failed'
  | 'stopped'
  | 'reload-requested'
  | 'signalled'
  | 'timer:settle'
  | 'timer:ceiling'
  | 'timer:min-interval'
  | 'timer:verify-reload';

/** What holds in every phase after the first start; each row below says what differs. */
const UNDER_WAY = {
  content,
  'child-starting': startingAnyway,
  'child-started': 'ignored',
  'child-verified': childVerified,
  'child-ended': childEnded,
  'child-resumed': 'ignored',
  'start-failed': 'ignored',
  stopped,
  'reload-requested': requested,
  signalled: 'ignored',
  'timer:settle': 'impossible',
  'timer:ceiling': 'impossible',
  'timer:min-interval': 'impossible',
  'timer:verify-reload': verifiedReload,
} as const;

export const CONFIGURATION: Table<Progress, ConfigurationKey> = {
  baseline: {
    content,
    'child-starting': childStarting,
    'child-started': firstStarted,
    'child-verified': 'impossible',
    'child-ended': 'impossible',
    'child-resumed': 'impossible',
    'start-failed': 'ignored',
    stopped,
    'reload-requested': 'impossible',
    signalled: 'impossible',
    'timer:settle': 'impossible',
    'timer:ceiling': 'impossible',
    'timer:min-interval': 'impossible',
    'timer:verify-reload': 'impossible',
  },
  resting: { ...UNDER_WAY },
  settling: { ...UNDER_WAY, 'timer:settle': settled, 'timer:ceiling': settled },
  holding: { ...UNDER_WAY, 'child-resumed': released, 'timer:min-interval': released },
  reading: { ...UNDER_WAY },
  acting: {
    ...UNDER_WAY,
    'child-starting': childStarting,
    'child-started': restarted,
    'child-ended': endedActing,
    'start-failed': startFailed,
    signalled,
  },
};
