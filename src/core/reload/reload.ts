import { sameSnapshot } from '../files/snapshot.ts';
import { snapshotOf } from '../observation/observation.ts';
import { type Action, distinctActions } from '../state/action.ts';
import type { TimerName } from '../state/event.ts';
import type { Progress } from '../state/progress.ts';
import { type State, withConfiguration } from '../state/state.ts';
import { clearTimers, type EventOf, log, type Table, type Turn } from '../state/turn.ts';
import { actionEnded, actionTimedOut, drained, namedSignalled, signalled, stopRefused } from './acting.ts';
import { askedStart, childStarting, seenBeforeStart, startingAnyway } from './admission.ts';
import { gateFree, gateOvertaken, gatePassed, gateRefused } from './gated.ts';
import { childEnded, quitting, resumed, startFailed, stopped } from './interruption.ts';
import { isChanged } from './plan.ts';
import { asked, requested } from './requests.ts';
import { advance, again, changed, clearWaits, type In, rest, settleAnew, withdraw } from './scheduling.ts';
import { verifyAnew } from './telling.ts';
import {
  childVerified,
  missed,
  notReady,
  ready,
  recalled,
  recover,
  restarted,
  stayed,
} from './verification.ts';

/*
 * Room `reload/`: the machine that takes a change to its one outcome: settled, held, brought to the gate, acted upon,
 * verified, rolled back. It may not look at files, and may not start or stop the child: it asks for that.
 */

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
      return sameSnapshot(before.seen, seen) ? now : settleAnew(now, turn);
    case 'reading':
      return event.look >= progress.look ? advance(now, true, turn) : now;
    default:
      return progress satisfies never;
  }
}

/** What is being copied or checked is not what is there any more. */
function contentAtGate(state: State, { reload }: In<'gated'>, turn: Turn): State {
  const { seen } = state.configuration;
  const { transit } = state.gate;
  if (transit.phase === 'closed' || transit.phase === 'publishing') return state;
  if (transit.passage.purpose.kind !== 'reload') return state;
  if (sameSnapshot(reload.snapshot, seen)) return state;
  const requested = distinctActions([...reload.requested, ...state.configuration.requested]);
  const moot = withConfiguration(withdraw(state, 'the content has changed', turn), {
    requested,
    // It has waited long enough for both.
    splayed: transit.phase === 'queueing',
  });
  if (isChanged(moot.configuration)) return changed(moot, turn);
  return requested.length > 0 ? again(moot, turn) : verifyAnew(moot, turn);
}

/** The content is what the application was told already, or what failed before: nothing is to be done. */
function reverted(state: State, progress: Progress, turn: Turn): State {
  const { told, seen, applied: good } = state.configuration;
  const isTold = sameSnapshot(told, seen);
  const recovered = isTold && good !== undefined && sameSnapshot(good, seen) ? recover(state, turn) : state;
  if (progress.phase === 'resting') return verifyAnew(recovered, turn);
  clearWaits(turn);
  const message = isTold
    ? 'the content is again what the application was told'
    : 'the content is again what failed before';
  log(turn, 'info', 'config.reverted', message);
  return verifyAnew(rest(recovered), turn);
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
  const retried: readonly Action[] = retrying.length > 0 ? retrying : [{ kind: 'none' }];
  const requested = distinctActions([...asked, ...retried]);
  const due = withConfiguration(state, {
    barred: undefined,
    requested,
    changedAt: changedAt ?? turn.at,
  });
  return progress.phase === 'resting' ? advance(due, false, turn) : due;
}

function firstStarted(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  return again(rest(state), turn);
}

function startAsked(state: State, _progress: Progress, _event: unknown, turn: Turn): State {
  return askedStart(state, turn);
}

type ReloadTimer = Extract<
  TimerName,
  'settle' | 'ceiling' | 'min-interval' | 'splay' | 'verify-reload' | 'action-timeout' | 'drain' | 'retry'
>;

type ReloadKey =
  | 'content'
  | 'start-asked'
  | 'gate-passed'
  | 'gate-refused'
  | 'gate-overtaken'
  | 'gate-free'
  | 'job-ended'
  | 'child-starting'
  | 'restart-recalled'
  | 'change-missed'
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
  | 'reload-asked'
  | 'stop-refused'
  | 'signalled'
  | 'named-signalled'
  | `timer:${ReloadTimer}`;

/** What comes of the gate is compared with what is under way, in every phase: it may be moot by then. */
const GATE_ENDS = {
  'gate-passed': gatePassed,
  'gate-refused': gateRefused,
  'gate-overtaken': gateOvertaken,
  'gate-free': gateFree,
} as const;

/** What holds in every phase after the first start; each row below says what differs. */
const UNDER_WAY = {
  content,
  'start-asked': startAsked,
  ...GATE_ENDS,
  'job-ended': 'ignored',
  'child-starting': startingAnyway,
  'restart-recalled': 'impossible',
  'change-missed': missed,
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
  'reload-asked': asked,
  'stop-refused': 'ignored',
  signalled: 'ignored',
  'named-signalled': 'ignored',
  'timer:settle': 'impossible',
  'timer:ceiling': 'impossible',
  'timer:min-interval': 'impossible',
  'timer:splay': 'impossible',
  'timer:verify-reload': stayed,
  'timer:action-timeout': 'impossible',
  'timer:drain': 'impossible',
  'timer:retry': retry,
} as const;

export const RELOAD: Table<Progress, ReloadKey> = {
  baseline: {
    content,
    'start-asked': startAsked,
    ...GATE_ENDS,
    'job-ended': 'ignored',
    'child-starting': childStarting,
    'restart-recalled': recalled,
    'change-missed': missed,
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
    'reload-asked': asked,
    'stop-refused': 'impossible',
    signalled: 'impossible',
    'named-signalled': 'impossible',
    'timer:settle': 'impossible',
    'timer:ceiling': 'impossible',
    'timer:min-interval': 'impossible',
    'timer:splay': 'impossible',
    'timer:verify-reload': 'impossible',
    'timer:action-timeout': 'impossible',
    'timer:drain': 'impossible',
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
    'stop-refused': stopRefused,
    signalled,
    'named-signalled': namedSignalled,
    'job-ended': actionEnded,
    'timer:action-timeout': actionTimedOut,
    'timer:drain': drained,
  },
};
