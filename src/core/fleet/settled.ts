import { sameSnapshot } from '../files/snapshot.ts';
import type { State } from '../state/state.ts';
import type { Turn } from '../state/turn.ts';
import { giveBack } from './returning.ts';

/* When a slot is another one's: it is seen from the state, however the content came to be applied. */

/**
 * After each step: what was told is applied and nothing failed, so the slot is given back; what an earlier life may hold is
 * once this one is verified on the content that is there.
 */
export function returnIfSettled(state: State, turn: Turn): State {
  const { slot, configuration } = state;
  if ((slot.phase !== 'held' && slot.phase !== 'unknown') || !isSettled(state)) return state;
  if (slot.phase === 'held') return giveBack(state, { tries: 0, held: true }, turn);
  return sameSnapshot(configuration.seen, configuration.told)
    ? giveBack(state, { tries: 0, held: false }, turn)
    : state;
}

function isSettled({ configuration, gate, child }: State): boolean {
  const { progress, applied, told, verifying, degraded, stale, unanswered } = configuration;
  return (
    child.phase === 'running' &&
    progress.phase !== 'gated' &&
    progress.phase !== 'acting' &&
    verifying === undefined &&
    degraded === undefined &&
    stale.length === 0 &&
    unanswered === undefined &&
    applied !== undefined &&
    sameSnapshot(applied, told) &&
    // What is published already is about to be told.
    (gate.staged ?? []).every(({ active, good }) => active?.name === good?.name)
  );
}

/** Whether something is under way that the end of rehup may wait for. */
export function isReturning({ slot }: State): boolean {
  return slot.phase === 'returning' || slot.phase === 'retrying' || (slot.phase === 'asking' && !slot.wanted);
}
