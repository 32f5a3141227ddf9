import type { State } from '../state/state.ts';
import { clearTimers, setTimer, type Turn } from '../state/turn.ts';
import type { Visit } from '../state/visits.ts';
import { withServer } from './opening.ts';
import { NOTHING_YET } from './request.ts';
import { bytesOfResponse, type Response } from './response.ts';

/* Connections from their beginning to their end: answered, hung up, and none for ever. */

/** A request must have come, and its answer gone, within this, ms. */
const PATIENCE = 5_000;
export function withVisit(state: State, number: number, visit: Visit | undefined): State {
  const visits = new Map(state.server.visits);
  if (visit === undefined) visits.delete(number);
  else visits.set(number, visit);
  return withServer(state, { visits });
}

export function answer(
  state: State,
  connection: number,
  visit: Visit,
  response: Response,
  head: boolean,
  turn: Turn,
): State {
  turn.effects.push({ type: 'reply', connection, bytes: bytesOfResponse(response, head) });
  const done: Visit = { ...visit, incoming: NOTHING_YET, phase: 'answered', since: turn.at };
  return watchTime(withVisit(state, connection, done), turn);
}

export function hangUp(state: State, connection: number, turn: Turn): State {
  turn.effects.push({ type: 'hang-up', connection });
  return withVisit(state, connection, undefined);
}

/** One timer for all: at the first deadline. */
export function watchTime(state: State, turn: Turn): State {
  const first = Math.min(...[...state.server.visits.values()].map(deadline));
  if (first === Number.POSITIVE_INFINITY) clearTimers(turn, 'visit');
  else setTimer(turn, 'visit', Math.max(0, first - turn.at));
  return state;
}

/** Who waits for an application or for a reload is not late himself. */
export function deadline({ phase, since }: Visit): number {
  return phase === 'reading' || phase === 'answered' ? since + PATIENCE : Number.POSITIVE_INFINITY;
}
