import type { Handling } from '../process/handling.ts';
import { type Signal, signalName } from '../process/signals.ts';
import type { Action } from '../state/action.ts';
import type { SignalOutcome } from '../state/event.ts';
import { type State, withConfiguration } from '../state/state.ts';
import { log, type Turn } from '../state/turn.ts';
import { textOfBytes } from '../text/bytes.ts';

/* What is told of how a child takes its reload signals (specification 3): each finding once, with the program's name. */

export type Held = Extract<SignalOutcome, { kind: 'held' }>;

type Finding = {
  readonly signal: Signal;
  readonly handling: Handling | undefined;
  readonly program: string;
};

function keyOf({ signal, handling, program }: Finding): string {
  return `${signal}:${handling}:${program}`;
}

/** Whether it was seen to block the signal for long: it takes it from there, by signalfd(2). */
export function isKnownToBlock(state: State, signal: Signal, program: string): boolean {
  return isFound(state, { signal, handling: 'blocked', program });
}

/** A signal was sent: all is well where it is taken; where that could not be seen, or only be guessed, it is told. */
export function tellSent(
  state: State,
  action: Action | undefined,
  { handled }: Extract<SignalOutcome, { kind: 'sent' }>,
  turn: Turn,
): State {
  if (action?.kind !== 'signal' || action.forced) return state;
  const { signal } = action;
  const name = signalName(signal);
  if (handled === undefined) {
    const finding = { signal, handling: undefined, program: '' };
    const level = isFound(state, finding) ? 'debug' : 'warn';
    const message = `${name} was sent unchecked: /proc does not tell what the child does with it`;
    log(turn, level, 'reload.unchecked', message, { signal: name });
    return remember(state, finding);
  }
  if (handled.handling !== 'blocked') return state;
  const finding = { signal, handling: handled.handling, program: handled.program };
  const level = isFound(state, finding) ? 'debug' : 'info';
  const program = textOfBytes(handled.program);
  const message = `${name} was sent to ${program}, which blocks it in all its threads and is taken to look for it`;
  log(turn, level, 'reload.unchecked', message, { signal: name, program });
  return remember(state, finding);
}

/** The signal was held back, and the child is restarted. */
export function tellRestart(state: State, signal: Signal, held: Held, turn: Turn): State {
  const name = signalName(signal);
  const program = textOfBytes(held.program);
  const finding = { signal, handling: held.handling, program: held.program };
  const level = isFound(state, finding) ? 'debug' : 'warn';
  const message = reasons(name, program)[held.handling];
  log(turn, level, 'reload.restart_instead', message, { signal: name, program });
  return remember(state, finding);
}

function reasons(name: string, program: string): Readonly<Record<Held['handling'], string>> {
  return {
    uncaught: `${program} would be ended by ${name}, which it does not take: it is restarted instead`,
    ignored: `${program} ignores ${name}: it is restarted instead`,
    blocked: `${program} blocks ${name}: it is restarted instead`,
    unreadable: `whether ${program} takes ${name} can't be seen (it runs as another user, or with more rights): it is restarted instead; ${name}! would send it in any case`,
  };
}

function isFound(state: State, finding: Finding): boolean {
  return state.configuration.found.has(keyOf(finding));
}

function remember(state: State, finding: Finding): State {
  return withConfiguration(state, { found: new Set([...state.configuration.found, keyOf(finding)]) });
}
