import { actionEnded, actionTimedOut, deathBy, foundBad, signalled, underWay } from './acting.ts';
import { askedStart, seenBeforeStart, stagesOpened } from './admission.ts';
import { clearAlarm, raiseAlarm } from './alarm.ts';
import { advance, again, beginReload, changed, clearWaits, type In, rest, withdraw } from './applying.ts';
import { changedPaths, sameSnapshot } from './content.ts';
import type { ExitStatus, TimerName } from './event.ts';
import { describeStatus } from './exit.ts';
import { checkTimedOut, closeGate, gateChecked, gateStaged, published } from './gate.ts';
import { gateEnds } from './letting.ts';
import { snapshotOf } from './observation.ts';
import { applied, failed, keepGood, superseded, supersededBy } from './outcome.ts';
import { isChanged, plan, settleTime } from './plan.ts';
import { rollBack, rollbackPassed } from './rollback.ts';
import { type Signal, signalName } from './signals.ts';
import { canRollBack } from './stages.ts';
import { type Progress, type Reload, type State, withConfiguration } from './state.ts';
import { type AfterExit, clearTimers, type EventOf, log, setTimer, type Table, type Turn } from './turn.ts';

/* What reloading does with each event. */

/** A look is over: what it found is compared with what the application was told. */
function content(state: State, progress: Progress, event: EventOf<'content'>, turn: Turn): State {
  const before = state.configuration;
  const seen = snapshotOf(state.observation);
  const now = seenBeforeStart(withConfiguration(state, { seen }), turn);
  const after = now.configuration.progress;
  if (after.phase === 'baseline' || after.phase === 'acting') return now;
  if (progress.phase === 'gated') return contentAtGate(now, progress, turn);
  if (!isChanged(now.configuration) && before.requested.length === 0) return reverted(now, progress, turn);
  switch (progress.phase) {
    case 'baseline':
    case 'acting':
    case 'holding':
    case 'splaying':
      return now;
    case 'resting':
      return isChanged(now.configuration) ? changed(now, turn) : now;
    case 'settling':
      if (!sameSnapshot(before.seen, seen)) setTimer(turn, 'settle', settleTime(now));
      return now;
    case 'reading':
      return event.look >= progress.look ? advance(now, true, turn) : now;
    default:
      return progress satisfies never;
  }
}

/** What is being copied or checked is not what is there any more. */
function contentAtGate(state: State, { reload }: In<'gated'>, turn: Turn): State {
  const { gate, seen } = state.configuration;
  if (gate?.purpose.kind !== 'reload' || gate.step === 'publishing') return state;
  if (sameSnapshot(reload.snapshot, seen)) return state;
  const requested = [...reload.requested, ...state.configuration.requested];
  const moot = withConfiguration(withdraw(state, 'the content has changed', turn), { requested });
  return isChanged(moot.configuration) ? changed(moot, turn) : again(moot, turn);
}

/** The content is what the application was told already, or what failed before: nothing is to be done. */
function reverted(state: State, progress: Progress, turn: Turn): State {
  const { told, seen, applied: good } = state.configuration;
  const isTold = sameSnapshot(told, seen);
  const recovered = isTold && good !== undefined && sameSnapshot(good, seen) ? recover(state, turn) : state;
  if (progress.phase === 'resting') return recovered;
  clearWaits(turn);
  const message = isTold
    ? 'the content is again what the application was told'
    : 'the content is again what failed before';
  log(turn, 'info', 'config.reverted', message);
  return rest(recovered);
}

/** The content is what the application runs on: whatever failed before is over. */
function recover(state: State, turn: Turn): State {
  const { degraded, stale, barred, retries } = state.configuration;
  if (degraded === undefined && stale.length === 0 && barred === undefined && retries === 0) return state;
  clearTimers(turn, 'retry');
  return clearAlarm(withConfiguration(state, { barred: undefined, retries: 0, retrying: [] }), turn);
}

function settled(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  clearTimers(turn, 'settle', 'ceiling');
  return advance(state, false, turn);
}

function released(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  return advance(state, false, turn);
}

function splayed(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  return advance(withConfiguration(state, { splayed: true }), false, turn);
}

