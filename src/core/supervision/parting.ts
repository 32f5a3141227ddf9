import { isReturning } from '../fleet/settled.ts';
import type { Child } from '../state/child.ts';
import type { State } from '../state/state.ts';
import { setTimer, type Turn } from '../state/turn.ts';

/* The end of rehup, which waits for a slot of the fleet to be given back (specification 5.2, *lives*), and for what is being kept. */

/** For so long, ms: the fleet can do without an answer, and the kubelet does not wait for ever. */
const PARTING = 1_000;

/** Ends with this code, as soon as nothing of the fleet is under way. */
export function part(state: State, turn: Turn, code: number): State {
  const { slot } = state;
  // Whether something will be is known at the end of the step.
  if (slot.phase === 'off' && state.pod.keeping === 0) return ended(state, turn, code);
  setTimer(turn, 'parting', PARTING);
  return { ...state, child: { phase: 'parting', code } };
}

/** At the end of each step: is there anything left to wait for? */
export function endIfParted(state: State, turn: Turn): State {
  const { child } = state;
  return child.phase === 'parting' && !isReturning(state) && state.pod.keeping === 0
    ? ended(state, turn, child.code)
    : state;
}

/** That was long enough. */
export function parted(
  state: State,
  { code }: Extract<Child, { phase: 'parting' }>,
  _event: unknown,
  turn: Turn,
): State {
  return ended(state, turn, code);
}

function ended(state: State, turn: Turn, code: number): State {
  turn.effects.push({ type: 'exit', code });
  return { ...state, child: { phase: 'ended' } };
}
