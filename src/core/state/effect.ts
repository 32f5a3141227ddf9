import type { ReadingRequest } from '../files/reading.ts';
import type { Snapshot } from '../files/snapshot.ts';
import type { LogLine } from '../log/log.ts';
import type { Relative } from '../process/family.ts';
import type { Signal } from '../process/signals.ts';
import type { StageTask } from '../staging/stage.ts';
import type { Kept } from './child.ts';
import type { GroupLook, SignalPurpose, TimerName } from './event.ts';
import type { Task } from './job.ts';
import type { Spot } from './observed.ts';
import type { SignalTarget } from './settings.ts';

/** What of a pod is none of the others': the port that the sidecar listens on, and all sockets where they are the machine's. */
export type OwnPlace = { readonly port: number | undefined; readonly network: boolean };

/** What the host is to do. Those with an answer say which event it is. */
export type Effect =
  /** Start the command as the child, in a process group of its own. Answer: `spawned` or `spawn-failed`. */
  | {
      readonly type: 'start';
      /** `NAME=value` entries, byte strings. */
      readonly environment: readonly string[];
    }
  /** Signal the child or its group. Answer: `signalled`. */
  | {
      readonly type: 'signal';
      readonly pid: number;
      readonly signal: Signal;
      readonly to: SignalTarget;
      readonly purpose: SignalPurpose;
      /** Send CONT to the whole group afterwards, so that stopped processes can act on the signal. */
      readonly wake: boolean;
      /** Send nothing to a child that is known not to take it; one that blocks the signal will do for `caught or blocked`. */
      readonly onlyIf: 'caught' | 'caught or blocked' | undefined;
      /** The child has ended: its number may be that of another process by now, and only its group is meant. */
      readonly childEnded: boolean;
    }
  /** Signal processes by themselves, those that still are what they were. Answer: `each-signalled`. */
  | {
      readonly type: 'signal-each';
      readonly processes: readonly Relative[];
      readonly signal: Signal;
      readonly purpose: SignalPurpose;
      /** Send CONT as well. */
      readonly wake: boolean;
    }
  /** Signal the processes of this name in other containers that take it, or whatever they do if `forced`. Answer: `named-signalled`. */
  | {
      readonly type: 'signal-named';
      readonly name: string;
      readonly signal: Signal;
      readonly forced: boolean;
    }
  /** Read what an earlier life kept in a directory, and see what others in the pod have. Answer, later: `recalled`. */
  | { readonly type: 'recall'; readonly directory: string | undefined; readonly own: OwnPlace }
  /** Keep this for the next life, and what else is known of `as`. Answer, later: `kept`. */
  | {
      readonly type: 'keep';
      readonly directory: string;
      readonly kept: Kept;
      /** As what this content is kept, if it is; `doubt`: what was told is not known, `unknown`: nor what was answered for; `end`: with the time, and with what others have now. */
      readonly as: 'told' | 'answered' | 'doubt' | 'unknown' | 'end' | 'note';
      readonly content: Snapshot;
      readonly own: OwnPlace;
    }
  /** See what others in the pod have. Answer: `others`. */
  | { readonly type: 'see-others'; readonly own: OwnPlace }
  /** See what there is of the child's process group, and of what else descends from the child. Answer: `group`. */
  | {
      readonly type: 'check-group';
      readonly pid: number;
      readonly childEnded: boolean;
      readonly why: GroupLook;
      /** See which members ignore this signal. */
      readonly ignoring: Signal | undefined;
    }
  /**
   * Stop rehup itself as the terminal's job control asks, until a CONT. `group`: the child was stopped, and with it goes
   * all of rehup's own group, but where nobody could make that go on again; there the child, if it is to `goOn`, does at once.
   */
  | {
      readonly type: 'suspend';
      readonly pid: number;
      readonly whom: 'self' | 'group';
      readonly goOn: boolean;
    }
  /** Read these watches, in this order; EREMOTE for those that might have to wait. Answer: `looked`. */
  | { readonly type: 'look'; readonly requests: readonly ReadingRequest[] }
  /** Read one watch beside the others, waiting at most `patience` ms for a file server at a time. Answer: `looked-apart`. */
  | { readonly type: 'look-apart'; readonly request: ReadingRequest; readonly patience: number }
  /** See which of these programs are there for who has this PATH. Answer: `sought`. */
  | { readonly type: 'seek'; readonly programs: readonly string[]; readonly path: string | undefined }
  /** Watch these places, and no others, for events. Answers: `watching`, or `watch-failed` for those that can't be. */
  | { readonly type: 'watch'; readonly places: ReadonlyMap<string, Spot> }
  /** Do something beside the child; `job` is a number of its own. Answer, later: `job-ended`. */
  | { readonly type: 'begin-job'; readonly job: number; readonly task: Task }
  /** End a job with all that it started, at once. */
  | { readonly type: 'cancel-job'; readonly job: number }
  /** Take what the child has said on the channel of `--ready notify`. Answer: `messages`. */
  | { readonly type: 'hear' }
  /** Close that channel: nothing is to be said on it any more. */
  | { readonly type: 'close-notify' }
  /** Do something to the stages, after what was asked for before; `job` is a number of its own. Answer, later: `staged`. */
  | { readonly type: 'stage'; readonly job: number; readonly task: StageTask }
  /** Take TCP connections at an address. Answers: `listening`, and for each connection `accepted`, `received`, `hung-up`. */
  | { readonly type: 'listen'; readonly address: string; readonly port: number }
  /** Take connections at a local socket; without a path, at one that is made where it can be. Answer: `listening-local`. */
  | { readonly type: 'listen-local'; readonly path: string | undefined; readonly uid: number }
  /** Send these bytes and end the connection when they are gone. Answer, later: `hung-up`. */
  | { readonly type: 'reply'; readonly connection: number; readonly bytes: string }
  /** End a connection at once; nothing is told of it any more. */
  | { readonly type: 'hang-up'; readonly connection: number }
  | { readonly type: 'set-timer'; readonly timer: TimerName; readonly delay: number }
  | { readonly type: 'clear-timer'; readonly timer: TimerName }
  | { readonly type: 'log'; readonly line: LogLine }
  /** Text for stdout, which is rehup's own only where no child was started. */
  | { readonly type: 'print'; readonly text: string }
  /**
   * The last effect of all: end with this code. `refusal`: bad usage, one line for the user. `reason`: why it is a code of
   * rehup's own, where the log has the line for it.
   */
  | { readonly type: 'exit'; readonly code: number; readonly refusal?: string; readonly reason?: string };
