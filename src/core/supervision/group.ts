import { keyOf, type Relative } from '../process/family.ts';
import { SIGKILL, type Signal, signalName } from '../process/signals.ts';
import { afterExit } from '../reload/interruption.ts';
import { type Afterwards, isEnd } from '../state/child.ts';
import type { State } from '../state/state.ts';
import { type AfterExit, clearTimers, type EventOf, log, setTimer, type Turn } from '../state/turn.ts';
import {
  end,
  endAs,
  type In,
  logDropped,
  logExit,
  logStop,
  prepare,
  sendToRest,
  withChild,
} from './child.ts';
import { eachNamed, leftoversOf, named, seenBefore, tellLeftovers, withStrangers } from './leftovers.ts';
import { backOff, policy } from './on-exit.ts';
import { routeOf } from './routing.ts';
import { clearStop, expectStop, nameWaited, termIgnoring } from './waiting.ts';

/* The end of a child, and of what it leaves: its process group, and in a restart whatever else descends from it. */

/** Delays between looks at a group that is not empty yet: doubled from the first to the last, ms. */
const FIRST_GROUP_DELAY = 5;
const LAST_GROUP_DELAY = 100;

/** A child that exits with 0 within this time of its start may have gone to the background (specification 3), ms. */
const EARLY = 5_000;

/** Waits for what is left to be gone, after having asked it to stop. */
export function group(
  state: State,
  child: In<'clearing' | 'leaving'>,
  event: EventOf<'group'>,
  turn: Turn,
): State {
  if (event.why === 'before' || event.pid !== child.pid) return seenBefore(state, child, event);
  const { members } = event.family;
  const leftovers = leftoversOf(state, event.family);
  const seen = withStrangers(state, event.family);
  if (child.phase === 'leaving') {
    if (members.length === 0) return leave(seen, child, leftovers, turn);
    tellWaiting(members, child.sent, event, turn);
    if (!child.toGroup) sendToRest(turn, child.pid, child.sent, 'stop');
    return paced(seen, { ...child, toGroup: true }, turn);
  }
  const known = child.early ? reportDaemon(child, members.length + leftovers.length > 0, turn) : child;
  // At the end of rehup itself these are told, and not waited for.
  const others = isEnd(known.afterwards) ? [] : leftovers;
  const left = [...members, ...others].filter((one) => !known.refused.includes(keyOf(one)));
  if (left.length === 0) return groupGone(seen, known, leftovers, turn);
  const { stopSignal } = state.settings;
  tellWaiting(left, stopSignal, event, turn);
  if (!known.toGroup && members.length > 0) sendToRest(turn, known.pid, stopSignal, 'stop');
  const unasked = others.filter((one) => !known.asked.includes(keyOf(one)));
  // Those that come to light when the time of the child is over have one of their own.
  const late = known.killing && known.asked.length === 0 && unasked.length > 0;
  if (late) setTimer(turn, 'stop-timeout', state.settings.stopTimeout);
  if (unasked.length > 0) askLeftovers(stopSignal, unasked, turn);
  const killing = known.killing && !late;
  if (killing) killEach(turn, left);
  const asked = [...known.asked, ...unasked.map(keyOf)];
  const toGroup = known.toGroup || members.length > 0;
  return paced(seen, { ...known, toGroup, asked, killing }, turn);
}

function paced(state: State, child: In<'clearing' | 'leaving'>, turn: Turn): State {
  setTimer(turn, 'group', child.pace);
  return withChild(state, { ...child, pace: Math.min(child.pace * 2, LAST_GROUP_DELAY) });
}

/** What was asked about what is left: its names, or who ignores the stop signal. */
function tellWaiting(
  left: readonly Relative[],
  sent: Signal,
  { why, ignoring }: EventOf<'group'>,
  turn: Turn,
): void {
  if (why === 'names') nameWaited(turn, left);
  if (why === 'half') termIgnoring(turn, ignoring, sent);
}

