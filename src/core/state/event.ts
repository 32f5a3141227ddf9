import type { Reading } from '../files/reading.ts';
import type { LinkChange } from '../files/volume.ts';
import type { ExitStatus } from '../process/exit.ts';
import type { Family, Relative } from '../process/family.ts';
import type { Handled, Handling } from '../process/handling.ts';
import type { Signal } from '../process/signals.ts';
import type { StageResult } from '../staging/stage.ts';
import type { Found, Kept } from './child.ts';
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
  | 'fleet'
  | 'fleet-answer'
  | 'fleet-timeout'
  | 'group'
  | 'health'
  | 'min-interval'
  | 'noise'
  | 'notify'
  | 'parting'
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
  | 'stop-half'
  | 'stop-timeout'
  | 'stop-waiting'
  | 'verify-reload'
  | 'verify-start'
  | 'visit';

/** Why a signal is sent, so that its outcome can be told apart. */
export type SignalPurpose = 'forward' | 'stop' | 'kill' | 'reload';

/**
 * Why the child's group is looked at: for what was there before rehup (`before`), for the end of it, for the names of what is waited
 * for, or for who ignores the stop signal when half of the stop timeout is over.
 */
export type GroupLook = 'before' | 'end' | 'names' | 'half';

/** What became of a signal that was to be sent. */
export type SignalOutcome =
  | {
      readonly kind: 'sent';
      readonly to: 'child' | 'group';
      /** What the child does with it; undefined if that was not asked, or /proc does not tell. */
      readonly handled: Handled | undefined;
    }
  /** Held back: it was only to be sent to a child that takes it, and this one does not, or (`blocked`) may take it yet. */
  | {
      readonly kind: 'held';
      readonly handling: Exclude<Handling, 'caught' | 'waited'>;
      readonly program: string;
    }
  | { readonly kind: 'failed'; readonly errno: string };

/** A process that a signal was not sent to: for what it does with it, or for an errno. */
export type Refused = { readonly process: Relative; readonly why: string };

/** What became of a signal to the processes of a name. `alone`: no other container's can be seen. */
export type NamedOutcome = {
  readonly sent: readonly Relative[];
  readonly refused: readonly Refused[];
  readonly alone: boolean;
};

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
  /** Processes were signalled, each by itself; those are refused that rehup may not signal. */
  | {
      readonly type: 'each-signalled';
      readonly signal: Signal;
      readonly purpose: SignalPurpose;
      readonly sent: readonly Relative[];
      readonly refused: readonly Relative[];
    }
  /**
   * What an earlier life of this sidecar kept, if it did, how long ago it ended for a change, ms, and what others in the pod
   * have now.
   */
  | {
      readonly type: 'recalled';
      readonly kept: Kept | undefined;
      readonly since: number;
      readonly others: readonly string[];
      /** How each watch was found beside what was kept; none where nothing was. */
      readonly found: readonly Found[];
    }
  /** It is kept for the next life, or can't be, and why. */
  | { readonly type: 'kept'; readonly errno: string | undefined }
  | { readonly type: 'others'; readonly others: readonly string[] }
  | ({ readonly type: 'named-signalled'; readonly signal: Signal } & NamedOutcome)
  /** What there is of the child's group and its other descendants, and which of the members ignore the signal asked about. */
  | {
      readonly type: 'group';
      /** The child that was looked at. */
      readonly pid: number;
      readonly why: GroupLook;
      readonly family: Family;
      readonly ignoring: readonly Relative[];
    }
  /** The child was stopped by a signal: wait(2), WSTOPPED. */
  | { readonly type: 'child-stopped'; readonly signal: Signal }
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
  /** Events do not come from places, all for one reason; thousands may be refused at once. */
  | { readonly type: 'watch-failed'; readonly paths: readonly string[]; readonly errno: string }
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
  /** Of the programs that were sought, those that are not there. */
  | { readonly type: 'sought'; readonly missing: readonly string[] }
  /** A file system that had stopped answering answers again. */
  | { readonly type: 'answering' }
  /** A job has ended by itself; one that was cancelled is never told of. */
  | { readonly type: 'job-ended'; readonly job: number; readonly outcome: JobOutcome }
  /** The child has said something on the channel of `--ready notify`. */
  | { readonly type: 'notified' }
  /** What was said there, byte strings in their order. */
  | {
      readonly type: 'messages';
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
