import { verdictOf } from '../jobs/check.ts';
import { isProbe, probeTask } from '../readiness/readiness.ts';
import type { Asked } from '../report/facts.ts';
import type { State } from '../state/state.ts';
import { clearTimers, type EventOf, log, setTimer, type Table, type Turn } from '../state/turn.ts';
import type { Peer, Server, Visit } from '../state/visits.ts';
import { answerTo, readiness, refused, serves } from './answers.ts';
import { begin, listening, listeningLocal, withServer } from './opening.ts';
import { NOTHING_YET, type Request, takeBytes } from './request.ts';
import { bytesOfResponse, plain, type Response, refusal } from './response.ts';

/*
 * Room `server/`: the machine that takes requests apart and answers them, on TCP and the control socket alike. May not know how
 * bytes come and go, and changes nothing but by asking for a reload.
 */

/** The query by which `rehup reload --no-fleet-lock` does without a slot of the fleet. */
const UNLOCKED = 'no-fleet-lock';

/** So many connections at once, and so many of one address (specification 6). */
const MOST_VISITS = 16;
const MOST_OF_ONE = 8;
/** A request must have come, and its answer gone, within this, ms. */
const PATIENCE = 5_000;
/** The application is asked on behalf of a probe at most this often, and given so long: the kubelet waits for 1 s, ms. */
const ASK_INTERVAL = 1_000;
const ASK_LIMIT = 800;

function withVisit(state: State, number: number, visit: Visit | undefined): State {
  const visits = new Map(state.server.visits);
  if (visit === undefined) visits.delete(number);
  else visits.set(number, visit);
  return withServer(state, { visits });
}

