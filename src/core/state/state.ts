import type { Child } from './child.ts';
import type { Observation } from './observed.ts';
import type { Gate } from './passage.ts';
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
  /** Asked for only after the verify time: what answers before that may still be what ran before the reload. */
  | { readonly phase: 'waiting' }
  | { readonly phase: 'probing'; readonly job: number; readonly pause: number }
  | { readonly phase: 'pausing'; readonly pause: number }
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
  readonly observation: Observation;
  readonly gate: Gate;
  readonly server: Server;
  readonly record: Record;
  readonly identity: Identity;
  readonly configuration: Configuration;
  readonly readiness: Readiness;
};

export function withConfiguration(state: State, change: Partial<Configuration>): State {
  return { ...state, configuration: { ...state.configuration, ...change } };
}

export function withGate(state: State, change: Partial<Gate>): State {
  return { ...state, gate: { ...state.gate, ...change } };
}
