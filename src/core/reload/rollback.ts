import { openRollback } from '../gate/gate.ts';
import { gateEnds } from '../gate/letting.ts';
import { readable } from '../gate/stages.ts';
import { type Reload, type State, withConfiguration } from '../state/state.ts';
import { clearTimers, log, type Turn } from '../state/turn.ts';
import { act, underWay } from './acting.ts';
import { askedStart } from './admission.ts';
import { failed, reloadFields } from './outcome.ts';
import { again, clearWaits, rest } from './scheduling.ts';

/* Back to the last good generations, after new ones did not do well. */

/** Publishes the last good generations, to be applied by the same actions. There must be some: `canRollBack`. */
export function rollBack(state: State, reload: Reload, reason: string, turn: Turn): State {
  clearWaits(turn);
  clearTimers(turn, 'verify-reload', 'action-timeout');
  log(turn, 'error', 'reload.rolling_back', `reload ${reload.id}: ${reason}; back to the last good content`, {
    ...reloadFields(reload),
    reason,
  });
  const back: Reload = { ...reload, rollback: reason };
  const { environment } = state.configuration.next;
  const barred = withConfiguration(rest(state), {
    verifying: undefined,
    barred: reload.snapshot,
    progress: { phase: 'gated', reload: back },
  });
  return openRollback(
    barred,
    { purpose: { kind: 'rollback', reload: back }, snapshot: readable(barred), environment },
    gateEnds,
    turn,
  );
}

/** The good generations are published: the child is told of them, or reads them when it starts. */
export function rollbackPassed(state: State, reload: Reload, turn: Turn): State {
  const snapshot = readable(state);
  const checked = withConfiguration(state, { checked: snapshot });
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
  return child.phase === 'preparing' && child.asked ? askedStart(waiting, turn) : waiting;
}

/** They could not be published: the child stays on, or starts with, what is there. */
export function rollbackRefused(state: State, reload: Reload, reason: string, turn: Turn): State {
  const why = `${reload.rollback}, and the roll-back failed: ${reason}`;
  const ended = failed(rest(state), reload, why, turn);
  const { child } = ended;
  return child.phase === 'preparing' && child.asked ? askedStart(ended, turn) : again(ended, turn);
}
