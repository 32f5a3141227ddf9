import type { Content } from '../files/content.ts';
import { counts } from '../files/places.ts';
import type { Reading } from '../files/reading.ts';
import { type Snapshot, withContents } from '../files/snapshot.ts';
import { type Due, FIRST_RECHECK, type Observation, type Watched } from '../state/observed.ts';
import type { State } from '../state/state.ts';
import { type EventOf, log, setTimer, type Table, type Turn } from '../state/turn.ts';
import { allOf, lookSoon, quietAfter, requestFor, requestLook, theseOf, together } from './asking.ts';
import { isAtWork, pendingOf, VOLUME_PATIENCE, waiting } from './pending.ts';
import { lookApart, lookedApart, partWatches } from './remote.ts';
import { lost, watchAgain, watchFailed, watching, withLinks, withWatchedPlaces } from './subscriptions.ts';
import { contentSeen, isFrozen, merge, type Refusal, settle } from './watched.ts';

export { requestLook } from './asking.ts';

/*
 * Room `observation/`: the machine that looks at the watches, and tells what they hold once that can be trusted. May not
 * know what a change leads to.
 */

/** Until the next look when the last one found a writer at work, ms. */
const RELOOK_DELAY = 25;
/** What stays as it is is looked at again later and later, but as often as the default poll does, ms. */
const LAST_RECHECK = 10_000;
/** At start, a watch that can't be read is tried for this long before it is bad usage (specification 4.6), ms. */
const START_PATIENCE = 5_000;
const START_RETRY_DELAY = 250;

/** The content of all watches as it is known; watches that were never read have none. */
export function snapshotOf({ snapshot }: Observation): Snapshot {
  return snapshot;
}

/** A source lost what was seen of it before it could be staged: its last state is then what its target shows. */
export function keepShown(state: State, path: string, content: Content): State {
  const { observation, configuration } = state;
  const watched = observation.watched.map((one) => (one.path === path ? { ...one, content } : one));
  const snapshot = withContents(observation.snapshot, new Map([[path, content]]));
  const seen = new Map([...configuration.seen, [path, content]]);
  return {
    ...state,
    observation: { ...observation, watched, snapshot },
    configuration: { ...configuration, seen },
  };
}

/**
 * A source is not there, or empty, when the container starts, though its target holds what was there before: vanished is
 * not new (specification 4.5 and 5, *start*), so that counts.
 */
export function keepVanished(state: State, path: string, content: Content, turn: Turn): State {
  const kept = keepShown(state, path, content);
  const { observation } = kept;
  const watched = observation.watched.map((one) => (one.path === path ? settle(one, 'missing', turn) : one));
  return { ...kept, observation: { ...observation, watched } };
}

/** Looks at those whose writer is waited for, and at what else is due. */
function lookNow(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  return requestLook(state, turn, theseOf(state.observation.waiting)).state;
}

function begin(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  if (state.observation.watched.length > 0 && state.settings.poll > 0)
    setTimer(turn, 'poll', state.settings.poll);
  return { ...state, observation: { ...state.observation, since: turn.at } };
}

function poll(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  setTimer(turn, 'poll', state.settings.poll);
  watchAgain(state, turn);
  const { observation } = state;
  const polls = observation.polls + 1;
  return requestLook({ ...state, observation: { ...observation, polls } }, turn).state;
}

/** The end of a look; of those that were found to lie apart it found nothing that counts. */
function looked(state: State, _part: unknown, event: EventOf<'looked'>, turn: Turn): State {
  const { observation } = state;
  const found = new Map<number, Reading>();
  for (const [order, index] of observation.looking.entries()) {
    const reading = event.readings[order];
    if (reading !== undefined) found.set(index, reading);
  }
  const idle: Observation = {
    ...observation,
    phase: 'idle',
    looking: [],
    ...quietAfter(observation, turn.at),
  };
  const parted = partWatches({ ...state, observation: idle }, found);
  return withNewApart(take(parted.state, parted.readings, turn), found, turn);
}

/** The end of a look at one watch apart. */
function apartLooked(state: State, _part: unknown, event: EventOf<'looked-apart'>, turn: Turn): State {
  const index = state.observation.watched.findIndex(({ path }) => path === event.path);
  const found = new Map([[index, event.reading]]);
  return withNewApart(take(lookedApart(state, event, turn), found, turn), found, turn);
}

