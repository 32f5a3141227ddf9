import { outputFields } from '../gate/checking.ts';
import { canRollBack } from '../gate/stages.ts';
import { verdictOf } from '../jobs/check.ts';
import type { LogLine } from '../log/log.ts';
import { type Signal, signalName } from '../process/signals.ts';
import { type Action, distinctActions } from '../state/action.ts';
import type { Reload } from '../state/progress.ts';
import { type State, withConfiguration } from '../state/state.ts';
import { clearTimers, type EventOf, log, setTimer, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { type Held, isKnownToBlock, tellRestart, tellSent } from './guard.ts';
import { unheardBecause, untoldBecause } from './named.ts';
import {
  ANSWER_BACK_OFF,
  applied,
  begun,
  failed,
  reloadFields,
  retryLater,
  supersededBy,
} from './outcome.ts';
import { rollBack } from './rollback.ts';
import { advance, again, type In, logHeld, rest, verdictWithin } from './scheduling.ts';
import { blocked, lookAtBlocked, sendReload, verify } from './telling.ts';

/* Making the application use what it can see: the actions of a reload, one after the other, and the beginning of its verification. */

/** So many files that nobody answered for are remembered: as many as a watch may hold. */
const MOST_UNANSWERED = 10_000;

/** Does the actions of a reload that has passed the gate. */
export function act(state: State, reload: Reload, turn: Turn): State {
  if (state.child.phase !== 'running') {
    const held = supersededBy(rest(state), reload, 'the child is not running any more', turn);
    return withConfiguration(held, { progress: { phase: 'holding' }, changedAt: reload.since });
  }
  const [first] = reload.actions;
  switch (first?.kind) {
    case undefined:
    case 'none':
      return again(applied(rest(begun(state, reload, turn)), reload, turn), turn);
    case 'restart':
    case 'exit':
    case 'unhealthy':
      return stopFor(state, reload, turn);
    case 'signal':
    case 'named':
    case 'http':
    case 'exec':
      return actNext(state, reload, reload.actions, turn);
    default:
      return first satisfies never;
  }
}

/** Stops the child, for a new one to start or for rehup to end with it. */
function stopFor(state: State, reload: Reload, turn: Turn): State {
  const { drain } = state.settings;
  const { futile } = state.pod;
  if (futile !== undefined) {
    const told = withConfiguration(begun(state, reload, turn), { barred: reload.snapshot });
    return again(failed(rest(told), reload, futile, turn), turn);
  }
  const unheard = unheardBecause(state, reload);
  if (unheard !== undefined) return unanswered(begun(state, reload, turn), reload, unheard, turn);
  const serves = state.child.phase === 'running' && state.readiness.phase === 'ready';
  if (drain === 0 || !serves) return stopNow(state, reload, turn);
  // Who sends requests by /readyz is given the time to notice (specification 6, *Drain*).
  logHeld(turn, 'drain', drain);
  setTimer(turn, 'drain', drain);
  return withConfiguration(state, {
    heldUntil: turn.at + state.settings.drain,
    progress: { phase: 'acting', reload, remaining: [], job: undefined, draining: true },
  });
}

/** The time for those who send requests is over; while a QUIT is pending nothing is done. */
export function drained(state: State, progress: In<'acting'>, _event: unknown, turn: Turn): State {
  return progress.draining === true && state.child.phase === 'running'
    ? stopNow(state, progress.reload, turn)
    : state;
}

function stopNow(state: State, reload: Reload, turn: Turn): State {
  const exit = reload.actions.find((action) => action.kind === 'exit');
  const afterwards = exit === undefined ? 'start' : exit.code === undefined ? 'exit' : { exit: exit.code };
  turn.notices.push({ type: 'stop-child', afterwards });
  const what = state.settings.sidecar ? 'the application is to be restarted' : 'the child is stopped';
  return underWay(state, reload, what, turn);
}

/** A start will tell the child: nothing is left to be done but to wait for it. */
export function underWay(state: State, reload: Reload, what: string, turn: Turn): State {
  log(turn, 'info', 'reload.started', `reload ${reload.id}: ${what}`, reloadFields(reload));
  return withConfiguration(begun(state, reload, turn), {
    progress: { phase: 'acting', reload, remaining: [], job: undefined },
  });
}

function actNext(state: State, reload: Reload, remaining: readonly Action[], turn: Turn): State {
  const [action] = remaining;
  if (action === undefined || state.child.phase !== 'running') return verify(state, reload, turn);
  const first = remaining.length === reload.actions.length;
  if (action.kind === 'signal') {
    sendReload(state.child.pid, action.signal, action.forced ? undefined : 'caught', first, turn);
    return withConfiguration(state, { progress: { phase: 'acting', reload, remaining, job: undefined } });
  }
  if (action.kind === 'named') {
    turn.notices.push({ type: 'telling', first });
    const { signal, name, forced } = action;
    turn.effects.push({ type: 'signal-named', signal, name, forced });
    const progress = { phase: 'acting', reload, remaining, job: undefined } as const;
    return withConfiguration(begun(state, reload, turn), { progress });
  }
  if (action.kind !== 'http' && action.kind !== 'exec')
    return actNext(state, reload, remaining.slice(1), turn);
  const job = state.jobs + 1;
  turn.notices.push({ type: 'telling', first });
  const { environment } = state.configuration.next;
  turn.effects.push({
    type: 'begin-job',
    job,
    task:
      action.kind === 'http'
        ? { kind: 'http', method: 'POST', endpoint: action.endpoint }
        : { kind: 'command', words: action.words, environment },
  });
  setTimer(turn, 'action-timeout', state.settings.actionTimeout);
  const told = begun({ ...state, jobs: job }, reload, turn);
  return withConfiguration(told, { progress: { phase: 'acting', reload, remaining, job } });
}

/** An HTTP call or a command of a reload has ended. */
export function actionEnded(
  state: State,
  progress: In<'acting'>,
  event: EventOf<'job-ended'>,
  turn: Turn,
): State {
  if (event.job !== progress.job) return state;
  clearTimers(turn, 'action-timeout');
  const { reload, remaining } = progress;
  const verdict = verdictOf(event.outcome);
  const [action] = remaining;
  if (verdict.kind === 'pass') return actNext(state, reload, remaining.slice(1), turn);
  const reason = `${describeAction(action)} ${verdict.reason}`;
  const output = outputFields(state, event.outcome);
  return verdict.kind === 'bad'
    ? foundBad(state, reload, reason, turn, output)
    : unanswered(state, reload, reason, turn, output);
}

export function actionTimedOut(state: State, progress: In<'acting'>, _event: unknown, turn: Turn): State {
  const { reload, remaining, job } = progress;
  if (job === undefined) return lookAtBlocked(state, progress, turn);
  turn.effects.push({ type: 'cancel-job', job });
  const reason = `${describeAction(remaining[0])} took longer than ${state.settings.actionTimeout} ms`;
  return unanswered(state, reload, reason, turn);
}

function describeAction(action: Action | undefined): string {
  if (action?.kind === 'http') return textOfBytes(action.endpoint.text);
  return action?.kind === 'exec' ? `exec:${textOfBytes(action.words[0] ?? '')}` : 'the action';
}

/** The application looked at the content and did not like it, or did not live on: what was good is applied again. */
export function foundBad(
  state: State,
  reload: Reload,
  reason: string,
  turn: Turn,
  output: LogLine['fields'] = {},
): State {
  if (reload.rollback === undefined && canRollBack(state.gate))
    return rollBack(state, reload, reason, turn, output);
  const ended = withConfiguration(failed(state, reload, reason, turn, output), { lastApply: undefined });
  return ended.configuration.progress.phase === 'acting' ? again(rest(ended), turn) : ended;
}

/** Nobody answered: nothing is known about the content, and the same is tried again. */
function unanswered(
  state: State,
  reload: Reload,
  reason: string,
  turn: Turn,
  output: LogLine['fields'] = {},
): State {
  const known = state.configuration.unanswered ?? [];
  const ended = withConfiguration(failed(rest(state), reload, reason, turn, output), {
    unanswered: [...new Set([...reload.paths, ...known])].slice(0, MOST_UNANSWERED).sort(),
    applied: undefined,
    lastApply: undefined,
  });
  if (reload.rollback !== undefined) return again(ended, turn);
  const barred = withConfiguration(ended, { barred: reload.snapshot });
  return again(retryLater(barred, ANSWER_BACK_OFF, reload.requested, turn), turn);
}

/** What became of a reload signal. One that the child does not catch would end it or be ignored: a restart does better. */
export function signalled(
  state: State,
  progress: In<'acting'>,
  event: EventOf<'signalled'>,
  turn: Turn,
): State {
  if (event.purpose !== 'reload') return state;
  const { reload, remaining } = progress;
  // The child has ended meanwhile, and is being started again.
  if (remaining.length === 0) return state;
  const name = signalName(event.signal);
  const { outcome } = event;
  switch (outcome.kind) {
    case 'sent':
      return actNext(
        begun(tellSent(state, remaining[0], outcome, turn), reload, turn),
        reload,
        remaining.slice(1),
        turn,
      );
    case 'held':
      return outcome.handling === 'blocked'
        ? blocked(state, progress, isKnownToBlock(state, event.signal, outcome.program), turn)
        : uncaught(state, reload, event.signal, outcome, turn);
    case 'failed':
      return again(failed(rest(begun(state, reload, turn)), reload, `${name}: ${outcome.errno}`, turn), turn);
    default:
      return outcome satisfies never;
  }
}

/** What became of a signal to the processes of a name: who is not there, or does not take it yet, may soon. */
export function namedSignalled(
  state: State,
  { reload, remaining }: In<'acting'>,
  event: EventOf<'named-signalled'>,
  turn: Turn,
): State {
  const [action] = remaining;
  if (action?.kind !== 'named') return state;
  const reason = untoldBecause(event, action.signal, action.name);
  if (reason !== undefined) return unanswered(state, reload, reason, turn);
  const pids = event.sent.map(({ pid }) => pid);
  const signal = signalName(action.signal);
  const message = `${signal} sent to ${textOfBytes(action.name)}: ${pids.join(', ')}`;
  log(turn, 'debug', 'signal.sent', message, { signal, pids });
  return actNext(state, reload, remaining.slice(1), turn);
}

function uncaught(state: State, reload: Reload, signal: Signal, found: Held, turn: Turn): State {
  if (state.child.phase === 'running' && (state.child.verified || reload.rollback !== undefined)) {
    const told = tellRestart(state, signal, found, turn);
    return stopFor(told, { ...reload, actions: [{ kind: 'restart' }] }, turn);
  }
  const name = signalName(signal);
  // The child is young, and may only not have got as far as to install its handler.
  const reason = 'verify';
  const message = `the child does not take ${name} yet: its start is awaited`;
  log(turn, 'info', 'reload.held', message, {
    reason,
    signal: name,
    ms: Math.round(verdictWithin(state, turn)),
  });
  const held = withConfiguration(state, {
    progress: { phase: 'holding', reason },
    changedAt: reload.since,
    requested: distinctActions([...reload.requested, ...state.configuration.requested]),
    reloads: reload.id - 1,
    awaitVerified: true,
  });
  return advance(held, false, turn);
}

/** The child can't be stopped, and runs on with what it has. */
export function stopRefused(
  state: State,
  { reload }: In<'acting'>,
  { signal, errno }: EventOf<'stop-refused'>,
  turn: Turn,
): State {
  const reason = `the child can't be stopped: ${signalName(signal)}: ${errno}`;
  return again(failed(rest(state), reload, reason, turn), turn);
}