/** Content of which nothing was known is tried again. */
function retry(state: State, progress: Progress, _event: unknown, turn: Turn): State {
  const { retrying, requested: asked, changedAt } = state.configuration;
  const requested = [...asked, ...(retrying.length > 0 ? retrying : [{ kind: 'none' } as const])];
  const due = withConfiguration(state, {
    barred: undefined,
    requested,
    changedAt: changedAt ?? turn.at,
  });
  return progress.phase === 'resting' ? advance(due, false, turn) : due;
}

function stayed(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  const { verifying } = state.configuration;
  if (verifying === undefined) return state;
  const now = withConfiguration(state, { verifying: { ...verifying, stayed: true } });
  return state.readiness.phase === 'ready' ? verifiedReload(now, turn) : now;
}

function ready(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  return state.configuration.verifying?.stayed === true ? verifiedReload(state, turn) : state;
}

function verifiedReload(state: State, turn: Turn): State {
  const { verifying } = state.configuration;
  return verifying === undefined || isRestart(verifying.reload)
    ? state
    : applied(state, verifying.reload, turn);
}

function isRestart(reload: Reload): boolean {
  return reload.actions.some((action) => action.kind === 'restart');
}

/** The application does not serve with what it was told. */
function notReady(state: State, progress: Progress, _event: unknown, turn: Turn): State {
  const { verifying } = state.configuration;
  const reason = `--ready did not succeed within ${state.settings.readyTimeout} ms`;
  if (verifying !== undefined) return foundBad(state, verifying.reload, reason, turn);
  if (progress.phase === 'acting' || progress.phase === 'gated') return state;
  if (canRollBack(state.configuration)) return rollBackStart(state, reason, turn);
  return raiseAlarm(state, [...state.configuration.seen.keys()], reason, turn);
}

/** A start that was no reload showed new content that does not do: going back is a reload. */
function rollBackStart(state: State, reason: string, turn: Turn): State {
  const { told, staged = [] } = state.configuration;
  const good = new Map(staged.map(({ stage, good: one }) => [stage.source, one?.content]));
  const from = new Map([...told].map(([path, content]) => [path, good.get(path) ?? content]));
  const { begun, reload } = beginReload(state, changedPaths(from, told), [{ kind: 'restart' }], told, turn);
  return rollBack(begun, reload, reason, turn);
}

/** The child that is about to start reads what was let through. */
function childStarting(state: State): State {
  return withConfiguration(state, { told: state.configuration.next.snapshot });
}

/** The child is started for another reason: what changed meanwhile is told by that, unless it asks for more. */
function startingAnyway(state: State, progress: Progress, _event: unknown, turn: Turn): State {
  const { next, barred } = state.configuration;
  const { snapshot } = next;
  const { paths, actions } = plan(state, snapshot);
  if (barred !== undefined && progress.phase !== 'gated') {
    // What was not let through, and is read all the same, is no reload.
    clearWaits(turn);
    return rest(childStarting(state));
  }
  if (progress.phase === 'gated' || actions.length === 0) return childStarting(state);
  if (actions.some((action) => action.kind === 'exit')) return state;
  clearWaits(turn);
  const { begun, reload } = beginReload(state, paths, [{ kind: 'restart' }], snapshot, turn);
  return underWay(begun, reload, 'the child is being started in any case', turn);
}

function firstStarted(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  return again(rest(state), turn);
}

function restarted(state: State, progress: In<'acting'>, _event: unknown, turn: Turn): State {
  const started = rest(state);
  const verified = state.child.phase === 'running' && state.child.verified;
  const now = verified
    ? applied(started, progress.reload, turn)
    : withConfiguration(started, { verifying: { reload: progress.reload, stayed: false } });
  return again(now, turn);
}

/** The start is verified, and with it the reload that led to it; a restart that waited for it may begin. */
function childVerified(state: State, progress: Progress, _event: unknown, turn: Turn): State {
  const { verifying, told, seen, degraded } = state.configuration;
  if (verifying !== undefined && isRestart(verifying.reload)) {
    const now = applied(state, verifying.reload, turn);
    return progress.phase === 'holding' ? advance(now, false, turn) : now;
  }
  const good = degraded === undefined ? withConfiguration(state, { applied: told }) : state;
  const kept = verifying === undefined ? keepGood(good, false, turn) : good;
  const now = sameSnapshot(told, seen) && degraded === undefined ? recover(kept, turn) : kept;
  return progress.phase === 'holding' ? advance(now, false, turn) : now;
}