/** Begins the looks apart that have become due by what a look found. */
function withNewApart(state: State, found: ReadonlyMap<number, Reading>, turn: Turn): State {
  const request = (watched: Watched) => requestFor(state, watched, false, false);
  return lookApart(state, request, turn, { which: ['new'], among: found });
}

/** Of a thousand watches mostly one is another: a list made by `with` costs a tenth of one that is spread or mapped. */
function withWatched(all: readonly Watched[], news: ReadonlyMap<number, Watched>): readonly Watched[] {
  const [only, ...others] = news;
  if (only !== undefined && others.length === 0) return all.with(...only);
  return all.map((one, index) => news.get(index) ?? one);
}

/** What a look found is kept, by the index of its watch, and told to the others once it can be trusted. */
function take(state: State, found: ReadonlyMap<number, Reading>, turn: Turn): State {
  const { observation, settings } = state;
  const { copied } = observation;
  const looking = [...found.keys()];
  const readings = [...found.values()];
  const preparing = state.child.phase === 'preparing';
  const pending = pendingOf({ ...observation, looking }, readings, preparing, turn.at);
  const news = new Map<number, Watched>();
  const contents = new Map<string, Content>();
  const nowWaiting = new Set(observation.waiting);
  const troubled = new Set(observation.troubled);
  let refusal: Refusal | undefined;
  for (const [order, index] of looking.entries()) {
    const [one, reading] = [observation.watched[index], readings[order]];
    if (one === undefined || reading === undefined) continue;
    const isPending = pending.has(index);
    const unsettledSince = isAtWork(one, reading) ? (one.unsettledSince ?? turn.at) : undefined;
    const next = isPending
      ? { watched: waiting(one, reading, copied, turn.at), refusal: undefined }
      : merge(withWriter(one, unsettledSince), reading, settings.allowEmpty, turn);
    news.set(index, next.watched);
    refusal ??= next.refusal;
    if (next.watched.content !== one.content) contents.set(one.path, contentSeen(next.watched));
    if (isPending) nowWaiting.add(index);
    else nowWaiting.delete(index);
    if (!isPending && wantsRecheck(next.watched)) troubled.add(index);
    else troubled.delete(index);
  }
  const watched = withWatched(observation.watched, news);
  const after: Observation = {
    ...observation,
    watched,
    snapshot: withContents(observation.snapshot, contents),
    waiting: nowWaiting,
    troubled,
  };
  const next = withWatchedPlaces({ ...state, observation: after }, looking, observation.watched, turn);
  if (refusal !== undefined) return refuseOrRetry(next, refusal, turn);
  const pause = Math.max(RELOOK_DELAY, Math.ceil(observation.quietUntil - turn.at));
  if (nowWaiting.size > 0) setTimer(turn, 'relook', pause);
  else setRecheck(next, turn);
  const isUnready = () => pending.size > 0 || watched.some(({ content }) => content === undefined);
  if (isAwaited(after, turn.at) || (preparing && isUnready())) return next;
  const idle = observation.phase === 'idle';
  turn.notices.push({ type: 'content', look: idle ? observation.looks : observation.looks - 1 });
  if (!idle || observation.due.size === 0 || nowWaiting.size > 0) return next;
  return observation.urgent
    ? requestLook(next, turn, observation.due).state
    : lookSoon(next, turn, observation.due, false);
}

/** A watch whose writer was seen at work since then, and which is not waited for. */
function withWriter(watched: Watched, unsettledSince: number | undefined): Watched {
  const { unsettledSince: before, copy } = watched;
  return before === unsettledSince && copy === undefined
    ? watched
    : { ...watched, unsettledSince, copy: undefined };
}

/** A volume is complete in a moment, and what belongs together is told together; who writes a file may never be done. */
function isAwaited({ waiting: all, watched }: Observation, at: number): boolean {
  return [...all].some((index) => {
    const { volume, nested = [], unsettledSince = at } = watched[index] ?? {};
    return (volume !== undefined || nested.length > 0) && at - unsettledSince < VOLUME_PATIENCE;
  });
}

/** Whether it is one that events may never tell of. */
function wantsRecheck(watched: Watched): boolean {
  const { trouble, unsettledSince } = watched;
  return (
    !isFrozen(watched) && (unsettledSince !== undefined || (trouble !== undefined && trouble !== 'missing'))
  );
}

