import type { Content, Snapshot } from '../files/content.ts';
import type { Reading, ReadingRequest } from '../files/reading.ts';
import { FIRST_RECHECK, type Observation, type Watched } from '../state/observed.ts';
import type { State } from '../state/state.ts';
import { type EventOf, log, setTimer, type Table, type Turn } from '../state/turn.ts';
import { copyOf, isBeingCopied } from './copier.ts';
import {
  lost,
  watchAgain,
  watchFailed,
  watching,
  withLinks,
  withWatchedDirectories,
} from './subscriptions.ts';
import { isVolumeGone, type Merged, merge, NO_CONTENT, type Refusal, settle } from './watched.ts';

/*
 * Room `observation/`: the machine that looks at the watches, and tells what they hold once that can be trusted. May not
 * know what a change leads to.
 */

/** A kubelet volume whose links and generation differ is waited for no longer than this (specification 4.2), ms. */
const VOLUME_PATIENCE = 1_000;
/** Plain files that never rest are taken as they are after this (specification 1, `--settle`), ms. */
const PLAIN_PATIENCE = 10_000;
/** Until the next look when the last one found a writer at work, ms. */
const RELOOK_DELAY = 25;
/** What stays as it is is looked at again later and later, but as often as the default poll does, ms. */
const LAST_RECHECK = 10_000;
/** At start, a watch that can't be read is tried for this long before it is bad usage (specification 4.6), ms. */
const START_PATIENCE = 5_000;
const START_RETRY_DELAY = 250;

/** The content of all watches as it is known; watches that were never read have none. */
export function snapshotOf(observation: Observation): Snapshot {
  return new Map(observation.watched.map((watched) => [watched.path, watched.content ?? NO_CONTENT]));
}