/** A connection was made: there is room for it, or the oldest that has not sent a whole request makes room. */
function accepted(state: State, _part: Server, { connection, peer }: EventOf<'accepted'>, turn: Turn): State {
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

function received(state: State, _part: Server, event: EventOf<'received'>, turn: Turn): State {
  const visit = state.server.visits.get(event.connection);
  if (visit?.phase !== 'reading') return state;
  const taken = takeBytes(visit.incoming, event.bytes);
  switch (taken.kind) {
    case 'more':
      return withVisit(state, event.connection, { ...visit, incoming: taken.incoming });
    case 'refused':
      return answer(state, event.connection, visit, refusal(taken.code), false, turn);
    case 'request':
      return requested(
        state,
        event.connection,
        visit,
        taken.request,
        { at: turn.at, host: event.host },
        turn,
      );
    default:
      return taken satisfies never;
  }
}

function requested(
  state: State,
  number: number,
  visit: Visit,
  request: Request,
  asked: Asked,
  turn: Turn,
): State {
  const head = request.method === 'HEAD';
  if (request.method === 'POST') {
    if (visit.peer.kind !== 'socket') return answer(state, number, visit, refusal(405), false, turn);
    if (request.path !== '/reload') return answer(state, number, visit, refusal(404), false, turn);
    turn.notices.push({ type: 'reload-asked', unlocked: request.query === UNLOCKED });
    return withVisit(state, number, {
      ...visit,
      incoming: NOTHING_YET,
      phase: 'waiting',
      since: turn.at,
      after: state.configuration.reloads,
    });
  }
  if (request.path === '/readyz' && mustAsk(state, turn)) {
    return askApplication(
      withVisit(state, number, { ...visit, incoming: NOTHING_YET, phase: 'asking', head }),
      turn,
    );
  }
  return answer(state, number, visit, answerTo(state, request, visit.peer, asked), head, turn);
}

/** Whether the application is to be asked anew: it served when it was asked last, but not just now. */
function mustAsk(state: State, turn: Turn): boolean {
  const { ready } = state.settings;
  if (ready === undefined || !isProbe(ready) || !serves(state)) return false;
  const { served } = state.server;
  return served === undefined || turn.at - served.at >= ASK_INTERVAL;
}

function askApplication(state: State, turn: Turn): State {
  const { ready } = state.settings;
  if (state.server.asking !== undefined || ready === undefined || !isProbe(ready)) return state;
  const job = state.jobs + 1;
  turn.effects.push({ type: 'begin-job', job, task: probeTask(state, ready) });
  setTimer(turn, 'ask', ASK_LIMIT);
  return withServer({ ...state, jobs: job }, { asking: job });
}

function asked(state: State, _part: Server, event: EventOf<'job-ended'>, turn: Turn): State {
  if (event.job !== state.server.asking) return state;
  clearTimers(turn, 'ask');
  const verdict = verdictOf(event.outcome);
  return answerAsking(state, verdict.kind === 'pass', verdict.kind === 'pass' ? '' : verdict.reason, turn);
}

function askedInVain(state: State, part: Server, _event: unknown, turn: Turn): State {
  if (part.asking !== undefined) turn.effects.push({ type: 'cancel-job', job: part.asking });
  return answerAsking(state, false, `no answer within ${ASK_LIMIT} ms`, turn);
}

function answerAsking(state: State, ok: boolean, reason: string, turn: Turn): State {
  const known = withServer(state, { asking: undefined, served: { at: turn.at, ok, reason } });
  return [...known.server.visits]
    .filter(([, visit]) => visit.phase === 'asking')
    .reduce((now, [number, visit]) => answer(now, number, visit, readiness(now), visit.head, turn), known);
}

/** A reload is over: those who asked for it, or for one that it took the place of, are told. */
function reloadEnded(state: State, _part: Server, event: EventOf<'reload-ended'>, turn: Turn): State {
  const { reload, outcome, reason } = event;
  if (outcome === 'superseded') return state;
  return [...state.server.visits]
    .filter(
      ([, visit]) => visit.phase === 'waiting' && (reload.id > visit.after || reload.begun > visit.since),
    )
    .reduce((now, [number, visit]) => {
      const body = JSON.stringify({ reload: reload.id, outcome, reason: reason ?? null });
      const response: Response = { code: 200, type: 'application/json', body: `${body}\n` };
      return answer(now, number, visit, response, false, turn);
    }, state);
}

/** After a stop nothing is applied any more. */
function stopped(state: State, _part: Server, _event: unknown, turn: Turn): State {
  return [...state.server.visits]
    .filter(([, visit]) => visit.phase === 'waiting')
    .reduce(
      (now, [number, visit]) => answer(now, number, visit, refused('rehup was asked to stop'), false, turn),
      state,
    );
}

function answer(
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

function hangUp(state: State, connection: number, turn: Turn): State {
  turn.effects.push({ type: 'hang-up', connection });
  return withVisit(state, connection, undefined);
}

function gone(state: State, _part: Server, { connection }: EventOf<'hung-up'>, turn: Turn): State {
  return watchTime(withVisit(state, connection, undefined), turn);
}

/** Who is late with a request is told so; who does not take an answer is left. */
function late(state: State, _part: Server, _event: unknown, turn: Turn): State {
  const now = [...state.server.visits]
    .filter(([, visit]) => deadline(visit) <= turn.at)
    .reduce(
      (known, [number, visit]) =>
        visit.phase === 'reading'
          ? answer(known, number, visit, refusal(408), false, turn)
          : hangUp(known, number, turn),
      state,
    );
  return watchTime(now, turn);
}

/** One timer for all: at the first deadline. */
function watchTime(state: State, turn: Turn): State {
  const first = Math.min(...[...state.server.visits.values()].map(deadline));
  if (first === Number.POSITIVE_INFINITY) clearTimers(turn, 'visit');
  else setTimer(turn, 'visit', Math.max(0, first - turn.at));
  return state;
}

/** Who waits for an application or for a reload is not late himself. */
function deadline({ phase, since }: Visit): number {
  return phase === 'reading' || phase === 'answered' ? since + PATIENCE : Number.POSITIVE_INFINITY;
}

type ServerKey =
  | 'begin'
  | 'listening'
  | 'listening-local'
  | 'accepted'
  | 'received'
  | 'hung-up'
  | 'job-ended'
  | 'reload-ended'
  | 'stopped'
  | 'timer:ask'
  | 'timer:visit';

/** What the server does with each event; it has one phase, and a life of its own for each connection. */
export const SERVER: Table<Server, ServerKey> = {
  serving: {
    begin,
    listening,
    'listening-local': listeningLocal,
    accepted,
    received,
    'hung-up': gone,
    'job-ended': asked,
    'reload-ended': reloadEnded,
    stopped,
    'timer:ask': askedInVain,
    'timer:visit': late,
  },
};
