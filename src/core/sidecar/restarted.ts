import { changedPaths, sameSnapshot } from '../files/snapshot.ts';
import type { Child } from '../state/child.ts';
import type { State } from '../state/state.ts';
import { clearTimers, log, setTimer, type Turn } from '../state/turn.ts';
import { withChild } from '../supervision/child.ts';
import { textOfBytes } from '../text/bytes.ts';
import { hasRead, keepNow, NEW_MAIN, withPod } from './pod.ts';
import { awaited } from './unwell.ts';

/* What starts of the application come to: all that was awaited, or some of several. */

type Running = Extract<Child, { phase: 'running' }>;
type Stopping = Extract<Child, { phase: 'stopping' }>;

/** Whether there is content that the application was not told, or may not have read. */
export function isPending({ child, configuration: { seen, told, unanswered } }: State): boolean {
  return child.phase === 'stopping' || unanswered !== undefined || !sameSnapshot(told, seen);
}

/** Whether all starts have read what is there now. */
export function isRead(state: State): boolean {
  return awaited(state.pod.mains).every((main) => hasRead(state, main));
}

/** Of several one has started on what a probe was answered for: it is not to be started again for it. */
export function keepAnew(state: State, turn: Turn): State {
  const { answeredFor } = state.pod;
  if (answeredFor === undefined || !sameSnapshot(answeredFor, state.configuration.seen)) return state;
  return keepNow(state, 'note', new Map(), {}, turn);
}

/** All that was to be started is: what it has read is what it was told, as far as that is known. */
export function startedAgain(before: State, child: Running | Stopping, turn: Turn): State {
  const { configuration, settings, pod } = before;
  const { seen, told, unanswered = [], next, progress } = configuration;
  const read = awaited(pod.mains).length > 0 ? isRead(before) : pod.seenAt <= pod.answered;
  const sure = read || !isPending(before);
  const paths = progress.phase === 'acting' ? progress.reload.paths : [];
  const unsure = [...new Set([...paths, ...unanswered, ...changedPaths(told, seen)])].sort();
  // Where one of several has not read it, those that have are not to be started again for it.
  const mains = new Map(
    [...pod.mains].map(([name, main]) => {
      const stays = !sure && main.started !== undefined && hasRead(before, main);
      if (stays) return [name, { ...main, count: 0 }];
      const { hooked } = main;
      const overdue = main.overdue && main.started === undefined;
      return [name, { ...NEW_MAIN, hooked, overdue, answered: overdue ? main.answered : undefined }];
    }),
  );
  const answeredFor = sure ? undefined : pod.answeredFor;
  const state: State = {
    ...withPod(before, { mains, answeredFor, noted: undefined }),
    configuration: { ...configuration, next: { ...next, snapshot: sure ? seen : told } },
  };
  clearTimers(turn, 'start', 'group', 'drain', 'verify-start');
  if (sure) tellOverdue(before, turn);
  turn.notices.push(sure ? { type: 'child-starting' } : { type: 'child-starting', unsure });
  turn.notices.push({ type: 'child-started', why: child.phase === 'stopping' ? 'reload' : 'on-exit' });
  const { verify, ready } = settings;
  const verified = verify === 0 && ready === undefined;
  if (verify > 0) setTimer(turn, 'verify-start', verify);
  else if (verified) turn.notices.push({ type: 'child-verified' });
  return withChild(sure ? state : keepAnew(state, turn), {
    phase: 'running',
    pid: child.pid,
    since: turn.at,
    stayed: verify === 0,
    verified,
  });
}

/** With each change: whom nobody waits for, though it may be there. */
export function tellOverdue({ pod }: State, turn: Turn): void {
  for (const [name, { overdue, started }] of pod.mains) {
    if (!overdue || started !== undefined) continue;
    const path = livezOf(name);
    const message = `${path} was not asked for since the change, or no start followed: nobody waits for that; it is 503 once it is asked for`;
    log(turn, 'warn', 'sidecar.main_overdue', message, { path });
  }
}

/** Where the probe of a main container asks. */
export function livezOf(name: string): string {
  return name === '' ? '/livez' : `/livez/${textOfBytes(name)}`;
}
