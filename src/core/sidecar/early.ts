import { changedPaths, sameSnapshot } from '../files/snapshot.ts';
import type { Child } from '../state/child.ts';
import type { State } from '../state/state.ts';
import type { EventOf, Turn } from '../state/turn.ts';
import { content } from '../supervision/starting.ts';
import { isDoubtful, keepDoubt, keepNow, MOST_MAINS, withMain, withPod } from './pod.ts';
import { keepAnew } from './restarted.ts';
import { heard, noteSeen } from './starts.ts';
import { awaited, isHookAwaited } from './unwell.ts';

/*
 * What comes before a sidecar has begun to watch: its port is open by then, and the first check, or the wait for a slot, may take
 * long. The application is not kept from starting meanwhile.
 */

/** A hook is heard once it is known what there is to be read, and is kept as soon as it is known what was kept before. */
export function startedEarly(
  before: State,
  child: Child,
  { name }: EventOf<'main-started'>,
  turn: Turn,
): State {
  const { early } = before.pod;
  if (early.includes(name)) return before;
  const state = withPod(before, { early: [...early.slice(0, MOST_MAINS - 1), name] });
  return child.phase === 'preparing' ? readEarly(heard(state, name, turn), turn) : state;
}

/** What a start has read is kept at once, as far as it is known: this life may end before it says so. */
function readEarly(state: State, turn: Turn): State {
  const { answeredFor, early, mains } = state.pod;
  const { seen } = state.configuration;
  if (early.length === 0 || seen.size === 0) return state;
  if (answeredFor === undefined || !sameSnapshot(answeredFor, seen))
    return isDoubtful(state, turn) ? withPod(keepDoubt(state, turn), { unread: [...seen.keys()] }) : state;
  // Whose probe was answered for what is there has read it, as it has started since.
  const started = early.reduce(
    (known, name) =>
      mains.get(name)?.answered === undefined
        ? known
        : withMain(known, name, { started: turn.at, overdue: false }),
    state,
  );
  const all = awaited(started.pod.mains).every((main) => main.started !== undefined);
  if (!all) return keepAnew(started, turn);
  return withPod(keepNow(started, 'told', seen, {}, turn), { noted: seen });
}

/** What was there first, the application may have read, whatever is checked in its stead. */
export function seenEarly(
  before: State,
  child: Extract<Child, { phase: 'preparing' }>,
  event: EventOf<'content'>,
  turn: Turn,
): State {
  const { seen: was, unread, noted, owed } = before.pod;
  const now = noteSeen(before, child, event, turn);
  const { seen } = now.configuration;
  const paths = was === undefined ? [] : changedPaths(was, seen);
  // This life may end before the first check does, and the application start on it before the next life begins.
  const isFirst = was === undefined && noted === undefined && owed.length === 0;
  const state = isFirst ? withPod(keepNow(now, 'told', seen, {}, turn), { noted: seen }) : now;
  const all = state.pod.early.reduce((known, name) => heard(known, name, turn), state);
  const known = withPod(all, { unread: [...new Set([...unread, ...paths])].sort() });
  return content(readEarly(known, turn), child, event, turn);
}

/** At the first moment at which it can be answered for. */
export function tellEarly(state: State, turn: Turn): void {
  const { early, mains, unread } = state.pod;
  if (unread.length === 0) {
    // Of those that are known to have read it one word is enough: it may be that of the last of all.
    const known = early.filter((name) => mains.get(name)?.started !== undefined);
    const others = early.filter((name) => !known.includes(name));
    for (const name of [...others, ...known.slice(-1)]) turn.notices.push({ type: 'main-started', name });
    return;
  }
  // A hook that is yet to come tells of a start that has read all of it, or may not have.
  if (early.length > 0 || !isHookAwaited(state)) turn.notices.push({ type: 'change-missed', paths: unread });
}
