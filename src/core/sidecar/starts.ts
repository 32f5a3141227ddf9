import { changedPaths, sameSnapshot } from '../files/snapshot.ts';
import type { Child, Found } from '../state/child.ts';
import type { State } from '../state/state.ts';
import { type EventOf, log, setTimer, type Turn } from '../state/turn.ts';
import { withChild } from '../supervision/child.ts';
import { textOfBytes } from '../text/bytes.ts';
import { PROCESS } from './others.ts';
import { ENOUGH_ANSWERS, overdueFirst } from './overdue.ts';
import {
  awaitingRestart,
  hasRead,
  isDoubtful,
  isDoubtfulFirst,
  keepDoubt,
  keepNow,
  MOST_MAINS,
  ownPlace,
  withMain,
  withPod,
  withRoomFor,
} from './pod.ts';
import { isPending, isRead, keepAnew, startedAgain } from './restarted.ts';
import { awaited, isSeenByProcesses } from './unwell.ts';

/*
 * `unhealthy`: the application is restarted by its kubelet, since `/livez` is 503, and what each start of it has read. What
 * was seen before a probe was answered so is read by the next start; so is what was seen some time before the start was told.
 */

type Running = Extract<Child, { phase: 'running' }>;
type Stopping = Extract<Child, { phase: 'stopping' }>;

/** So long after its watch has begun a sidecar takes each hook for a start that matters, ms. */
const FIRST_MINUTE = 60_000;

/** Where processes tell of a start they are looked at this often, ms. */
const LOOK_INTERVAL = 1_000;

/** Since when the content is what it is. */
export function noteSeen(state: State, _child: Child, _event: unknown, turn: Turn): State {
  const { seen } = state.configuration;
  const { pod } = state;
  if (pod.seen !== undefined && sameSnapshot(pod.seen, seen)) return state;
  if (pod.seen !== undefined) {
    // No probe was answered for this.
    const answered = Number.NEGATIVE_INFINITY;
    const none = new Map([...pod.mains].map(([name, main]) => [name, { ...main, answered: undefined }]));
    const known = withPod(state, { seen, seenAt: turn.at, changed: true, answered, mains: none });
    return pod.answeredFor === undefined ? known : keepDoubt(known, turn);
  }
  const { found } = pod;
  const isSame = (one: Found) => seen.get(one.path)?.digest === one.digest;
  const changed = !found.every((one) => one.still && isSame(one));
  const known = found.every((one) => one.answered && isSame(one));
  if (found.length === 0 || !known) return withPod(state, { seen, seenAt: turn.at, changed });
  // An earlier life saw it, and answered probes since.
  const { answered = [], anew = [] } = pod.kept ?? {};
  const mains = new Map(
    [...pod.mains].map(([name, main]) => {
      const since = answered.includes(name) ? turn.at : undefined;
      const started = anew.includes(name) ? turn.at : undefined;
      return [name, { ...main, answered: since ?? started, started }];
    }),
  );
  return withPod(state, { seen, seenAt: turn.at, answered: turn.at, mains, answeredFor: seen });
}

/** From now on probes are answered that the application is not well. */
export function sicken(state: State, child: Running, event: EventOf<'stop-child'>, turn: Turn): State {
  // Of several some may have read it by themselves.
  const mains = new Map(
    [...state.pod.mains].map(([name, main]) => {
      const started = hasRead(state, main) ? main.started : undefined;
      return [name, { ...main, count: 0, started }];
    }),
  );
  const sickened = withPod(state, { mains, before: [] });
  const stopping = awaitingRestart(child, event.afterwards);
  const { shared } = state.pod;
  const known = awaited(mains).filter(({ started }) => started !== undefined).length;
  if (known > 0 && known === awaited(mains).length) return startedAgain(sickened, stopping, turn);
  const message = '/livez says that the application is not well, so that it is restarted';
  log(turn, 'info', 'sidecar.unhealthy', message);
  if (isSeenByProcesses(mains, shared)) turn.effects.push({ type: 'see-others', own: ownPlace(state) });
  // Of those that are waited for none may exist.
  else if (shared || known > 0) setTimer(turn, 'start', state.settings.readyTimeout);
  return withChild(sickened, stopping);
}

/** Processes of others, which tell of a start where nothing else does. */
export function sawShared(state: State, _child: Child, { others }: EventOf<'others'>): State {
  return withPod(state, { shared: others.some((one) => one.startsWith(PROCESS)) });
}

export function sawOthers(state: State, child: Stopping, { others }: EventOf<'others'>, turn: Turn): State {
  const { before, mains, shared } = state.pod;
  if (typeof child.afterwards === 'object' || !isSeenByProcesses(mains, shared)) return state;
  const now = others.filter((one) => one.startsWith(PROCESS));
  const gone = before.some((one) => !now.includes(one));
  const fresh = now.some((one) => !before.includes(one));
  if (before.length > 0 && gone && fresh) {
    log(turn, 'info', 'sidecar.main_started', 'the application was started anew, as its processes tell');
    return startedAgain(state, child, turn);
  }
  setTimer(turn, 'group', LOOK_INTERVAL);
  return before.length > 0 ? state : withPod(state, { before: now });
}

export function lookAtOthers(state: State, _child: Stopping, _event: unknown, turn: Turn): State {
  turn.effects.push({ type: 'see-others', own: ownPlace(state) });
  return state;
}

