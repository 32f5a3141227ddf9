import { servesBy } from '../jobs/check.ts';
import { isProbe, probeTask } from '../readiness/readiness.ts';
import type { Asked } from '../report/facts.ts';
import type { State } from '../state/state.ts';
import { clearTimers, type EventOf, setTimer, type Table, type Turn } from '../state/turn.ts';
import type { Server, Visit } from '../state/visits.ts';
import { answerTo, readiness, refused, serves } from './answers.ts';
import { accepted } from './crowd.ts';
import { healthInVain, healthTold, hearHook, nameOf, probed } from './health.ts';
import { begin, listening, listeningLocal, withServer } from './opening.ts';
import { NOTHING_YET, type Request, takeBytes } from './request.ts';
import { type Response, refusal } from './response.ts';
import { answer, deadline, hangUp, watchTime, withVisit } from './visits.ts';

/*
 * Room `server/`: the machine that takes requests apart and answers them, on TCP and the control socket alike. May not know how
 * bytes come and go, and changes nothing but by asking for a reload.
 */

/** The query by which `rehup reload --no-fleet-lock` does without a slot of the fleet. */
const UNLOCKED = 'no-fleet-lock';

/** The application is asked on behalf of a probe at most this often, and given so long: the kubelet waits for 1 s, ms. */
const ASK_INTERVAL = 1_000;
const ASK_LIMIT = 800;

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
  const name = state.settings.pod === undefined ? undefined : nameOf(request.path, '/livez');
  if (name !== undefined) return probed(state, number, visit, { name, head }, turn);
  hearHook(state, request, turn);
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
  if (event.job === state.server.health) return healthTold(state, event, turn);
  if (event.job !== state.server.asking) return state;
  clearTimers(turn, 'ask');
  const { ready } = state.settings;
  const verdict = servesBy(event.outcome, ready?.kind === 'http' && ready.lenient === true);
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
  | 'timer:health'
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
    'timer:health': healthInVain,
    'timer:visit': late,
  },
};
