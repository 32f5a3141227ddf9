import type { Passage, Transit } from '../state/passage.ts';
import { type State, withGate } from '../state/state.ts';
import type { Turn } from '../state/turn.ts';
import { publish } from './ends.ts';

/* After the check, and before anything is published or told: a slot of the fleet (specification 5.2). */

/** Publishes the content, once there is a slot for it. */
export function queue(state: State, passage: Passage, turn: Turn): State {
  if (!needsSlot(state, passage)) return publish(state, passage, turn);
  turn.notices.push({ type: 'slot-wanted' });
  return withGate(state, { transit: { phase: 'queueing', passage } });
}

/** What is held for older content serves for this. A start has no choice any more when it comes here. */
function needsSlot({ slot }: State, passage: Passage): boolean {
  const { purpose } = passage;
  if (slot.phase === 'off' || slot.phase === 'held' || purpose.kind !== 'reload') return false;
  return !purpose.reload.unlocked && !touchesNothing(passage);
}

/** A change that touches nothing is not checked and takes no slot, unless somebody asked for it. */
export function touchesNothing({ purpose, generations }: Passage): boolean {
  if (purpose.kind !== 'reload' || generations.size > 0) return false;
  return purpose.reload.actions.length === 0 && purpose.reload.requested.length === 0;
}

export function granted(
  state: State,
  { passage }: Extract<Transit, { phase: 'queueing' }>,
  _event: unknown,
  turn: Turn,
): State {
  return publish(state, passage, turn);
}