/** A probe was answered that it is not well: whatever was seen by now is read by the next start. */
export function unwellAnswered(
  before: State,
  child: Running | Stopping,
  { name }: EventOf<'unwell-answered'>,
  turn: Turn,
): State {
  const { mains } = before.pod;
  const isFull = mains.size >= MOST_MAINS && [...mains.values()].every(({ hooked }) => hooked);
  if (isFull && !mains.has(name)) return before;
  const count = (mains.get(name)?.count ?? 0) + 1;
  // Who asks is waited for.
  const overdue = child.phase === 'running' && mains.get(name)?.overdue === true;
  const state = withPod(withMain(withRoomFor(before, name), name, { answered: turn.at, count, overdue }), {
    answered: turn.at,
  });
  if (child.phase === 'stopping' && count === ENOUGH_ANSWERS)
    setTimer(turn, 'start', state.settings.readyTimeout);
  const { seen } = state.configuration;
  const { answeredFor } = state.pod;
  const isNew = answeredFor === undefined || !sameSnapshot(answeredFor, seen);
  const isKept = !isNew && state.pod.kept?.answered.includes(name) === true;
  if (isKept || !(isPending(state) || overdue)) return state;
  return withPod(keepNow(state, 'answered', seen, {}, turn), { answeredFor: seen });
}

/** A hook was heard while the application is to be restarted. */
export function startedWhileUnwell(
  before: State,
  child: Stopping,
  { name }: EventOf<'main-started'>,
  turn: Turn,
): State {
  const state = heard(before, name, turn);
  const main = state.pod.mains.get(name);
  if (typeof child.afterwards === 'object' || main === undefined) return state;
  const back = withMain(state, name, { started: turn.at, overdue: false });
  const first = isFirst(state, turn) && isRead(back);
  if (main.count === 0 && (main.answered ?? Number.NEGATIVE_INFINITY) < state.pod.seenAt && !first)
    return keepDoubt(ignored(state, name, turn), turn);
  tellStarted(name, turn);
  if (awaited(back.pod.mains).every(({ started }) => started !== undefined))
    return startedAgain(back, child, turn);
  // The others have their time from now on.
  setTimer(turn, 'start', state.settings.readyTimeout);
  return keepAnew(back, turn);
}

/** A hook was heard while all is well: a start of its own accord, that of the pod, or one that an earlier life led to. */
export function startedWhileWell(
  before: State,
  child: Running,
  { name }: EventOf<'main-started'>,
  turn: Turn,
): State {
  const state = heard(before, name, turn);
  const main = state.pod.mains.get(name);
  if (main === undefined) return state;
  const pending = isPending(state);
  // A start of its own accord may have read what was there for a moment only, and is gone again.
  if (!pending && isDoubtful(state, turn)) return doubted(ignored(state, name, turn), turn);
  if (!pending && before.pod.mains.get(name)?.hooked !== true && isDoubtfulFirst(state, turn))
    return overdueFirst(state, name, turn);
  const answered = main.answered !== undefined && (!pending || main.answered >= state.pod.seenAt);
  const back = withMain(state, name, { started: turn.at, overdue: false });
  const alone = awaited(back.pod.mains).length === 1;
  // What is told as bad may only have been late: that is found out anew.
  const late = !pending && state.configuration.degraded !== undefined;
  const started = { ...main, started: turn.at };
  const counts = (answered || late || isFirst(state, turn)) && (!pending || hasRead(state, started));
  if (!counts) return pending ? doubted(ignored(state, name, turn), turn) : ignored(state, name, turn);
  tellStarted(name, turn);
  if (
    alone ||
    late ||
    (pending && awaited(back.pod.mains).every((one) => one.started !== undefined && hasRead(back, one)))
  )
    return startedAgain(back, child, turn);
  if (pending) return keepAnew(back, turn);
  return main.overdue ? keepNow(back, 'note', new Map(), {}, turn) : back;
}

/** It is not known any more what the application has read: whatever is there is told. */
function doubted(state: State, turn: Turn): State {
  const { seen, told, unanswered = [] } = state.configuration;
  const differ = [...new Set([...unanswered, ...changedPaths(told, seen)])].sort();
  turn.notices.push({ type: 'change-missed', paths: differ.length > 0 ? differ : [...seen.keys()] });
  return keepDoubt(state, turn);
}

function isFirst({ pod }: State, turn: Turn): boolean {
  return turn.at - pod.began <= FIRST_MINUTE;
}

/** Who tells of a start once does so at each. */
export function heard(state: State, name: string, turn: Turn): State {
  if (state.pod.mains.get(name)?.hooked === true) return state;
  return keepNow(withMain(withRoomFor(state, name), name, { hooked: true }), 'note', new Map(), {}, turn);
}

function tellStarted(name: string, turn: Turn): void {
  const who = name === '' ? 'the application' : textOfBytes(name);
  log(turn, 'info', 'sidecar.main_started', `${who} was started anew, as its hook tells`);
}

function ignored(state: State, name: string, turn: Turn): State {
  const path = name === '' ? '/started' : `/started/${textOfBytes(name)}`;
  const message = `${path} was asked for, and changes nothing: no probe was answered with 503 since the change`;
  log(turn, 'info', 'sidecar.start_ignored', message, { path });
  return state;
}