function isRollingBack(progress: Progress): progress is In<'gated'> {
  return progress.phase === 'gated' && progress.reload.rollback !== undefined;
}

/** What the exit of the child leads to besides `--on-exit`, while it is being reloaded or its start is verified. */
export function afterExit({ configuration, child }: State, status: ExitStatus): AfterExit | undefined {
  if (child.phase !== 'running') return undefined;
  const { progress, verifying } = configuration;
  // It is being rolled back already: the child is started on what that publishes.
  if (isRollingBack(progress)) return { kind: 'roll-back' };
  const reload = verifying?.reload ?? (progress.phase === 'acting' ? progress.reload : undefined);
  if (reload !== undefined) {
    const dead = status.kind === 'signal' ? status.signal : status.code - 128;
    const signal = isRestart(reload) ? undefined : deathBy(reload, dead);
    if (signal !== undefined) return { kind: 'revive', signal };
    return reload.rollback === undefined && canRollBack(configuration) ? { kind: 'roll-back' } : undefined;
  }
  const byItself = status.kind === 'code' && status.code === 0;
  return !child.verified && !byItself && canRollBack(configuration) ? { kind: 'roll-back' } : undefined;
}

function childEnded(state: State, progress: Progress, event: EventOf<'child-ended'>, turn: Turn): State {
  const { verifying } = state.configuration;
  const reason = `the child ${describeStatus(event.status)}`;
  clearTimers(turn, 'verify-reload', 'action-timeout');
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
      return reload === undefined ? state : revive(state, reload, event.follows.signal, turn);
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
  const asked = [...progress.reload.requested, ...requested];
  return withConfiguration(withdraw(state, reason, turn), {
    requested: asked,
    progress: { phase: 'holding' },
    changedAt: progress.reload.since,
  });
}

