import { sameSnapshot } from '../files/snapshot.ts';
import { closeGate } from '../gate/gate.ts';
import { canRollBack } from '../gate/stages.ts';
import type { ExitStatus } from '../process/exit.ts';
import { describeStatus } from '../process/exit.ts';
import { type Signal, signalName } from '../process/signals.ts';
import { distinctActions } from '../state/action.ts';
import type { Progress, Reload } from '../state/progress.ts';
import { type State, withConfiguration } from '../state/state.ts';
import { type AfterExit, clearTimers, type EventOf, log, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { drained } from './acting.ts';
import { rollbackPassed } from './gated.ts';
import { applied, failed, superseded, supersededBy } from './outcome.ts';
import { rollBack } from './rollback.ts';
import { advance, again, clearWaits, type In, rest, withdraw } from './scheduling.ts';
import { lookAtBlocked } from './telling.ts';
import { isRestart, rollBackStart } from './verification.ts';

/* What the end of the child, or a stop, means for the reload that is under way. */

function isRollingBack(progress: Progress): progress is In<'gated'> {
  return progress.phase === 'gated' && progress.reload.rollback !== undefined;
}

/** What the exit of the child leads to besides `--on-exit`, while it is being reloaded or its start is verified. */
export function afterExit(
  { configuration, child, gate }: State,
  status: ExitStatus,
  at: number,
): AfterExit | undefined {
  if (child.phase !== 'running') return undefined;
  const { progress, verifying } = configuration;
  // It is being rolled back already: the child is started on what that publishes.
  if (isRollingBack(progress)) return { kind: 'roll-back' };
  const reload = verifying?.reload ?? (progress.phase === 'acting' ? progress.reload : undefined);
  if (reload !== undefined) {
    const since = at - (configuration.lastApply ?? 0);
    const signal = isRestart(reload) ? undefined : deathBy(reload, status, since);
    if (signal !== undefined) return { kind: 'revive', signal };
    return reload.rollback === undefined && canRollBack(gate) ? { kind: 'roll-back' } : undefined;
  }
  const byItself = status.kind === 'code' && status.code === 0;
  return !child.verified && !byItself && canRollBack(gate) ? { kind: 'roll-back' } : undefined;
}

/** A child that ends with 0 so soon after a signal took it for the wish to shut down (slapd), ms. */
const SHUT_DOWN = 1_000;

/** The signal of this reload that a child ended of: by dying of it, by the exit code that tells so, or with 0 at once. */
function deathBy(reload: Reload, status: ExitStatus, since: number): Signal | undefined {
  const signals = reload.actions.filter((action) => action.kind === 'signal').map(({ signal }) => signal);
  const dead = status.kind === 'signal' ? status.signal : status.code - 128;
  if (signals.includes(dead)) return dead;
  return status.kind === 'code' && status.code === 0 && since <= SHUT_DOWN ? signals[0] : undefined;
}

export function childEnded(
  state: State,
  progress: Progress,
  event: EventOf<'child-ended'>,
  turn: Turn,
): State {
  const { verifying } = state.configuration;
  const ended = `the child ${describeStatus(event.status)}`;
  const reason = event.ends ? `${ended}, and rehup ends with it` : ended;
  clearTimers(turn, 'verify-reload', 'action-timeout', 'drain');
  const acting = progress.phase === 'acting' ? progress.reload : undefined;
  if (progress.phase === 'acting' && progress.job !== undefined)
    turn.effects.push({ type: 'cancel-job', job: progress.job });
  const reload = verifying?.reload ?? acting;
  switch (event.follows?.kind) {
    case 'roll-back':
      if (isRollingBack(progress)) return state;
      return reload === undefined
        ? rollBackStart(withdrawn(state, reason, turn), reason, turn)
        : rollBack(state, reload, reason, turn);
    case 'revive':
      return reload === undefined ? state : revive(state, reload, event, event.follows.signal, turn);
    case undefined:
      break;
    default:
      return event.follows satisfies never;
  }
  if (verifying !== undefined) return failed(withdrawn(state, reason, turn), verifying.reload, reason, turn);
  return progress.phase === 'acting'
    ? endedActing(state, progress, reason, turn)
    : withdrawn(state, reason, turn);
}

/** What is at the gate is left for the next start to tell. */
function withdrawn(state: State, reason: string, turn: Turn): State {
  const { progress, requested } = state.configuration;
  if (progress.phase !== 'gated' || progress.reload.rollback !== undefined) return state;
  const asked = distinctActions([...progress.reload.requested, ...requested]);
  return withConfiguration(withdraw(state, reason, turn), {
    requested: asked,
    progress: { phase: 'holding' },
    changedAt: progress.reload.since,
  });
}

/** The child died of the signal that was to reload it: it is started again within the same reload, and restarted from then on. */
function revive(
  state: State,
  reload: Reload,
  { status }: EventOf<'child-ended'>,
  signal: Signal,
  turn: Turn,
): State {
  clearWaits(turn);
  const name = signalName(signal);
  const program = textOfBytes(state.settings.command[0] ?? '');
  const forced = reload.actions.some(
    (action) => action.kind === 'signal' && action.signal === signal && action.forced,
  );
  const next = forced ? '' : ', and restarted from now on';
  const message = `${program} took ${name} and ${describeStatus(status)}: it is started again${next}`;
  log(turn, 'warn', 'reload.restart_instead', message, { signal: name, program });
  return withConfiguration(state, {
    verifying: undefined,
    deadly: new Set([...state.configuration.deadly, signal]),
    told: reload.snapshot,
    progress: {
      phase: 'acting',
      reload: { ...reload, actions: [{ kind: 'restart' }] },
      remaining: [],
      job: undefined,
    },
  });
}

/** The child ended while it was being told: the actions that are left reach nobody. */
function endedActing(state: State, progress: In<'acting'>, reason: string, turn: Turn): State {
  const { reload, remaining } = progress;
  if (remaining.length > 0) return failed(rest(state), reload, reason, turn);
  const exits = reload.actions.some((action) => action.kind === 'exit');
  return exits ? applied(rest(state), reload, turn) : state;
}

export function startFailed(
  state: State,
  progress: Progress,
  event: EventOf<'start-failed'>,
  turn: Turn,
): State {
  if (progress.phase !== 'acting') return state;
  const { reload } = progress;
  const over = failed(rest(state), reload, event.errno, turn);
  // A sidecar has newer content told though that one was not read.
  const isOld = state.child.phase === 'running' && !sameSnapshot(state.configuration.seen, reload.snapshot);
  return isOld ? again(over, turn) : over;
}

/** A stop from outside ends whatever is under way. */
export function stopped(state: State, progress: Progress, _event: unknown, turn: Turn): State {
  clearWaits(turn);
  clearTimers(turn, 'retry', 'action-timeout', 'drain', 'verify-reload');
  const reason = 'rehup was asked to stop';
  if (progress.phase === 'acting' && progress.job !== undefined)
    turn.effects.push({ type: 'cancel-job', job: progress.job });
  const closed = closeGate(state, turn);
  const ended =
    progress.phase === 'acting' || progress.phase === 'gated'
      ? supersededBy(closed, progress.reload, reason, turn)
      : superseded(closed, turn, reason);
  return rest(withConfiguration(ended, { requested: [], verifying: undefined }));
}

/** A QUIT that may mean stop ends a check; what was at the gate comes back if it was no stop. */
export function quitting(state: State, progress: Progress, _event: unknown, turn: Turn): State {
  const { transit } = state.gate;
  if (progress.phase !== 'gated' || transit.phase === 'closed') return state;
  if (transit.passage.purpose.kind !== 'reload') return state;
  return withdrawn(state, 'a stop may be under way', turn);
}

export function resumed(state: State, progress: Progress, _event: unknown, turn: Turn): State {
  if (isRollingBack(progress) && state.gate.transit.phase === 'closed')
    return rollbackPassed(state, progress.reload, turn);
  if (progress.phase === 'acting' && progress.draining === true)
    return drained(state, progress, undefined, turn);
  if (progress.phase === 'acting') return lookAtBlocked(state, progress, turn);
  return progress.phase === 'holding' ? advance(state, false, turn) : state;
}
