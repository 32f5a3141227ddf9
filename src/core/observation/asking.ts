import type { Known, ReadingRequest } from '../files/reading.ts';
import type { Due, Observation, Watched } from '../state/observed.ts';
import type { Settings } from '../state/settings.ts';
import type { State } from '../state/state.ts';
import { setTimer, type Turn } from '../state/turn.ts';
import { overlapping } from './overlapping.ts';
import { joinWatches, lookApart } from './remote.ts';
import { isFrozen } from './watched.ts';

/* What is asked of a look, and when. */

/** Each so many polls all is read whole: what was written through a mapping of a file may have left its times as they were. */
const WHOLE_POLLS = 10;

/** So many places are worth being kept where they are the same: there may be ten thousand. */
const MANY_PLACES = 100;

/** Looks are never closer together than this part of what the last one took (specification 4.3). */
const PAUSE_PART = 0.1;
/**
 * Who writes without end (a log below a watch) must not keep a core busy: once looks have taken this long, ms, they take no
 * more than this part of the time. A pause for that is no longer than the usual settle time, or some times the look.
 */
const ALLOWANCE = 100;
const SHARE = 0.05;
const LONGEST_PAUSE = 250;
const LOOKS_PAUSED = 4;

export function allOf({ watched }: Observation): Due {
  return new Map(watched.map((_, index) => [index, false]));
}

export function theseOf(indices: Iterable<number>): Due {
  return new Map([...indices].map((index) => [index, false]));
}

/** Takes together what is to be looked at. */
export function together(one: Due, other: Due): Due {
  if (one.size === 0) return other;
  const all = new Map(one);
  for (const [index, atRoot] of other) all.set(index, atRoot && (one.get(index) ?? true));
  return all;
}

/** By the settings, which watches overlap. */
const OVERLAPPING = new WeakMap<Settings, ReturnType<typeof overlapping>>();

/**
 * Watches that overlap are looked at together: what changed below several of them is one change, though the events that
 * tell of it may come one by one.
 */
function withOverlapping({ settings, observation: { watched } }: State, due: Due): Due {
  if (due.size === watched.length) return due;
  const groups = OVERLAPPING.get(settings) ?? overlapping(watched.map(({ path }) => path));
  OVERLAPPING.set(settings, groups);
  const others = [...due.keys()].flatMap((index) => groups[index] ?? []).filter((index) => !due.has(index));
  return others.length === 0 ? due : together(theseOf(others), due);
}

/**
 * Begins a look at all watches, or at what is due, or has one follow the present one; returns its number, by which its
 * `content` notice is known.
 *
 * @param trusting takes a generation that was read whole for what it was, though it is not confirmed yet
 */
export function requestLook(
  before: State,
  turn: Turn,
  due: Due = allOf(before.observation),
  trusting = false,
): { readonly state: State; readonly look: number } {
  const all = withOverlapping(before, together(before.observation.due, due));
  const joined = before.observation.phase === 'looking' ? before : joinWatches(before, all);
  const request = (watched: Watched, index: number) =>
    requestFor(joined, watched, all.get(index) === true, trusting);
  const state = lookApart(joined, request, turn, { among: all });
  const { observation } = state;
  const look = observation.looks + 1;
  // Those that lie apart are looked at by themselves, and hold up none of the others.
  const own = new Map([...all].filter(([index]) => observation.watched[index]?.apart === 'no'));
  if (observation.phase === 'looking') {
    return { state: { ...state, observation: { ...observation, due: own, urgent: true } }, look };
  }
  const looking = [...own.keys()].sort((one, other) => one - other);
  turn.effects.push({
    type: 'look',
    requests: looking.flatMap((index) => {
      const watched = observation.watched[index];
      return watched === undefined ? [] : [request(watched, index)];
    }),
  });
  const begun = {
    phase: 'looking',
    looks: look,
    looking,
    due: NOTHING_DUE,
    urgent: false,
    began: turn.at,
  } as const;
  return { state: { ...state, observation: { ...observation, ...begun } }, look };
}

const NOTHING_DUE: Due = new Map();

/** Looks at what events tell of, at once or when the last look is over long enough. */
export function lookSoon(state: State, turn: Turn, due: Due, trusting: boolean): State {
  const { observation } = state;
  const left = observation.quietUntil - turn.at;
  if (observation.phase !== 'looking') {
    if (left < 1) return requestLook(state, turn, due, trusting).state;
    setTimer(turn, 'relook', Math.ceil(left));
  }
  return { ...state, observation: { ...observation, due: together(observation.due, due) } };
}

/** What looks have taken that is not made up for by the time since, and until when events lead to no other. */
export function quietAfter(
  { began, ended, taken: before }: Observation,
  at: number,
): Pick<Observation, 'ended' | 'taken' | 'quietUntil'> {
  const took = at - began;
  const taken = Math.max(before - (began - ended) * SHARE, 0) + took;
  const owed = Math.max(taken - ALLOWANCE, 0) / SHARE;
  const pause = Math.min(owed, Math.max(LONGEST_PAUSE, took * LOOKS_PAUSED));
  const quietUntil = at + Math.max(took * PAUSE_PART, pause);
  return { ended: at, taken: Math.min(taken, ALLOWANCE + took), quietUntil };
}

/**
 * A volume that has not moved is told by its link alone, once what was read of it has been confirmed, or is trusted; never
 * if its writer is one that goes on where the link leads to already.
 */
export function requestFor(
  { observation, settings, configuration }: State,
  watched: Watched,
  atRoot: boolean,
  trusting: boolean,
): ReadingRequest {
  const { copied, polls } = observation;
  const { path, capture, known, confirmed, volume, points } = watched;
  const isCopied = copied.has(volume?.root ?? '');
  const told = configuration.told.get(path);
  const request: ReadingRequest = {
    path,
    ...(capture ? { capture } : {}),
    ...(told === undefined ? {} : { told }),
    ...(isCopied ? { copied: true } : {}),
    ...(wantsMounts(watched) ? { mounts: true } : points === undefined ? {} : { points }),
    ...(atRoot ? { places: watched.places } : {}),
    ...(watched.places.size > MANY_PLACES ? { before: watched.places } : {}),
    ...(polls % WHOLE_POLLS === WHOLE_POLLS - 1 && !trusting ? { whole: true } : {}),
    ...(settings.allowEmpty ? { allowEmpty: true } : {}),
  };
  if (known === undefined) return request;
  return { ...request, known: (confirmed || trusting) && !isCopied ? known : withoutVolume(known) };
}

function withoutVolume({ volume: _, ...known }: Known): Known {
  return known;
}

/** Mounts are looked at at the start, and where something that was there is not. */
function wantsMounts(watched: Watched): boolean {
  const { content, trouble, volume, unsettledSince } = watched;
  if (isFrozen(watched)) return false;
  return (
    content === undefined || trouble === 'missing' || (volume !== undefined && unsettledSince !== undefined)
  );
}
