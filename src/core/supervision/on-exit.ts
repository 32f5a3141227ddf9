import { type ExitStatus, exitCode } from '../process/exit.ts';
import type { Afterwards } from '../state/child.ts';
import type { State } from '../state/state.ts';
import { log, setTimer, type Turn } from '../state/turn.ts';
import { withChild } from './child.ts';

/* What follows an exit of the child by itself: `--on-exit` and `--max-restarts`. */

/** Exits by itself are counted within this time (specification 1, `--max-restarts`), ms. */
const CRASH_WINDOW = 10 * 60_000;
/** Delays before a start by `--on-exit`: doubled from the first to the last (specification 1), ms. */
const FIRST_BACK_OFF = 1_000;
const LAST_BACK_OFF = 30_000;

/** What follows an exit of the child by itself, and the state that remembers it. */
export function policy(
  state: State,
  status: ExitStatus,
  turn: Turn,
): { state: State; afterwards: Afterwards } {
  const { onExit, maxRestarts } = state.settings;
  const restarts = onExit === 'restart' || (onExit === 'restart-on-failure' && exitCode(status) !== 0);
  if (!restarts) return { state, afterwards: 'exit' };
  const recent = state.crashes.filter((at) => turn.at - at < CRASH_WINDOW);
  if (recent.length < maxRestarts)
    return { state: { ...state, crashes: [...recent, turn.at] }, afterwards: 'again' };
  log(turn, 'error', 'child.given_up', `restarted ${maxRestarts} times within ten minutes: no more`, {
    restarts: maxRestarts,
  });
  return { state, afterwards: 'exit' };
}

/** Starts the child again, later each time. */
export function backOff(state: State, last: ExitStatus, turn: Turn): State {
  const delay = Math.min(FIRST_BACK_OFF * 2 ** (state.crashes.length - 1), LAST_BACK_OFF);
  log(turn, 'info', 'child.back_off', `the child is started again in ${delay} ms`, {
    ms: delay,
    restart: state.crashes.length,
  });
  setTimer(turn, 'back-off', delay);
  return withChild(state, { phase: 'waiting', last });
}
