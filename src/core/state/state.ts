import type { Child, Pod } from './child.ts';
import type { Observation } from './observed.ts';
import type { Gate, Slot } from './passage.ts';
import type { Configuration } from './progress.ts';
import type { Record } from './record.ts';
import type { Settings } from './settings.ts';
import type { Server } from './visits.ts';

/*
 * Room `state/`: what the machines share: the state, events, effects, settings, a turn, and the ports. May not know what
 * any machine does with them.
 */

/** Whether the application serves (`--ready`): asked again and again until it does or the time is over. */
export type Readiness =
  /** No child, or a stop is under way. */
  | { readonly phase: 'idle' }
  /**
   * Asked for only after the verify time: what answers before that may still be what ran before the reload. A child that
   * speaks for itself may meanwhile say that it is reloading; if it does not, the verify time was the verdict.
   */
  | { readonly phase: 'waiting'; readonly limit: Limit }
  | { readonly phase: 'probing'; readonly limit: Limit; readonly job: number; readonly pause: number }
  | { readonly phase: 'pausing'; readonly limit: Limit; readonly pause: number }
  /** The child is to say itself that it serves: after its start, or after the reload that it said has begun. */
  | { readonly phase: 'listening'; readonly after: 'start' | 'reload'; readonly limit: Limit }
  | { readonly phase: 'ready' }
  | { readonly phase: 'late' };

/** What only the host knows when somebody asks. */
export type HostFacts = {
  /** Now: milliseconds since the epoch, on a clock that may be set. */
  readonly wall: number;
  /** Zombies reaped that were not rehup's own children. */
  readonly reaped: number;
  /** Lines of the log that nobody took. */
  readonly dropped: number;
};

/** What this rehup is. */
export type Identity = {
  readonly version: string;
  /** `static` or `node`. */
  readonly edition: string;
  /** The user that it runs as. */
  readonly uid: number;
  /** The name of the host, a byte string, and whether it is a name of its own: not that of the machine. */
  readonly host: string;
  readonly ownName: boolean;
};

/** The time that the application has, on the clock of events, ms. */
export type Limit = { readonly since: number; readonly until: number };

/** What the child has said by sd_notify(3) since it was started. */
export type Announced = {
  /** The last STATUS=, a byte string. */
  readonly status: string | undefined;
  readonly stopping: boolean;
  /** Until when it asked to be waited for, by EXTEND_TIMEOUT_USEC=. */
  readonly extended: number;
  /** When the last reload began to tell it of new content, and what it has said of that since. */
  readonly told: number;
  readonly reload: 'unheard' | 'begun' | 'done';
  /** Whether it was warned of messages from strangers. */
  readonly warned: boolean;
};

export type State = {
  readonly settings: Settings;
  readonly pid1: boolean;
  readonly terminal: boolean;
  /** The `NAME=value` entries that rehup was given. */
  readonly inherited: readonly string[];
  /** The most bytes that the arguments and the environment of a child may take. */
  readonly argumentBytes: number;
  /** From which all that is random follows; each use leaves another. */
  readonly seed: number;
  /** Jobs begun so far; the number of the last one. */
  readonly jobs: number;
  /** When the child exited by itself and was to be started again. */
  readonly crashes: readonly number[];
  readonly child: Child;
  readonly pod: Pod;
  /** The keys of processes that don't descend from the child though they may come to rehup: those seen at the last look. */
  readonly strangers: readonly string[];
  /** Whether a signal from outside, which was forwarded, has stopped the child: who sent it may send a CONT. */
  readonly stoppedFromOutside: boolean;
  readonly observation: Observation;
  readonly slot: Slot;
  readonly gate: Gate;
  readonly server: Server;
  readonly record: Record;
  readonly identity: Identity;
  readonly configuration: Configuration;
  readonly readiness: Readiness;
  /** Whether the application has served since its start; a reload that it is in the middle of, or that failed, changes nothing of that. */
  readonly served: boolean;
  readonly announced: Announced;
};

export function withConfiguration(state: State, change: Partial<Configuration>): State {
  return { ...state, configuration: { ...state.configuration, ...change } };
}

export function withGate(state: State, change: Partial<Gate>): State {
  return { ...state, gate: { ...state.gate, ...change } };
}
