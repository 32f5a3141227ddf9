import type { StageResult } from '../staging/stage.ts';
import { NOBODYS, type Transit } from '../state/passage.ts';
import { type State, withGate } from '../state/state.ts';
import { log, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';

/* What others do to the targets of the stages is found at each look, and undone (specification 5, *stage*). */

/** After a look at the watches the targets are looked at as well, where they show anything; one such look at a time. */
export function tendStages(state: State, _transit: Transit, _event: unknown, turn: Turn): State {
  const { staged = [], tending } = state.gate;
  if (tending || staged.every(({ active }) => active === undefined)) return state;
  turn.effects.push({ type: 'stage', job: NOBODYS, task: { op: 'tend' } });
  return withGate(state, { tending: true });
}

/** Tells what was found, and what could not be undone. */
export function stagesTended(
  state: State,
  { tended }: Extract<StageResult, { op: 'tended' }>,
  turn: Turn,
): State {
  for (const { stage, tampered, failed } of tended) {
    const target = textOfBytes(stage.target);
    if (tampered !== undefined)
      log(turn, 'warn', 'stage.tampered', `${target} was changed by somebody else: ${tampered}`, {
        target,
        reason: tampered,
      });
    if (failed !== undefined)
      log(turn, 'error', 'stage.failed', `${target} does not show what was published: ${failed}`, {
        target,
        reason: failed,
      });
  }
  return withGate(state, { tending: false });
}

/** What others had put in the way of a publication was replaced, which is not to pass in silence. */
export function tellReplaced(result: StageResult, turn: Turn): void {
  if (result.op !== 'published') return;
  for (const reason of result.tampered ?? [])
    log(turn, 'warn', 'stage.tampered', `a target was changed by somebody else: ${reason}`, { reason });
}