/** The child died of the signal that was to reload it: it is started again within the same reload, and restarted from then on. */
function revive(state: State, reload: Reload, signal: Signal, turn: Turn): State {
  clearWaits(turn);
  const name = signalName(signal);
  const message = `${name} ended the child, though it has a handler for it: it is started again, and restarted from now on`;
  log(turn, 'warn', 'reload.restart_instead', message, { signal: name });
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

function startFailed(state: State, progress: Progress, event: EventOf<'start-failed'>, turn: Turn): State {
  return progress.phase === 'acting' ? failed(rest(state), progress.reload, event.errno, turn) : state;
}

/** A stop from outside ends whatever is under way. */
function stopped(state: State, progress: Progress, _event: unknown, turn: Turn): State {
  clearWaits(turn);
  clearTimers(turn, 'retry', 'action-timeout', 'verify-reload');
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
function quitting(state: State, progress: Progress, _event: unknown, turn: Turn): State {
  const { gate } = state.configuration;
  if (progress.phase !== 'gated' || gate?.purpose.kind !== 'reload') return state;
  return withdrawn(state, 'a stop may be under way', turn);
}

function resumed(state: State, progress: Progress, _event: unknown, turn: Turn): State {
  if (isRollingBack(progress) && state.configuration.gate === undefined)
    return rollbackPassed(state, progress.reload, turn);
  return progress.phase === 'holding' ? advance(state, false, turn) : state;
}

/** A request from outside: like a change, but whether or not the content changed, and without waiting for quiet. */
function requested(state: State, progress: Progress, event: EventOf<'reload-requested'>, turn: Turn): State {
  const { configuration } = state;
  const signal = signalName(event.signal);
  log(turn, 'info', 'reload.requested', `${signal} asks for a reload`, { signal });
  const asked = withConfiguration(state, {
    requested: [...configuration.requested, { kind: 'signal', signal: event.signal }],
    changedAt: configuration.changedAt ?? turn.at,
    barred: undefined,
  });
  const busy = ['acting', 'reading', 'gated', 'splaying'].includes(progress.phase);
  if (busy) return asked;
  clearTimers(turn, 'settle', 'ceiling', 'min-interval');
  return advance(asked, false, turn);
}

function staged(state: State, progress: Progress, event: EventOf<'staged'>, turn: Turn): State {
  const { gate, staged: targets, publishing } = state.configuration;
  const { result, job } = event;
  if (targets === undefined) return stagesOpened(state, event, turn);
  const now = published(state, event);
  if (gate !== undefined && gate.step !== 'checking' && gate.job === job)
    return gateStaged(now, gate, result, gateEnds, turn);
  if (result.op === 'failed') {
    log(turn, 'error', 'stage.failed', result.reason, { reason: result.reason });
  }
  if (publishing?.job !== job) return now;
  // Who had to wait for that goes on.
  if (now.child.phase === 'preparing' && now.child.asked) return askedStart(now, turn);
  return progress.phase === 'holding' ? advance(now, false, turn) : now;
}

function jobEnded(state: State, progress: Progress, event: EventOf<'job-ended'>, turn: Turn): State {
  const { gate } = state.configuration;
  if (gate?.step === 'checking' && gate.job === event.job)
    return gateChecked(state, gate, event, gateEnds, turn);
  return progress.phase === 'acting' ? actionEnded(state, progress, event, turn) : state;
}

function checkTooLong(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  const { gate } = state.configuration;
  return gate?.step === 'checking' ? checkTimedOut(state, gate, gateEnds, turn) : state;
}

function startAsked(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  return askedStart(state, turn);
}

type ConfigurationTimer = Extract<
  TimerName,
  | 'settle'
  | 'ceiling'
  | 'min-interval'
  | 'splay'
  | 'verify-reload'
  | 'check-timeout'
  | 'action-timeout'
  | 'retry'
>;

type ConfigurationKey =
  | 'content'
  | 'start-asked'
  | 'staged'
  | 'job-ended'
  | 'child-starting'
  | 'child-started'
  | 'child-verified'
  | 'child-unverified'
  | 'child-ended'
  | 'child-quitting'
  | 'child-resumed'
  | 'ready'
  | 'not-ready'
  | 'start-failed'
  | 'stopped'
  | 'reload-requested'
  | 'signalled'
  | `timer:${ConfigurationTimer}`;

/** What holds in every phase after the first start; each row below says what differs. */
const UNDER_WAY = {
  content,
  'start-asked': startAsked,
  staged,
  'job-ended': jobEnded,
  'child-starting': startingAnyway,
  'child-started': 'ignored',
  'child-verified': childVerified,
  'child-unverified': resumed,
  'child-ended': childEnded,
  'child-quitting': quitting,
  'child-resumed': resumed,
  ready,
  'not-ready': notReady,
  'start-failed': 'ignored',
  stopped,
  'reload-requested': requested,
  signalled: 'ignored',
  'timer:settle': 'impossible',
  'timer:ceiling': 'impossible',
  'timer:min-interval': 'impossible',
  'timer:splay': 'impossible',
  'timer:verify-reload': stayed,
  'timer:check-timeout': checkTooLong,
  'timer:action-timeout': 'impossible',
  'timer:retry': retry,
} as const;

export const CONFIGURATION: Table<Progress, ConfigurationKey> = {
  baseline: {
    content,
    'start-asked': startAsked,
    staged,
    'job-ended': jobEnded,
    'child-starting': childStarting,
    'child-started': firstStarted,
    'child-verified': 'impossible',
    'child-unverified': 'impossible',
    'child-ended': 'impossible',
    'child-quitting': 'impossible',
    'child-resumed': 'impossible',
    ready: 'impossible',
    'not-ready': 'impossible',
    'start-failed': 'ignored',
    stopped,
    'reload-requested': 'impossible',
    signalled: 'impossible',
    'timer:settle': 'impossible',
    'timer:ceiling': 'impossible',
    'timer:min-interval': 'impossible',
    'timer:splay': 'impossible',
    'timer:verify-reload': 'impossible',
    'timer:check-timeout': checkTooLong,
    'timer:action-timeout': 'impossible',
    'timer:retry': retry,
  },
  resting: { ...UNDER_WAY },
  settling: { ...UNDER_WAY, 'timer:settle': settled, 'timer:ceiling': settled },
  holding: { ...UNDER_WAY, 'timer:min-interval': released },
  splaying: { ...UNDER_WAY, 'timer:splay': splayed },
  reading: { ...UNDER_WAY },
  gated: { ...UNDER_WAY },
  acting: {
    ...UNDER_WAY,
    'child-starting': childStarting,
    'child-started': restarted,
    'start-failed': startFailed,
    signalled,
    'timer:action-timeout': actionTimedOut,
  },
};
