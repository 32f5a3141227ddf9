import type { Reading } from '../files/reading.ts';
import type { LinkChange } from '../files/volume.ts';
import type { ExitStatus } from '../process/exit.ts';
import type { Signal } from '../process/signals.ts';
import type { StageResult } from '../staging/stage.ts';
import type { JobOutcome } from './job.ts';
import type { HostFacts, Identity } from './state.ts';
import type { Peer } from './visits.ts';

/** The one-shot timers that the core sets; setting one again replaces it, and a cleared one never fires. */
export type TimerName =
  | 'action-timeout'
  | 'ask'
  | 'back-off'
  | 'ceiling'
  | 'check-timeout'
  | 'confirm'
  | 'drain'
  | 'group'
  | 'min-interval'
  | 'notify'
  | 'poll'
  | 'probe'
  | 'quit'
  | 'ready'
  | 'recheck'
  | 'relook'
  | 'retry'
  | 'server'
  | 'settle'
  | 'splay'
  | 'start'
  | 'stop-timeout'
  | 'verify-reload'
  | 'verify-start'
  | 'visit';

/** Why a signal is sent, so that its outcome can be told apart. */
export type SignalPurpose = 'forward' | 'stop' | 'kill' | 'reload';

/** What became of a signal that was to be sent. */
export type SignalOutcome =
  | {
      readonly kind: 'sent';
      readonly to: 'child' | 'group';
      /** Whether the child was seen to have a handler. */
      readonly checked: boolean;
    }
  /** Held back: it was only to be sent if the child catches it, and the child does not. */
  | { readonly kind: 'uncaught' }
  /** Held back: the child has no handler, but blocks it, and may take it yet. */
  | { readonly kind: 'blocked' }
  | { readonly kind: 'failed'; readonly errno: string };

/** What happened outside. */
export type Occurrence =
  /** The first event: where rehup finds itself. */
  | {
      readonly type: 'begin';
      readonly pid1: boolean;
      readonly terminal: boolean;
      /** The `NAME=value` entries that rehup was given, byte strings. */
      readonly environment: readonly string[];
      /** The most bytes that execve(2) takes of arguments and environment together. */
      readonly argumentBytes: number;
      /** 32 random bits, from which all that is random follows. */
      readonly seed: number;
      readonly identity: Identity;
    }
  /** A signal came to rehup itself. */
  | { readonly type: 'signal'; readonly signal: Signal }
  | { readonly type: 'spawned'; readonly pid: number }
  /** `channel`: it was not the command, but the channel on which that was to say that it serves. */
  | { readonly type: 'spawn-failed'; readonly errno: string; readonly channel?: true }
  | { readonly type: 'child-exited'; readonly status: ExitStatus }
  | {
      readonly type: 'signalled';
      readonly signal: Signal;
      readonly purpose: SignalPurpose;
      readonly outcome: SignalOutcome;
    }
  /** Whether the child's process group has members that are no zombies, and whether rehup has children at all. */
  | { readonly type: 'group'; readonly alive: boolean; readonly children: boolean }
  /**
   * Something at watched places may have changed: by place the names concerned, an empty one for the place itself; of each
   * link to a generation that did, how. Without `changes` nobody knows where.
   */
  | {
      readonly type: 'hint';
      readonly changes?: ReadonlyMap<string, ReadonlySet<string>>;
      readonly links?: ReadonlyMap<string, LinkChange>;
    }
  /** Events come from all places asked for; what happened before is not known. */
  | { readonly type: 'watching' }
  /** Events do not come from a place. */
  | { readonly type: 'watch-failed'; readonly path: string; readonly errno: string }
  /** Places send no events any more: they, or what was mounted there, are gone. */
  | { readonly type: 'watch-lost'; readonly paths: readonly string[] }
  /** A look is over, with a reading for each watch that was asked for, in that order. */
  | { readonly type: 'looked'; readonly readings: readonly Reading[] }
  /**
   * One watch was looked at that lies where a look may have to wait. `servers`: the file systems that were asked, none
   * if it lies there no longer.
   */
  | {
      readonly type: 'looked-apart';
      readonly path: string;
      readonly reading: Reading;
      readonly servers: readonly string[];
    }
  /** A file system that had stopped answering answers again. */
  | { readonly type: 'answering' }
  /** A job has ended by itself; one that was cancelled is never told of. */
  | { readonly type: 'job-ended'; readonly job: number; readonly outcome: JobOutcome }
  /** The child has said something on the channel of `--ready notify`. */
  | { readonly type: 'notified' }
  /** What was said there, byte strings in their order. */
  | {
      readonly type: 'heard';
      readonly messages: readonly string[];
      /** How many came from processes that do not descend from rehup, or were gone before that could be told. */
      readonly strangers: number;
      /** Whether there may be more: they are left for later, so that nobody keeps rehup busy. */
      readonly more: boolean;
    }
  /** What was to be done to the stages is done, or failed. */
  | {
      readonly type: 'staged';
      readonly job: number;
      readonly result: StageResult;
      /** The file systems of servers that were asked, where there are any. */
      readonly servers?: readonly string[];
    }
  /** What was to be listened on, as `[ADDRESS]:PORT`, is listened on, or can't be. */
  | { readonly type: 'listening'; readonly where: string; readonly errno: string | undefined }
  /** The control socket is there, or can't be; `path` is undefined if there is no place for it. */
  | {
      readonly type: 'listening-local';
      readonly path: string | undefined;
      readonly errno: string | undefined;
    }
  | { readonly type: 'accepted'; readonly connection: number; readonly peer: Peer }
  | {
      readonly type: 'received';
      readonly connection: number;
      readonly bytes: string;
      readonly host: HostFacts;
    }
  /** A connection is over: the other side has closed it, it broke, or all of the reply is sent. */
  | { readonly type: 'hung-up'; readonly connection: number }
  | { readonly type: 'timer'; readonly timer: TimerName };

/** An occurrence with the time at which it came to the core: milliseconds on a clock that never jumps. */
export type Event = Occurrence & { readonly at: number };