/** Asks what left the group of the old child to stop before a new one is started. */
function askLeftovers(signal: Signal, processes: readonly Relative[], turn: Turn): void {
  const message = `left behind by the old child, and asked to stop by ${signalName(signal)}: ${named(processes)}`;
  log(turn, 'info', 'child.leftovers', message, { processes: eachNamed(processes) });
  turn.notices.push({ type: 'leftovers', processes: eachNamed(processes) });
  turn.effects.push({ type: 'signal-each', processes, signal, purpose: 'stop', wake: true });
}

function killEach(turn: Turn, processes: readonly Relative[]): void {
  turn.effects.push({ type: 'signal-each', processes, signal: SIGKILL, purpose: 'kill', wake: false });
}

/** What became of signals to what is left: who may not be signalled is not waited for. */
export function eachSignalled(
  state: State,
  child: In<'clearing'>,
  { purpose, sent, refused }: EventOf<'each-signalled'>,
  turn: Turn,
): State {
  const fresh = refused.filter((one) => !child.refused.includes(keyOf(one)));
  if (fresh.length > 0) {
    const message = `can't be signalled (EPERM), and not waited for: ${named(fresh)}`;
    log(turn, 'warn', 'child.leftovers', message, { processes: eachNamed(fresh) });
    turn.notices.push({ type: 'leftovers', processes: eachNamed(fresh) });
  }
  const known = { ...child, refused: [...child.refused, ...fresh.map(keyOf)] };
  if (purpose !== 'kill' || sent.length === 0 || child.killed) return withChild(state, known);
  const { stopTimeout } = state.settings;
  log(turn, 'warn', 'child.killed', `not gone after ${stopTimeout} ms: SIGKILL to ${named(sent)}`, {
    processes: eachNamed(sent),
    ms: stopTimeout,
  });
  return withChild(state, { ...known, killed: true });
}

function reportDaemon(child: In<'clearing'>, left: boolean, turn: Turn): In<'clearing'> {
  if (left) {
    const { pid } = child;
    const message = `child ${pid} exited with 0 at once and left processes behind: run it in the foreground`;
    log(turn, 'warn', 'child.daemonized', message, { pid });
  }
  return { ...child, early: false };
}

function groupGone(state: State, child: In<'clearing'>, leftovers: readonly Relative[], turn: Turn): State {
  const { afterwards, status } = child;
  clearTimers(turn, 'stop-timeout', 'group');
  clearStop(turn);
  if (isEnd(afterwards)) {
    tellLeftovers(turn, leftovers, state.settings.stopSignal);
    return afterwards === 'exit' ? endAs(state, turn, status) : end(state, turn, afterwards.exit);
  }
  if (child.asked.length > child.refused.length) turn.notices.push({ type: 'leftovers', processes: [] });
  if (afterwards === 'again') return backOff(state, status, turn);
  return prepare(state, status, afterwards === 'revive' ? 'signal killed it' : 'reload', turn);
}

/** The end of rehup after a stop from outside. */
function leave(state: State, child: In<'leaving'>, leftovers: readonly Relative[], turn: Turn): State {
  clearTimers(turn, 'group');
  clearStop(turn);
  tellLeftovers(turn, leftovers, child.sent);
  return endAs(state, turn, child.status);
}

export function checkGroup(
  state: State,
  child: In<'clearing' | 'leaving'>,
  _event: unknown,
  turn: Turn,
): State {
  look(child.pid, turn);
  return state;
}

function look(pid: number, turn: Turn): void {
  turn.effects.push({ type: 'check-group', pid, childEnded: true, why: 'end', ignoring: undefined });
}

