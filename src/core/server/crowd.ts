import type { State } from '../state/state.ts';
import { type EventOf, log, type Turn } from '../state/turn.ts';
import type { Peer, Server, Visit } from '../state/visits.ts';
import { NOTHING_YET } from './request.ts';
import { bytesOfResponse, plain } from './response.ts';
import { hangUp, watchTime, withVisit } from './visits.ts';

/* Who is let in, and who makes room where there is a crowd. */

/** So many connections at once, and so many of one address (specification 6). */
const MOST_VISITS = 16;
const MOST_OF_ONE = 8;
/** A connection was made: there is room for it, or the oldest that has not sent a whole request makes room. */
export function accepted(
  state: State,
  _part: Server,
  { connection, peer }: EventOf<'accepted'>,
  turn: Turn,
): State {
  if (peer.kind === 'socket' && !mayAsk(peer.uid, state)) {
    log(turn, 'warn', 'socket.refused', `user ${peer.uid} may not use the control socket`, { uid: peer.uid });
    turn.effects.push({ type: 'hang-up', connection });
    return state;
  }
  const { visits } = state.server;
  const own = [...visits].filter(([, visit]) => origin(visit.peer) === origin(peer));
  const crowd = own.length >= MOST_OF_ONE ? own : visits.size >= MOST_VISITS ? [...visits] : [];
  const dispensable = leastNeeded(crowd);
  if (crowd.length > 0 && dispensable === undefined) {
    const bytes = bytesOfResponse(plain(503, 'too many wait for an answer already'), false);
    turn.effects.push({ type: 'reply', connection, bytes }, { type: 'hang-up', connection });
    return state;
  }
  const room = dispensable === undefined ? state : hangUp(state, dispensable, turn);
  const visit: Visit = {
    peer,
    since: turn.at,
    incoming: NOTHING_YET,
    phase: 'reading',
    head: false,
    after: 0,
  };
  return watchTime(withVisit(room, connection, visit), turn);
}

type Numbered = readonly [number, Visit];

/**
 * Which of a crowd makes room: the oldest that has not sent a whole request; else, of those that do not take their answer, the
 * oldest of the address that has most, so that nobody can keep the kubelet's probe out. Who still waits for an answer stays.
 */
function leastNeeded(crowd: readonly Numbered[]): number | undefined {
  const slow = crowd.filter(([, { phase }]) => phase === 'reading').sort(byAge)[0];
  if (slow !== undefined) return slow[0];
  const count = ({ peer }: Visit) => crowd.filter(([, other]) => origin(other.peer) === origin(peer)).length;
  const deaf = crowd.filter(([, { phase }]) => phase === 'answered');
  return deaf.sort((one, other) => count(other[1]) - count(one[1]) || byAge(one, other))[0]?.[0];
}

function byAge([, one]: Numbered, [, other]: Numbered): number {
  return one.since - other.since;
}

function origin(peer: Peer): string {
  return peer.kind === 'tcp' ? peer.address : 'socket';
}

/** The same user as rehup's, or root (specification 6). */
function mayAsk(uid: number, { identity }: State): boolean {
  return uid === 0 || uid === identity.uid;
}
