import type { Slot } from '../state/passage.ts';
import type { State } from '../state/state.ts';
import { setTimer, type Turn } from '../state/turn.ts';
import { random } from '../text/random.ts';

/* What asking and giving back share. */

export function withSlot(state: State, slot: Slot): State {
  return { ...state, slot };
}

export function groupOf({ settings }: State): string {
  return settings.fleet?.group ?? '';
}

/** The shortest and the longest pause between two requests, doubled from the one to the other and spread, ms. */
const FIRST_PAUSE = 1_000;
const LAST_PAUSE = 30_000;

/** Waits before the next request: between 1 and 2 s first, between 15 and 30 s in the end, so that a fleet does not ask at once. */
export function pause(state: State, tries: number, turn: Turn): State {
  const { value, seed } = random(state.seed);
  const least = Math.min(FIRST_PAUSE * 2 ** tries, LAST_PAUSE / 2);
  setTimer(turn, 'fleet', Math.round(least * (1 + value)));
  return { ...state, seed };
}