/** The child is gone, its group is not: a stop cancels what was planned for the group, and the SIGKILL with it. */
export function signalWhileClearing(
  state: State,
  child: In<'clearing'>,
  event: EventOf<'signal'>,
  turn: Turn,
): State {
  const route = routeOf(state.settings, event.signal);
  if (route.kind !== 'stop') {
    logDropped(turn, event.signal, 'no child runs');
    return state;
  }
  const { sent } = route;
  const known = child.toGroup && sent === state.settings.stopSignal;
  clearTimers(turn, 'stop-timeout');
  expectStop(state, sent, turn);
  if (!known) sendToRest(turn, child.pid, sent, 'stop');
  logStop(turn, event.signal, "what is left of the child's group is asked to stop");
  turn.notices.push({ type: 'stopped' });
  const { pid, status, pace } = child;
  return withChild(state, { phase: 'leaving', pid, status, sent, toGroup: true, pace });
}

export function signalWhileLeaving(
  state: State,
  child: In<'leaving'>,
  event: EventOf<'signal'>,
  turn: Turn,
): State {
  const route = routeOf(state.settings, event.signal);
  if (route.kind === 'stop') sendToRest(turn, child.pid, route.sent, 'stop');
  return state;
}

/** The stop timeout is over for what the child has left. */
export function killRest(state: State, child: In<'clearing'>, _event: unknown, turn: Turn): State {
  sendToRest(turn, child.pid, SIGKILL, 'kill');
  look(child.pid, turn);
  return withChild(state, { ...child, killing: true });
}

const UNTOLD = { killed: false, asked: [], refused: [], pace: FIRST_GROUP_DELAY } as const;

function startAfter({ kind }: AfterExit): Afterwards {
  return kind === 'revive' ? 'revive' : 'start';
}

/** The child ended by itself: what is left of its group is asked to stop, and `--on-exit` says what follows. */
export function endedByItself(
  state: State,
  child: In<'running'>,
  event: EventOf<'child-exited'>,
  turn: Turn,
): State {
  const { pid } = child;
  const { status } = event;
  logExit(child, status, false, turn);
  clearTimers(turn, 'verify-start');
  const follows = afterExit(state, status, turn.at);
  setTimer(turn, 'stop-timeout', state.settings.stopTimeout);
  expectStop(state, state.settings.stopSignal, turn);
  look(pid, turn);
  const early = status.kind === 'code' && status.code === 0 && turn.at - child.since < EARLY;
  const { state: now, afterwards } =
    follows === undefined ? policy(state, status, turn) : { state, afterwards: startAfter(follows) };
  turn.notices.push({ type: 'child-ended', status, follows, ends: isEnd(afterwards) });
  const clearing = {
    phase: 'clearing',
    pid,
    afterwards,
    status,
    early,
    toGroup: false,
    killing: false,
  } as const;
  return withChild(now, { ...clearing, ...UNTOLD });
}

export function endedStopping(
  state: State,
  child: In<'stopping'>,
  event: EventOf<'child-exited'>,
  turn: Turn,
): State {
  const { pid, afterwards, toGroup, killing } = child;
  const { status } = event;
  logExit(child, status, true, turn);
  turn.notices.push({ type: 'child-ended', status, follows: undefined, ends: false });
  look(pid, turn);
  const clearing = { phase: 'clearing', pid, afterwards, status, early: false, toGroup, killing } as const;
  return withChild(state, { ...clearing, ...UNTOLD });
}

export function endedTerminating(
  state: State,
  child: In<'terminating' | 'quitting'>,
  event: EventOf<'child-exited'>,
  turn: Turn,
): State {
  const { pid, sent, toGroup } = child;
  const { status } = event;
  logExit(child, status, true, turn);
  clearTimers(turn, 'quit', 'verify-start');
  if (child.phase === 'quitting') {
    turn.notices.push({ type: 'stopped' });
    expectStop(state, sent, turn);
  }
  look(pid, turn);
  return withChild(state, { phase: 'leaving', pid, status, sent, toGroup, pace: FIRST_GROUP_DELAY });
}
