import { type Snapshot, sameSnapshot } from '../files/snapshot.ts';
import { SIGTERM } from '../process/signals.ts';
import type { Afterwards, Child, Kept, Main, Pod } from '../state/child.ts';
import type { Effect, OwnPlace } from '../state/effect.ts';
import type { State } from '../state/state.ts';
import { type EventOf, log, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';
import { isHookAwaited } from './unwell.ts';

/* What a sidecar knows of its pod, and what of that it keeps for its next life. */

/** What a sidecar is in while its pod is to be restarted: it has no process of its own to stop. */
export function awaitingRestart(
  { pid, since }: Extract<Child, { phase: 'running' }>,
  afterwards: Afterwards,
): Extract<Child, { phase: 'stopping' }> {
  return { phase: 'stopping', pid, since, afterwards, sent: SIGTERM, toGroup: false, killing: false };
}

export function withPod(state: State, change: Partial<Pod>): State {
  return { ...state, pod: { ...state.pod, ...change } };
}

export const NEW_MAIN: Main = {
  hooked: false,
  answered: undefined,
  count: 0,
  started: undefined,
  overdue: false,
};

export function withMain(state: State, name: string, change: Partial<Main>): State {
  const { mains } = state.pod;
  const main = { ...(mains.get(name) ?? NEW_MAIN), ...change };
  return withPod(state, { mains: new Map([...mains, [name, main]]) });
}

/** So many main containers there may be: names come from whoever asks. */
export const MOST_MAINS = 16;

/** Room for one more: of too many the last one goes of which least is known, as it may be made up. */
export function withRoomFor(state: State, name: string): State {
  const { mains } = state.pod;
  if (mains.has(name) || mains.size < MOST_MAINS) return state;
  const newest = [...mains].reverse();
  const unknown =
    newest.find(([, { hooked }]) => !hooked) ?? newest.find(([, { answered }]) => answered === undefined);
  const [gone] = unknown ?? newest[0] ?? [];
  return withPod(state, { mains: new Map([...mains].filter(([one]) => one !== gone)) });
}

export function ownPlace({ settings, identity }: State): OwnPlace {
  return { port: settings.listen?.port, network: identity.ownName };
}

/** What a first life has of an earlier one. */
export const NOTHING_KEPT: Kept = {
  paths: [],
  ended: 0,
  code: 0,
  others: [],
  alone: 0,
  interval: 0,
  hooks: [],
  answered: [],
  anew: [],
  overdue: [],
};

type Keep = Extract<Effect, { type: 'keep' }>;

/** Keeps what is known by now, if there is a place for that. */
export function keepNow(
  state: State,
  as: Keep['as'],
  content: Snapshot,
  change: Partial<Kept>,
  turn: Turn,
): State {
  const directory = state.settings.pod?.state;
  if (directory === undefined) return state;
  const { keeping, seenAt } = state.pod;
  const hooks = namesOf(state, ({ hooked }) => hooked);
  const answered = namesOf(state, (main) => main.answered !== undefined && main.answered >= seenAt);
  const anew = namesOf(state, (main) => main.started !== undefined && hasRead(state, main));
  const overdue = namesOf(state, (main) => main.overdue);
  const kept: Kept = { ...(state.pod.kept ?? NOTHING_KEPT), ...change, hooks, answered, anew, overdue };
  const effect: Keep = { type: 'keep', directory, kept, as, content, own: ownPlace(state) };
  // Before the answer goes: the next life must not have it restarted for the same content again.
  if (as === 'answered') turn.effects.unshift(effect);
  else turn.effects.push(effect);
  return withPod(state, { kept, keeping: keeping + 1 });
}

export function tellKept(before: State, _child: Child, { errno }: EventOf<'kept'>, turn: Turn): State {
  const state = withPod(before, { keeping: before.pod.keeping - 1 });
  if (errno === undefined) return state;
  const name = textOfBytes(state.settings.pod?.state ?? '');
  const message = `--state ${name}: nothing can be kept there (${errno}); the next life will not know what this one did`;
  log(turn, 'warn', 'sidecar.not_kept', message, { errno });
  return state;
}

function namesOf({ pod }: State, is: (main: Main) => boolean): readonly string[] {
  return [...pod.mains].flatMap(([name, main]) => (is(main) ? [name] : []));
}

/** Whether its last start has read what is there now. */
export function hasRead({ pod }: State, { answered = Number.NEGATIVE_INFINITY, started = 0 }: Main): boolean {
  return pod.seenAt <= answered || pod.seenAt <= started - START_TIME;
}

/** From the beginning of a container's start to its hook no more time goes by, ms. */
export const START_TIME = 30_000;

/** Whether a start now may have read other content than what is there: that was seen shortly before, after the last answer. */
export function isDoubtful({ pod }: State, turn: Turn): boolean {
  return pod.changed && pod.seenAt > pod.answered && pod.seenAt > turn.at - START_TIME;
}

/** Whether a start that is told of now for the first time may have read something older, whoever else was restarted since. */
export function isDoubtfulFirst({ pod }: State, turn: Turn): boolean {
  return pod.changed && !pod.shared && pod.seenAt > turn.at - START_TIME;
}

/** Stands for what an earlier life kept as told. */
export const OF_EARLIER: Snapshot = new Map();

/** At the end of each step: what the application was told, or has read, is kept, since it outlives this sidecar. */
export function keepTold(state: State, turn: Turn): State {
  const { configuration, child, pod, settings } = state;
  const { seen, told, unanswered, progress } = configuration;
  if (settings.pod?.state === undefined || (child.phase !== 'running' && child.phase !== 'stopping'))
    return state;
  const isNoted = pod.noted !== undefined && pod.noted !== OF_EARLIER;
  if (unanswered !== undefined) return isNoted ? keepDoubt(state, turn) : state;
  if (child.phase === 'stopping' || progress.phase === 'baseline' || progress.phase === 'acting')
    return state;
  if (pod.noted !== undefined && sameSnapshot(pod.noted, told)) return state;
  // One of several has not started in time: that the others have read what is there is known, and kept already.
  const isFor = pod.answeredFor !== undefined && sameSnapshot(pod.answeredFor, seen);
  if (isFor && !sameSnapshot(told, seen)) return state;
  // What a start has read that is yet to be told is not known here, nor is it to be in the next life.
  if (isHookAwaited(state) && isDoubtful(state, turn)) return state;
  const kept = keepNow(state, 'told', told, {}, turn);
  const late = [...pod.mains.values()].some(({ overdue, answered }) => overdue && answered !== undefined);
  return withPod(kept, { noted: told, answeredFor: late ? told : undefined });
}

/** What the application has read is not known. Whose probe was answered for what is there still is, and has to start to read it. */
export function keepDoubt(state: State, turn: Turn): State {
  const { noted, answeredFor } = state.pod;
  const { seen } = state.configuration;
  const isFor = answeredFor !== undefined && sameSnapshot(answeredFor, seen);
  if (noted === undefined && (isFor || answeredFor === undefined)) return state;
  const kept = keepNow(state, isFor ? 'doubt' : 'unknown', seen, {}, turn);
  return withPod(kept, { noted: undefined, answeredFor: isFor ? answeredFor : undefined });
}
