import type { LogLevel, LogLine } from '../log/log.ts';
import type { ExitStatus } from '../process/exit.ts';
import type { Signal } from '../process/signals.ts';
import type { Afterwards } from './child.ts';
import type { Effect } from './effect.ts';
import type { Occurrence, TimerName } from './event.ts';
import type { Passage, Refusal } from './passage.ts';
import type { Reload } from './progress.ts';
import type { Outcome, StartReason } from './record.ts';
import type { State } from './state.ts';

/** What one machine of the core tells the others, within one step. */
export type Notice =
  /** A look is over, and what it found is in the state. */
  | { readonly type: 'content'; readonly look: number }
  /**
   * An earlier life of the sidecar ended so that all containers would be restarted, for these files. `alone`: why it is known
   * that they were not. `again`: after how long it is tried once more, ms; undefined: never.
   */
  | {
      readonly type: 'restart-recalled';
      readonly paths: readonly string[];
      readonly actions: Reload['actions'];
      readonly alone: string | undefined;
      readonly again: number | undefined;
    }
  /** These files changed while there was no sidecar. */
  | { readonly type: 'change-missed'; readonly paths: readonly string[] }
  /** A probe was answered that the application is not well; by the name of its container, '' for the only one. */
  | { readonly type: 'unwell-answered'; readonly name: string }
  /** Somebody asked for `/started`, as a container's hook does at each start. */
  | { readonly type: 'main-started'; readonly name: string }
  /** The watches can't be used, so that nothing can be started. */
  | { readonly type: 'unusable'; readonly refusal: string }
  /** The host is asked for a child, which will read what was seen last. */
  | {
      readonly type: 'child-starting';
      /** The files of which it is not known whether it reads them as they are now. */
      readonly unsure?: readonly string[];
    }
  | { readonly type: 'child-started'; readonly why: StartReason }
  /** What the child would read was looked at: may it be started? Answer: `may-start`, or `unusable`. */
  | { readonly type: 'start-asked' }
  | { readonly type: 'may-start' }
  /** All was looked at, and nothing is to be started: `--dry-run`. */
  | { readonly type: 'nothing-to-start' }
  /** Content is through the gate: it is published, or there was nothing to publish. */
  | { readonly type: 'gate-passed'; readonly passage: Passage }
  /** Content is not let through. */
  | { readonly type: 'gate-refused'; readonly passage: Passage; readonly refusal: Refusal }
  /** What was copied is not what was seen; `lost` is the source that has no file any more, if one has none. */
  | { readonly type: 'gate-overtaken'; readonly passage: Passage; readonly lost: string | undefined }
  /** What kept content from being brought to the gate is over. */
  | { readonly type: 'gate-free' }
  /** Content at the gate waits for a slot of the fleet; does not any more; need not any more. */
  | { readonly type: 'slot-wanted' }
  | { readonly type: 'slot-unwanted' }
  | { readonly type: 'slot-granted' }
  /** A reload is over. */
  | {
      readonly type: 'reload-ended';
      readonly reload: Reload;
      readonly outcome: Outcome;
      readonly reason: string | undefined;
    }
  /** Somebody asks over the control socket that the present content be applied. */
  | { readonly type: 'reload-asked'; readonly unlocked: boolean }
  /** A watch can't be looked at. */
  | { readonly type: 'watch-error'; readonly path: string }
  /** The application does not run on the content that is there any more; it does again. */
  | { readonly type: 'degraded' }
  | { readonly type: 'recovered' }
  /** The child has stayed up for the verify time, and serves if that is asked for. */
  | { readonly type: 'child-verified' }
  /** The child did not serve in its time; it runs on. */
  | { readonly type: 'child-unverified' }
  /** The child ended; what follows besides `--on-exit`, see {@link AfterExit}. */
  | {
      readonly type: 'child-ended';
      readonly status: ExitStatus;
      readonly follows: AfterExit | undefined;
      /** Whether rehup ends with it. */
      readonly ends: boolean;
    }
  /** A QUIT is pending, which may mean stop. */
  | { readonly type: 'child-quitting' }
  /** An action that tells the application of new content is about to begin; `first`: the first one of its reload. */
  | { readonly type: 'telling'; readonly first: boolean }
  /** The application was told of new content; whether it serves is to be found out anew. */
  | { readonly type: 'told' }
  | { readonly type: 'ready' }
  /** It does not serve, and the time for that is over. */
  | { readonly type: 'not-ready'; readonly reason: string }
  /** The child outlived a QUIT: it was not being stopped. */
  | { readonly type: 'child-resumed' }
  /** The child can't be stopped: rehup may not signal it. It runs on. */
  | { readonly type: 'stop-refused'; readonly signal: Signal; readonly errno: string }
  /** A stop from outside: nothing is applied any more. */
  | { readonly type: 'stopped' }
  /** A restart could not start the child, finally. */
  | { readonly type: 'start-failed'; readonly errno: string }
  /** What an old child left behind, in words; none once it is gone. */
  | { readonly type: 'leftovers'; readonly processes: readonly string[] }
  | { readonly type: 'stop-child'; readonly afterwards: Afterwards }
  /** A signal came that asks for a reload. */
  | { readonly type: 'reload-requested'; readonly signal: Signal; readonly forced: boolean };

