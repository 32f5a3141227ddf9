import type { Wish } from '../state/passage.ts';
import type { State } from '../state/state.ts';
import { setTimer, type Turn } from '../state/turn.ts';
import { withSlot } from './pause.ts';
import { PATIENCE, requestTask } from './requests.ts';

/* The request for a slot. */

/** Who begins to ask, and whether an earlier life may hold the slot already. */
export function want(state: State, earlier: boolean, turn: Turn): State {
  limit(state, turn);
  return ask(state, { since: turn.at, tries: 0, earlier, refusal: undefined }, turn);
}

/** From now on it is waited for, no longer than `--fleet-timeout`. */
export function limit({ settings }: State, turn: Turn): void {
  const timeout = settings.fleet?.timeout ?? 0;
  if (timeout > 0) setTimer(turn, 'fleet-timeout', timeout);
}

export function ask(state: State, wish: Wish, turn: Turn): State {
  const job = state.jobs + 1;
  turn.effects.push({ type: 'begin-job', job, task: requestTask(state, 'pre-reboot') });
  setTimer(turn, 'fleet-answer', PATIENCE);
  return withSlot({ ...state, jobs: job }, { phase: 'asking', job, wanted: true, wish });
}
