import { type Family, keyOf, type Leftover, type Relative } from '../process/family.ts';
import { type Signal, signalName } from '../process/signals.ts';
import type { Child } from '../state/child.ts';
import type { State } from '../state/state.ts';
import { type EventOf, log, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';

/* What descends from the child and left its group: a session of its own, as PostgreSQL's backends have (specification 3). */

/** Most names in one line of the log. */
const MOST_NAMED = 20;

/** Processes in words, of many the first: `postgres 12`, `postgres 15`. */
export function eachNamed(processes: readonly Relative[]): readonly string[] {
  const more = processes.length - MOST_NAMED;
  const words = processes
    .slice(0, MOST_NAMED)
    .map(({ pid, name }) => `${name === '' ? 'process' : textOfBytes(name)} ${pid}`);
  return more > 0 ? [...words, `${more} more`] : words;
}

export function named(processes: readonly Relative[]): string {
  return eachNamed(processes).join(', ');
}

/** What a look found to descend from the child outside of its group. */
export function leftoversOf({ strangers }: State, { leftovers }: Family): readonly Leftover[] {
  return leftovers.filter((one) => !strangers.includes(one.origin) && !strangers.includes(keyOf(one)));
}

/** Remembers what is no descendant of the child, for when its own parents have ended. */
export function withStrangers(state: State, { leftovers, strangers }: Family): State {
  const known = leftovers.filter(
    (one) => state.strangers.includes(one.origin) || state.strangers.includes(keyOf(one)),
  );
  return { ...state, strangers: [...strangers, ...known.map(keyOf)] };
}

/** What was there before rehup, by an exec, and all that descends from it, is not the child's. */
export function seenBefore(state: State, _child: Child, { why, family }: EventOf<'group'>): State {
  if (why !== 'before') return state;
  // A process group that is none of this PID namespace is told as 0, which is asked for here: who has it is a member by that.
  const there = [...family.members, ...family.leftovers];
  return { ...state, strangers: [...family.strangers, ...there.map(keyOf)] };
}

/** At the end of rehup itself: they are sent the stop signal, and not waited for. */
export function tellLeftovers(turn: Turn, leftovers: readonly Relative[], signal: Signal): void {
  if (leftovers.length === 0) return;
  const message = `left behind by the child, and sent ${signalName(signal)}: ${named(leftovers)}`;
  log(turn, 'info', 'child.leftovers', message, { processes: eachNamed(leftovers) });
  turn.effects.push({ type: 'signal-each', processes: leftovers, signal, purpose: 'stop', wake: true });
}