/**
 * What the exit of a child in the time of a reload leads to, whatever `--on-exit` says. `revive`: it died of the signal
 * that was to reload it, and is started again. `roll-back`: it is started on the last good generation.
 */
export type AfterExit = { readonly kind: 'revive'; readonly signal: Signal } | { readonly kind: 'roll-back' };

export type CoreEvent = Occurrence | Notice;

/** One call of the step function: what it was given, and the effects and notices that it has collected so far. */
export type Turn = {
  /** The time of the event, ms. */
  readonly at: number;
  readonly effects: Effect[];
  readonly notices: Notice[];
};

export function newTurn(at: number): Turn {
  return { at, effects: [], notices: [] };
}

export function setTimer(turn: Turn, timer: TimerName, delay: number): void {
  turn.effects.push({ type: 'set-timer', timer, delay });
}

export function clearTimers(turn: Turn, ...timers: readonly TimerName[]): void {
  for (const timer of timers) turn.effects.push({ type: 'clear-timer', timer });
}

export function log(
  turn: Turn,
  level: LogLevel,
  event: string,
  message: string,
  fields: LogLine['fields'] = {},
): void {
  turn.effects.push({ type: 'log', line: { level, event, message, fields } });
}

/** The key under which a machine's table lists an event: its type, timers by name. */
export type EventKey = Exclude<CoreEvent['type'], 'timer'> | `timer:${TimerName}`;

export function keyOf(event: CoreEvent): EventKey {
  return event.type === 'timer' ? `timer:${event.timer}` : event.type;
}

/** The event that is listed under a key. */
export type EventOf<Key extends EventKey> = Key extends `timer:${string}`
  ? Extract<CoreEvent, { type: 'timer' }>
  : Extract<CoreEvent, { type: Key }>;

/**
 * What a machine does with an event in one of its phases. `ignored`: the pair can happen and is harmless.
 * `impossible`: the pair can't happen, and if it does it is a bug of rehup's, which is logged and survived.
 */
export type Cell<Part, Key extends EventKey> =
  | 'ignored'
  | 'impossible'
  | ((state: State, part: Part, event: EventOf<Key>, turn: Turn) => State);

/** A machine: for each of its phases and each event that concerns it, what it does. */
export type Table<Part extends { readonly phase: string }, Key extends EventKey> = {
  readonly [Phase in Part['phase']]: {
    readonly [K in Key]: Cell<Extract<Part, { phase: Phase }>, K>;
  };
};

/** Runs an event through one machine; an event that is not in its table does not concern it. `key`: that of the event. */
export function dispatch<Part extends { readonly phase: string }, Key extends EventKey>(
  table: Table<Part, Key>,
  machine: string,
  state: State,
  part: Part,
  event: CoreEvent,
  turn: Turn,
  key = keyOf(event),
): State {
  // The table's type ties each cell to its phase and event; looking one up by values loses that tie.
  const row = table[part.phase as Part['phase']] as Readonly<Record<string, unknown>>;
  const cell = row[key] as Cell<Part, EventKey> | undefined;
  if (cell === undefined || cell === 'ignored') return state;
  if (cell !== 'impossible') return cell(state, part, event as never, turn);
  log(turn, 'error', 'rehup.internal_error', `${key} can't happen while the ${machine} is ${part.phase}`);
  return state;
}
