import type { Snapshot } from '../files/snapshot.ts';
import type { ExitStatus } from '../process/exit.ts';
import type { Signal } from '../process/signals.ts';
import type { StartReason } from './record.ts';

/**
 * What follows when a child has ended and its group is empty; `revive`: a start since the signal that was to reload it ended
 * it; `again`: a start by `--on-exit`, after a while; `exit`: rehup ends with the child's code, or with the one named.
 */
export type Afterwards = 'start' | 'revive' | 'exit' | 'again' | { readonly exit: number };

/** Whether rehup ends, too. */
export function isEnd(
  afterwards: Afterwards,
): afterwards is Exclude<Afterwards, 'start' | 'revive' | 'again'> {
  return afterwards === 'exit' || typeof afterwards === 'object';
}

type Running = {
  readonly phase: 'running';
  readonly pid: number;
  readonly since: number;
  /** Whether it has stayed up for the verify time. */
  readonly stayed: boolean;
  /** Whether its start is verified, or the time for that is over. */
  readonly verified: boolean;
};

/** The child is being stopped by rehup itself, within the stop timeout. */
type Stopping = {
  readonly phase: 'stopping';
  readonly pid: number;
  readonly since: number;
  readonly afterwards: Afterwards;
  readonly sent: Signal;
  /** Whether the whole group got the signal, not only the child. */
  readonly toGroup: boolean;
  /** Whether the stop timeout is over. */
  readonly killing: boolean;
};

/** What a sidecar keeps for its next life (`--state`). */
export type Kept = {
  /** The files for whose change it ended, so that all containers would be restarted; none: nothing is owed for them. */
  readonly paths: readonly string[];
  /** When it did that last: wall clock, ms. */
  readonly ended: number;
  /** The code that it ended with then. */
  readonly code: number;
  /** What others in the pod had then: their first processes, and the sockets that they listened on. */
  readonly others: readonly string[];
  /** How often it alone was started again after such an end, without a pause. */
  readonly alone: number;
  /** The least time to the next such end, ms. */
  readonly interval: number;
  /** The main containers that told of their starts, by their names. */
  readonly hooks: readonly string[];
  /** Those whose probe was answered for the content that is kept as answered for, and those that have started on it since. */
  readonly answered: readonly string[];
  readonly anew: readonly string[];
  /** Those that have not started in time, and are to be restarted when their probes ask. */
  readonly overdue: readonly string[];
};

/** A watch beside what an earlier life kept of it: its digest now, and whether that is what was told, or answered for. */
export type Found = {
  readonly path: string;
  /** As this process reads it. */
  readonly digest: string | undefined;
  readonly told: boolean;
  /** Whether nothing at all was written there since. */
  readonly still: boolean;
  /** Whether nothing was since a probe was answered for it. */
  readonly answered: boolean;
};

/** One of the containers that are to be restarted. */
export type Main = {
  /** Whether it has told of a start by `/started`: so it will again. */
  readonly hooked: boolean;
  /** When a probe was last answered that it is not well, since it was last started, ms. */
  readonly answered: number | undefined;
  /** How often that was since it is to be restarted. */
  readonly count: number;
  /** When it was started after that, ms. */
  readonly started: number | undefined;
  /** Whether it has not started in time: nobody waits for it, and it is to be restarted all the same when its probe asks. */
  readonly overdue: boolean;
};

/** What a sidecar knows of its pod. */
export type Pod = {
  /** What an earlier life kept, and this one since. */
  readonly kept: Kept | undefined;
  /** The files that it ended for, which this one answers for. */
  readonly owed: readonly string[];
  /** How the watches were found beside that. */
  readonly found: readonly Found[];
  /** When an earlier life ended for a change, on the clock of events, ms. */
  readonly ended: number | undefined;
  /** How much is being kept at the moment. */
  readonly keeping: number;
  /** When the watch began, ms. */
  readonly began: number;
  /** By the name at `/livez` and `/started`; the only one has none. */
  readonly mains: ReadonlyMap<string, Main>;
  /** Who told of a start before it was known what there is to be read. */
  readonly early: readonly string[];
  /** What changed until then. */
  readonly unread: readonly string[];
  /** Whether processes of other containers can be seen, and those that were there when the application was to be restarted. */
  readonly shared: boolean;
  readonly before: readonly string[];
  /** The content that was seen last, and since when, ms. */
  readonly seen: Snapshot | undefined;
  readonly seenAt: number;
  /** Whether that was a change. */
  readonly changed: boolean;
  /** When a probe was last answered that the application is not well, ms. */
  readonly answered: number;
  /** The content that was kept last as told, and as what a probe was answered for. */
  readonly noted: Snapshot | undefined;
  readonly answeredFor: Snapshot | undefined;
  /** Why it is no use to end for a change. */
  readonly futile: string | undefined;
};

/** The life of the child, one at a time. */
export type Child =
  /** Nothing has happened yet. */
  | { readonly phase: 'unborn' }
  /** No child: the watches are looked at first, so that a change while the child starts is a change, and then checked. */
  | {
      readonly phase: 'preparing';
      readonly look: number;
      /** Whether the look is over and configuration was asked whether the child may start. */
      readonly asked: boolean;
      readonly last: ExitStatus | undefined;
      readonly why: StartReason;
    }
  /** Asked the host for a child; signals that come meanwhile are kept for it. */
  | {
      readonly phase: 'starting';
      readonly attempt: number;
      readonly last: ExitStatus | undefined;
      readonly why: StartReason;
      readonly kept: readonly Signal[];
    }
  /** A restart could not start the command and will try again. */
  | {
      readonly phase: 'retrying';
      readonly attempt: number;
      readonly last: ExitStatus | undefined;
      readonly why: StartReason;
    }
  /** The child exited by itself and is to be started again, after a while. */
  | { readonly phase: 'waiting'; readonly last: ExitStatus }
  | Running
  | Stopping
  /** The child has ended; the rest of its group is waited for, within the stop timeout. */
  | {
      readonly phase: 'clearing';
      readonly pid: number;
      readonly afterwards: Afterwards;
      readonly status: ExitStatus;
      /** It exited with 0 so soon that what is left of it may be the application. */
      readonly early: boolean;
      readonly toGroup: boolean;
      /** Whether the stop timeout is over, so that whatever is left is sent SIGKILL. */
      readonly killing: boolean;
      /** Whether the log tells that something was sent one. */
      readonly killed: boolean;
      /** The keys of those outside of the group that were asked to stop. */
      readonly asked: readonly string[];
      /** The keys of those that rehup may not signal, and does not wait for. */
      readonly refused: readonly string[];
      /** Delay before the next look at the group, ms. */
      readonly pace: number;
    }
  /** A QUIT came and may mean stop or not: if the child outlives the stop timeout, all goes on as before. */
  | {
      readonly phase: 'quitting';
      readonly pid: number;
      readonly since: number;
      readonly sent: Signal;
      readonly toGroup: boolean;
      readonly resume: Running | Stopping;
    }
  /** Stopped from outside; there is no time limit. */
  | {
      readonly phase: 'terminating';
      readonly pid: number;
      readonly since: number;
      readonly sent: Signal;
      readonly toGroup: boolean;
    }
  /** Stopped from outside, the child has ended, the rest of its group is waited for. */
  | {
      readonly phase: 'leaving';
      readonly pid: number;
      readonly status: ExitStatus;
      readonly sent: Signal;
      readonly toGroup: boolean;
      readonly pace: number;
    }
  /** All is over but that a slot of the fleet is being given back; then rehup ends with this code. */
  | { readonly phase: 'parting'; readonly code: number }
  | { readonly phase: 'ended' };
