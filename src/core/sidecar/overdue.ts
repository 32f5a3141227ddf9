import type { Child, Main } from '../state/child.ts';
import type { State } from '../state/state.ts';
import { clearTimers, log, type Turn } from '../state/turn.ts';
import { withChild } from '../supervision/child.ts';
import { keepNow, ownPlace, withMain, withPod } from './pod.ts';
import { livezOf, startedAgain, tellOverdue } from './restarted.ts';
import { awaited, isSeenByProcesses } from './unwell.ts';

/*
 * What was to be started and has not told of it within `--ready-timeout`. Anyone can make up the name of a container, so nobody
 * waits for one for ever; but none is lost either, as its probe may only be slow.
 */

type Stopping = Extract<Child, { phase: 'stopping' }>;

/** After so many answers the application should have been restarted within `--ready-timeout`. */
export const ENOUGH_ANSWERS = 3;

export function startOverdue(state: State, child: Stopping, _event: unknown, turn: Turn): State {
  const { mains, shared } = state.pod;
  if (isSeenByProcesses(mains, shared)) {
    // Nothing else would tell of a start, and it must not be restarted for ever.
    tellFailed(state, turn);
    return wellAgain(state, child, turn);
  }
  const left = awaited(mains).filter(({ started }) => started === undefined);
  const isFailed = left.some(({ count }) => count >= ENOUGH_ANSWERS);
  if (left.length < awaited(mains).length) {
    const late = withOverdue(state, () => true, turn);
    if (!isFailed) return startedAgain(late, child, turn);
    tellOverdue(late, turn);
    tellFailed(state, turn);
    return wellAgain(late, child, turn);
  }
  if (shared && left.every(({ count }) => count === 0)) return byProcesses(state, turn);
  if (!isFailed) return state;
  const late = withOverdue(state, ({ count }) => count === 0, turn);
  tellOverdue(late, turn);
  tellFailed(state, turn);
  return late;
}

function tellFailed({ settings }: State, turn: Turn): void {
  const errno = `/livez was answered ${ENOUGH_ANSWERS} times with 503, and no /started came within ${settings.readyTimeout} ms after that`;
  turn.notices.push({ type: 'start-failed', errno });
}

function wellAgain(state: State, { pid, since }: Stopping, turn: Turn): State {
  clearTimers(turn, 'start', 'group');
  // What has changed meanwhile was held.
  turn.notices.push({ type: 'child-resumed' });
  return withChild(state, { phase: 'running', pid, since, stayed: true, verified: true });
}

/** It has started, and nobody knows on what; the others are not to be restarted for that. */
export function overdueFirst(state: State, name: string, turn: Turn): State {
  const path = livezOf(name);
  const message = `${path} is 503 once it is asked for: what was started may have read what was there before`;
  log(turn, 'info', 'sidecar.main_overdue', message, { path });
  return keepNow(withMain(state, name, { overdue: true }), 'note', new Map(), {}, turn);
}

/** Those that have not started are not waited for any more; when their probes ask, they are to be restarted all the same. */
function withOverdue(state: State, is: (main: Main) => boolean, turn: Turn): State {
  const isLate = (main: Main) => main.hooked && !main.overdue && main.started === undefined && is(main);
  const late = [...state.pod.mains].map(([name, main]) =>
    isLate(main) ? ([name, { ...main, overdue: true }] as const) : ([name, main] as const),
  );
  const mains = new Map(late);
  const isSame = late.every(([name, main]) => state.pod.mains.get(name) === main);
  return isSame ? state : keepNow(withPod(state, { mains }), 'note', new Map(), {}, turn);
}

/** Whoever told of a start is no container of this pod, or does not ask: from now on the processes tell. */
function byProcesses(state: State, turn: Turn): State {
  turn.effects.push({ type: 'see-others', own: ownPlace(state) });
  const mains = new Map([...state.pod.mains].filter(([, { hooked }]) => !hooked));
  return keepNow(withPod(state, { mains, before: [] }), 'note', new Map(), {}, turn);
}