/** A source lost what was seen of it before it could be staged: its last state is then what its target shows. */
export function keepShown(state: State, path: string, content: Content): State {
  const { observation, configuration } = state;
  const watched = observation.watched.map((one) => (one.path === path ? { ...one, content } : one));
  const seen = new Map([...configuration.seen, [path, content]]);
  return {
    ...state,
    observation: { ...observation, watched },
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

/**
 * Begins a look, or has one follow the present one; returns its number, by which its `content` notice is known.
 *
 * @param trusting takes a generation that was read whole for what it was, though it is not confirmed yet
 */
export function requestLook(
  state: State,
  turn: Turn,
  trusting = false,
): { readonly state: State; readonly look: number } {
  const { observation } = state;
  if (observation.phase === 'looking') {
    return { state: { ...state, observation: { ...observation, again: true } }, look: observation.looks + 1 };
  }
  const look = observation.looks + 1;
  turn.effects.push({
    type: 'look',
    requests: observation.watched.map((watched) => requestFor(watched, observation.copied, trusting)),
  });
  return {
    state: { ...state, observation: { ...observation, phase: 'looking', looks: look, again: false } },
    look,
  };
}

/**
 * A volume that has not moved is told by its link alone, once what was read of it has been confirmed, or is trusted; never
 * if its writer is one that goes on where the link leads to already.
 */
function requestFor(watched: Watched, copied: ReadonlySet<string>, trusting: boolean): ReadingRequest {
  const { path, capture, known, confirmed, volume } = watched;
  const isCopied = copied.has(volume?.root ?? '');
  const request = {
    path,
    ...(capture ? { capture } : {}),
    ...(isCopied ? { copied: true } : {}),
    ...(wantsMounts(watched) ? { mounts: true } : {}),
  };
  if (known === undefined) return request;
  const byLink = (confirmed || trusting) && !isCopied;
  return { ...request, known: byLink ? known : { digest: known.digest } };
}

/** Mounts are looked at at the start, and where something that was there is not. */
function wantsMounts({ content, frozen, trouble, volume, unsettledSince }: Watched): boolean {
  if (frozen) return false;
  return (
    content === undefined || trouble === 'missing' || (volume !== undefined && unsettledSince !== undefined)
  );
}

function lookNow(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  return requestLook(state, turn).state;
}

function begin(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  if (state.observation.watched.length > 0 && state.settings.poll > 0)
    setTimer(turn, 'poll', state.settings.poll);
  return { ...state, observation: { ...state.observation, since: turn.at } };
}

function poll(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  setTimer(turn, 'poll', state.settings.poll);
  watchAgain(state, turn);
  return requestLook(state, turn).state;
}

/** The end of a look: what it found is kept, and told to the others once it can be trusted. */
function looked(state: State, _part: unknown, event: EventOf<'looked'>, turn: Turn): State {
  const { observation, settings } = state;
  const preparing = state.child.phase === 'preparing';
  const pending = pendingOf(observation, event.readings, preparing, turn.at);
  const merged = observation.watched.map((one, index): Merged => {
    const reading = event.readings[index];
    if (reading === undefined) return { watched: one, refusal: undefined };
    if (pending.has(one))
      return { watched: waiting(one, reading, observation.copied, turn.at), refusal: undefined };
    const since = isAtWork(one, reading) ? (one.unsettledSince ?? turn.at) : undefined;
    return merge({ ...one, unsettledSince: since, copy: undefined }, reading, settings.allowEmpty, turn);
  });
  const watched = merged.map((one) => one.watched);
  const next = withWatchedDirectories(
    { ...state, observation: { ...observation, phase: 'idle', watched } },
    turn,
  );
  const refusal = merged.find((one) => one.refusal !== undefined)?.refusal;
  if (refusal !== undefined) return refuseOrRetry(next, refusal, turn);
  if (pending.size > 0) setTimer(turn, 'relook', RELOOK_DELAY);
  else setRecheck(next, turn);
  // A volume is complete in a moment, and what belongs together is told together; who writes a file may never be done.
  const awaited = observation.watched.some((one, index) => {
    const { volume, unsettledSince = turn.at } = watched[index] ?? one;
    return pending.has(one) && volume !== undefined && turn.at - unsettledSince < VOLUME_PATIENCE;
  });
  if (awaited || (pending.size > 0 && preparing)) return next;
  turn.notices.push({ type: 'content', look: observation.looks });
  return observation.again && pending.size === 0 ? requestLook(next, turn).state : next;
}

/** Has what events may never tell of looked at again, unless the poll does that sooner. */
function setRecheck({ observation, settings }: State, turn: Turn): void {
  const { recheck, watched } = observation;
  const wanted = watched.some(
    ({ trouble, unsettledSince, frozen }) =>
      !frozen && (unsettledSince !== undefined || (trouble !== undefined && trouble !== 'missing')),
  );
  if (wanted && (settings.poll === 0 || recheck < settings.poll)) setTimer(turn, 'recheck', recheck);
}

function lookAgain(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  const recheck = Math.min(state.observation.recheck * 2, LAST_RECHECK);
  return requestLook({ ...state, observation: { ...state.observation, recheck } }, turn).state;
}

/**
 * The watches whose writer was seen at work and is waited for. What is known of them stays: a restless one is in
 * nobody's way but its own. All watches on one volume wait together, since they are told of one generation.
 */
function pendingOf(
  { watched: all, copied }: Observation,
  readings: readonly Reading[],
  preparing: boolean,
  at: number,
): ReadonlySet<Watched> {
  const roots = new Set<string>();
  const pending = new Set<Watched>();
  for (const [index, watched] of all.entries()) {
    const reading = readings[index];
    if (reading === undefined) continue;
    const copying = isBeingCopied(watched, reading, copied, at);
    if (!copying && !isAtWork(watched, reading)) continue;
    const root = (reading.status === 'read' ? reading.volume : undefined) ?? watched.volume;
    // Nobody waits for a start because of a file that is written all the time.
    const patience = root === undefined && !preparing ? PLAIN_PATIENCE : VOLUME_PATIENCE;
    const moving = reading.status === 'read' && reading.moving;
    if (!moving && !copying && at - atWorkSince(watched, reading, at) >= patience) continue;
    pending.add(watched);
    if (root !== undefined) roots.add(root.root);
  }
  for (const [index, watched] of all.entries()) {
    const reading = readings[index];
    if (reading?.status === 'read' && roots.has(reading.volume?.root ?? '')) pending.add(watched);
  }
  return pending;
}

/** Whether a reading shows a writer at work: it is not settled, or there is no volume where one was. */
function isAtWork(watched: Watched, reading: Reading): boolean {
  return (reading.status === 'read' && !reading.settled) || isVolumeGone(watched, reading);
}

/** When a writer that is at work began, which is anew if it left what was taken as it is and now writes a generation. */
function atWorkSince({ copy, volume, unsettledSince }: Watched, reading: Reading, at: number): number {
  const found = reading.status === 'read' ? reading.volume : undefined;
  const writes = found !== undefined && volume !== undefined && found.generation !== volume.generation;
  return writes && copy === undefined ? at : (unsettledSince ?? at);
}

/** While a writer is at work only the directories of a reading count: events from them tell when it is done. */
function waiting(watched: Watched, reading: Reading, copied: ReadonlySet<string>, at: number): Watched {
  const directories =
    reading.status === 'read' || reading.status === 'missing' ? reading.directories : watched.directories;
  const volume = (reading.status === 'read' ? reading.volume : undefined) ?? watched.volume;
  const copy = copyOf(watched, reading, at);
  // A copier that goes on is waited for from then on.
  const goesOn = copied.has(volume?.root ?? '') && copy !== watched.copy;
  const unsettledSince = goesOn ? at : atWorkSince(watched, reading, at);
  return { ...watched, directories, volume, unsettledSince, copy };
}

/** Before the first start there is no last state to keep: what can't be used is bad usage, at once or after a while. */
function refuseOrRetry(state: State, refusal: Refusal, turn: Turn): State {
  if (refusal.final || turn.at - state.observation.since >= START_PATIENCE) {
    turn.notices.push({ type: 'unusable', refusal: refusal.text });
  } else setTimer(turn, 'relook', START_RETRY_DELAY);
  return state;
}

/** Events come again from everywhere. What happened before they did is not known, hence the look. */
function heard(state: State, _part: unknown, _event: unknown, turn: Turn): State {
  return requestLook(watching(state, turn), turn).state;
}

function hint(state: State, _part: unknown, { links }: EventOf<'hint'>, turn: Turn): State {
  log(turn, 'trace', 'watch.hint', 'something may have changed');
  // An event tells of the directory, not of what lies in a generation, which is read once more to be confirmed. A
  // kubelet makes two events before each swap: a reading for each would be in the way of the one that counts.
  const { observation } = withLinks(state, links ?? new Map());
  return requestLook({ ...state, observation: { ...observation, recheck: FIRST_RECHECK } }, turn, true).state;
}

type ObservationKey =
  | 'begin'
  | 'hint'
  | 'watching'
  | 'watch-failed'
  | 'watch-lost'
  | 'looked'
  | 'timer:confirm'
  | 'timer:poll'
  | 'timer:recheck'
  | 'timer:relook';

const anywhere = {
  hint,
  watching: heard,
  'watch-failed': watchFailed,
  'watch-lost': (state: State, _part: unknown, event: EventOf<'watch-lost'>, turn: Turn) =>
    requestLook(lost(state, event.path), turn).state,
  'timer:poll': poll,
  'timer:relook': lookNow,
  'timer:confirm': lookNow,
  'timer:recheck': lookAgain,
} as const;

/** What looking does with each event. */
export const OBSERVATION: Table<Observation, ObservationKey> = {
  idle: { ...anywhere, begin, looked: 'impossible' },
  looking: { ...anywhere, begin: 'impossible', looked },
};
