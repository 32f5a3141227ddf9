import type { Relative } from '../process/family.ts';
import { SIGTERM, type Signal, signalName } from '../process/signals.ts';
import type { State } from '../state/state.ts';
import { clearTimers, type EventOf, log, setTimer, type Turn } from '../state/turn.ts';
import type { In } from './child.ts';
import { eachNamed, named } from './leftovers.ts';

/* What a stop waits for, named, and helped along if it ignores the signal (specification 2.5). */

/** What is waited for longer than this is named, ms. */
const NAMED_AFTER = 1_000;

/** A stop was begun by this signal. */
export function expectStop({ settings }: State, sent: Signal, turn: Turn): void {
  setTimer(turn, 'stop-waiting', NAMED_AFTER);
  if (sent !== SIGTERM) setTimer(turn, 'stop-half', settings.stopTimeout / 2);
}

/** It is over. */
export function clearStop(turn: Turn): void {
  clearTimers(turn, 'stop-waiting', 'stop-half');
}

type Waiting = In<'stopping' | 'terminating' | 'clearing' | 'leaving'>;

function ended(child: Waiting): boolean {
  return child.phase === 'clearing' || child.phase === 'leaving';
}

export function askNames(state: State, child: Waiting, _event: unknown, turn: Turn): State {
  const { pid } = child;
  turn.effects.push({
    type: 'check-group',
    pid,
    childEnded: ended(child),
    why: 'names',
    ignoring: undefined,
  });
  return state;
}

export function askIgnoring(state: State, child: Waiting, _event: unknown, turn: Turn): State {
  const { pid } = child;
  const ignoring = child.phase === 'clearing' ? state.settings.stopSignal : child.sent;
  turn.effects.push({ type: 'check-group', pid, childEnded: ended(child), why: 'half', ignoring });
  return state;
}

/** The answer while the child itself is waited for. */
export function waited(
  state: State,
  child: In<'stopping' | 'terminating'>,
  { why, family, ignoring }: EventOf<'group'>,
  turn: Turn,
): State {
  if (why === 'names') nameWaited(turn, family.members);
  if (why === 'half') termIgnoring(turn, ignoring, child.sent);
  return state;
}

export function nameWaited(turn: Turn, processes: readonly Relative[]): void {
  log(turn, 'info', 'stop.waiting', `the stop waits for ${named(processes)}`, {
    processes: eachNamed(processes),
  });
}

/** A job that a shell has put into the background ignores INT and QUIT, and nobody else would ever ask it to stop. */
export function termIgnoring(turn: Turn, processes: readonly Relative[], sent: Signal): void {
  if (processes.length === 0) return;
  const message = `${signalName(sent)} is ignored by ${named(processes)}: SIGTERM`;
  log(turn, 'info', 'stop.ignored', message, { processes: eachNamed(processes) });
  turn.effects.push({ type: 'signal-each', processes, signal: SIGTERM, purpose: 'stop', wake: true });
}