/** Has what events may never tell of looked at again, unless the poll does that sooner. */
function setRecheck({ observation, settings }: State, turn: Turn): void {
  const { recheck, troubled } = observation;
  if (troubled.size > 0 && (settings.poll === 0 || recheck < settings.poll))
    setTimer(turn, 'recheck', recheck);
}

function lookAgain(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  const { observation } = state;
  const recheck = Math.min(observation.recheck * 2, LAST_RECHECK);
  const due = theseOf(observation.troubled);
  return requestLook({ ...state, observation: { ...observation, recheck } }, turn, due).state;
}

/** Reads once more what was read of volumes and not found the same since. */
function confirm(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  const indices = state.observation.watched.flatMap((one, index) => (one.confirmed ? [] : [index]));
  return requestLook(state, turn, theseOf(indices)).state;
}

/** Before the first start there is no last state to keep: what can't be used is bad usage, at once or after a while. */
function refuseOrRetry(state: State, refusal: Refusal, turn: Turn): State {
  if (refusal.final || turn.at - state.observation.since >= START_PATIENCE) {
    turn.notices.push({ type: 'unusable', refusal: refusal.text });
    return state;
  }
  setTimer(turn, 'relook', START_RETRY_DELAY);
  return { ...state, observation: { ...state.observation, due: allOf(state.observation) } };
}

/** Events come again from everywhere. What happened before they did is not known, hence the look. */
function eventsAreBack(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  return requestLook(watching(state, turn), turn).state;
}

/** A file server answers again that had stopped. */
function serverIsBack(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  return requestLook(state, turn).state;
}

/** The watches that something may have changed for; `true`: at the root of its volume, and nowhere else. */
function concerned({ observation, settings }: State, { changes }: EventOf<'hint'>): Due {
  if (changes === undefined) return allOf(observation);
  let due: Due = new Map();
  for (const [path, names] of changes) {
    for (let spot = observation.places.get(path); spot !== undefined; spot = spot.next) {
      const { watch: index, place } = spot;
      if (![...names].some((name) => counts(place, name, settings.ignore))) continue;
      const isRoot = observation.watched[index]?.volume?.root === path && observation.copied.size === 0;
      due = together(due, new Map([[index, isRoot]]));
    }
  }
  return due;
}

/** Whether anything of what events tell of counts. A busy neighbour asks that a few hundred times a second. */
export function doesCount({ observation, settings }: State, { changes }: EventOf<'hint'>): boolean {
  if (changes === undefined) return true;
  for (const [path, names] of changes)
    for (let spot = observation.places.get(path); spot !== undefined; spot = spot.next)
      for (const name of names) if (counts(spot.place, name, settings.ignore)) return true;
  return false;
}

function hint(state: State, _part: unknown, event: EventOf<'hint'>, turn: Turn): State {
  const due = concerned(state, event);
  if (due.size === 0) return state;
  log(turn, 'trace', 'watch.hint', 'something may have changed');
  // An event tells of the directory, not of what lies in a generation, which is read once more to be confirmed. A
  // kubelet makes two events before each swap: a reading for each would be in the way of the one that counts.
  const { observation } = withLinks(state, event.links ?? new Map());
  const next = { ...state, observation: { ...observation, recheck: FIRST_RECHECK } };
  return lookSoon(next, turn, due, true);
}

type ObservationKey =
  | 'begin'
  | 'hint'
  | 'watching'
  | 'watch-failed'
  | 'watch-lost'
  | 'looked'
  | 'looked-apart'
  | 'answering'
  | 'timer:confirm'
  | 'timer:poll'
  | 'timer:recheck'
  | 'timer:relook';

const anywhere = {
  hint,
  watching: eventsAreBack,
  'watch-failed': watchFailed,
  'watch-lost': (state: State, _part: unknown, { paths }: EventOf<'watch-lost'>, turn: Turn) => {
    const { state: after, due } = lost(state, paths);
    return lookSoon(after, turn, due, false);
  },
  'looked-apart': apartLooked,
  answering: serverIsBack,
  'timer:poll': poll,
  'timer:relook': lookNow,
  'timer:confirm': confirm,
  'timer:recheck': lookAgain,
} as const;

/** What looking does with each event. */
export const OBSERVATION: Table<Observation, ObservationKey> = {
  idle: { ...anywhere, begin, looked: 'impossible' },
  looking: { ...anywhere, begin: 'impossible', looked },
};
