import type { Reading, ReadingRequest } from '../files/reading.ts';
import { ELSEWHERE } from '../files/remote/routes.ts';
import type { Due, Watched } from '../state/observed.ts';
import type { State } from '../state/state.ts';
import { type EventOf, log, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';

/*
 * Watches of which a part lies on a file system whose server may stop answering. Each is looked at apart, so that no
 * other waits for it, and one look at a time.
 */

/** For so long a single answer is waited for (specification 2.9), ms; before the first start less (4.6). */
const PATIENCE = 10_000;
const START_PATIENCE = 5_000;

/** The watches that were found to lie apart are looked at so from now on; what else was found of them does not count. */
export function partWatches(
  state: State,
  found: ReadonlyMap<number, Reading>,
): { readonly state: State; readonly readings: ReadonlyMap<number, Reading> } {
  const { observation } = state;
  const lies = (index: number) => {
    const reading = found.get(index);
    return reading?.status === 'unreadable' && reading.errno === ELSEWHERE;
  };
  if (![...found.keys()].some(lies)) return { state, readings: found };
  const watched = observation.watched.map(
    (one, index): Watched => (lies(index) ? { ...one, apart: 'new' } : one),
  );
  return {
    state: { ...state, observation: { ...observation, watched } },
    readings: new Map([...found].filter(([index]) => !lies(index))),
  };
}

/** Watches that lie apart no more are looked at with the others from the next look at them on. */
export function joinWatches(state: State, due: Due): State {
  const { observation } = state;
  const isBack = (index: number) => observation.watched[index]?.apart === 'back';
  if (![...due.keys()].some(isBack)) return state;
  const watched = observation.watched.map(
    (one, index): Watched => (due.has(index) && isBack(index) ? { ...one, apart: 'no' } : one),
  );
  return { ...state, observation: { ...observation, watched } };
}

/** Which of the watches that lie apart: all in one of these states, among these by index. */
type Apart = { readonly which?: readonly Watched['apart'][]; readonly among: ReadonlyMap<number, unknown> };

/**
 * Has the watches that lie apart looked at; one that is being looked at is looked at once more afterwards.
 */
export function lookApart(
  state: State,
  requestFor: (watched: Watched, index: number) => ReadingRequest,
  turn: Turn,
  { which = ['new', 'idle', 'looking'], among }: Apart,
): State {
  const { observation } = state;
  const concerns = (index: number) => which.includes(observation.watched[index]?.apart ?? 'no');
  if (![...among.keys()].some(concerns)) return state;
  const watched = observation.watched.map((one, index): Watched => {
    if (!among.has(index) || !concerns(index)) return one;
    if (one.apart === 'looking') return { ...one, apart: 'again' };
    const patience = one.content === undefined ? START_PATIENCE : PATIENCE;
    turn.effects.push({ type: 'look-apart', request: requestFor(one, index), patience });
    return { ...one, apart: 'looking' };
  });
  return { ...state, observation: { ...observation, watched } };
}

/** Takes note of where a look apart has led; says once what that means. */
export function lookedApart(state: State, event: EventOf<'looked-apart'>, turn: Turn): State {
  const { observation, settings } = state;
  const watched = observation.watched.map((one): Watched => {
    if (one.path !== event.path) return one;
    if (event.servers.length === 0) return { ...one, apart: 'back' };
    if (!one.polled) tellPolled(one, event.servers, settings.poll, turn);
    return { ...one, apart: one.apart === 'again' ? 'new' : 'idle', polled: true };
  });
  return { ...state, observation: { ...observation, watched } };
}

function tellPolled({ path }: Watched, servers: readonly string[], poll: number, turn: Turn): void {
  const name = textOfBytes(path);
  const where = servers.map(textOfBytes).join(', ');
  const instead =
    poll > 0
      ? `looked at every ${poll} ms without file events`
      : 'without file events, and --poll is 0: changes will be missed';
  const message = `${name} depends on a file server that may stop answering (${where}): ${instead}, by a process of its own`;
  log(turn, poll > 0 ? 'info' : 'warn', 'watch.polled', message, {
    watch: name,
    servers: servers.map(textOfBytes),
  });
}
