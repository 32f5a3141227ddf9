import { NO_CONTENT } from '../files/content.ts';
import { readable } from '../gate/stages.ts';
import { keepShown, requestLook } from '../observation/observation.ts';
import type { Refusal } from '../state/passage.ts';
import type { Progress, Reload } from '../state/progress.ts';
import { type State, withConfiguration, withGate } from '../state/state.ts';
import type { EventOf, Turn } from '../state/turn.ts';
import { act, underWay } from './acting.ts';
import { askedStart, isStartAwaited, startPassed, startRefused } from './admission.ts';
import { CHECK_BACK_OFF, failed, rejected, retryLater } from './outcome.ts';
import { advance, again, rest, withdraw } from './scheduling.ts';

/* What comes of content at the gate, by what it was brought there for. */

/** Whether a reload is still the one that is at the gate: it may have been withdrawn in the same step. */
function isGated(progress: Progress, reload: Reload): boolean {
  return progress.phase === 'gated' && progress.reload.id === reload.id;
}

export function gatePassed(
  state: State,
  progress: Progress,
  { passage }: EventOf<'gate-passed'>,
  turn: Turn,
): State {
  const { purpose } = passage;
  switch (purpose.kind) {
    case 'reload':
      return isGated(progress, purpose.reload) ? act(state, purpose.reload, turn) : state;
    case 'start':
      return isStartAwaited(state) ? startPassed(state, passage, turn) : state;
    case 'rollback':
      return isGated(progress, purpose.reload) ? rollbackPassed(state, purpose.reload, turn) : state;
    default:
      return purpose satisfies never;
  }
}

export function gateRefused(
  state: State,
  progress: Progress,
  { passage, refusal }: EventOf<'gate-refused'>,
  turn: Turn,
): State {
  const { purpose } = passage;
  switch (purpose.kind) {
    case 'reload':
      return isGated(progress, purpose.reload) ? reloadRefused(state, purpose.reload, refusal, turn) : state;
    case 'start':
      return isStartAwaited(state) ? startRefused(state, passage, refusal, turn) : state;
    case 'rollback':
      return isGated(progress, purpose.reload)
        ? rollbackRefused(state, purpose.reload, refusal.reason, turn)
        : state;
    default:
      return purpose satisfies never;
  }
}

/** What is there now is looked at, and brought to the gate in its stead. */
export function gateOvertaken(
  state: State,
  _progress: Progress,
  { passage, lost }: EventOf<'gate-overtaken'>,
  turn: Turn,
): State {
  const now = lost === undefined ? state : keepShown(state, lost, shownBy(state, lost));
  if (passage.purpose.kind === 'start') return requestLook(now, turn).state;
  const resting = withdraw(now, 'the content has changed', turn);
  return advance(withConfiguration(resting, { changedAt: turn.at }), false, turn);
}

/** What the target of a stage shows the application of its source. */
function shownBy({ gate }: State, source: string) {
  return gate.staged?.find(({ stage }) => stage.source === source)?.active?.content ?? NO_CONTENT;
}

/** Who had to wait for the gate goes on. */
export function gateFree(state: State, progress: Progress, _event: unknown, turn: Turn): State {
  if (isStartAwaited(state)) return askedStart(state, turn);
  return progress.phase === 'holding' ? advance(state, false, turn) : state;
}

/** The application keeps running on what it has. */
function reloadRefused(state: State, reload: Reload, refusal: Refusal, turn: Turn): State {
  const { bad, reason, fields } = refusal;
  if (bad) return again(rest(rejected(state, reload, reason, fields, turn)), turn);
  const barred = withConfiguration(state, { barred: reload.snapshot });
  const later = retryLater(barred, CHECK_BACK_OFF, reload.requested, turn);
  return again(rest(failed(later, reload, reason, turn)), turn);
}

/** The good generations are published: the child is told of them, or reads them when it starts. */
export function rollbackPassed(state: State, reload: Reload, turn: Turn): State {
  const snapshot = readable(state);
  const checked = withGate(state, { checked: snapshot });
  const back: Reload = { ...reload, snapshot };
  const { child } = checked;
  if (child.phase === 'running') return act(checked, back, turn);
  // A QUIT may be the end of it; if it was no stop, the child is told then.
  if (child.phase === 'quitting')
    return withConfiguration(checked, { progress: { phase: 'gated', reload: back } });
  const waiting = underWay(
    checked,
    { ...back, actions: [{ kind: 'restart' }] },
    'the child is started on the last good content',
    turn,
  );
  return isStartAwaited(waiting) ? askedStart(waiting, turn) : waiting;
}

/** They could not be published: the child stays on, or starts with, what is there. */
function rollbackRefused(state: State, reload: Reload, reason: string, turn: Turn): State {
  const why = `${reload.rollback}, and the roll-back failed: ${reason}`;
  const ended = failed(rest(state), reload, why, turn);
  return isStartAwaited(ended) ? askedStart(ended, turn) : again(ended, turn);
}
