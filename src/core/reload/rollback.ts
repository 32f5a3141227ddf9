import { openRollback } from '../gate/gate.ts';
import { readable } from '../gate/stages.ts';
import type { LogLine } from '../log/log.ts';
import { NOBODYS } from '../state/passage.ts';
import type { Reload } from '../state/progress.ts';
import { type State, withConfiguration } from '../state/state.ts';
import { clearTimers, log, type Turn } from '../state/turn.ts';
import { reloadFields } from './outcome.ts';
import { clearWaits, rest } from './scheduling.ts';

/* Back to the last good generations, after new ones did not do well. */

/** Publishes the last good generations, to be applied by the same actions. There must be some: `canRollBack`. */
export function rollBack(
  state: State,
  reload: Reload,
  reason: string,
  turn: Turn,
  output: LogLine['fields'] = {},
): State {
  clearWaits(turn);
  clearTimers(turn, 'verify-reload', 'action-timeout');
  log(turn, 'error', 'reload.rolling_back', `reload ${reload.id}: ${reason}; back to the last good content`, {
    ...reloadFields(reload),
    reason,
    ...output,
  });
  const back: Reload = { ...reload, from: reload.snapshot, rollback: reason };
  const { environment } = state.configuration.next;
  const barred = withConfiguration(rest(state), {
    verifying: undefined,
    barred: reload.snapshot,
    progress: { phase: 'gated', reload: back },
  });
  rememberFailed(barred, turn);
  return openRollback(
    barred,
    { purpose: { kind: 'rollback', reload: back }, snapshot: readable(barred), environment },
    turn,
  );
}

/** What is on trial has failed: a start in a later life of the container does not try it again. */
function rememberFailed({ gate: { staged = [] } }: State, turn: Turn): void {
  const generations = staged.flatMap(({ stage, active, good }) =>
    active === undefined || active.name === good?.name ? [] : [{ stage, name: active.name }],
  );
  turn.effects.push({ type: 'stage', job: NOBODYS, task: { op: 'fail', generations } });
}
