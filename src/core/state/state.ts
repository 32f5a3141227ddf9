import type { Content, Snapshot } from '../files/content.ts';
import type { Directories, Known } from '../files/reading.ts';
import type { Volume } from '../files/volume.ts';
import type { Signal } from '../process/signals.ts';
import type { Generation, Stage } from '../staging/stage.ts';
import type { Action } from './action.ts';
import type { ExitStatus } from './event.ts';
import type { Settings } from './settings.ts';

/** What follows when a child has ended and its group is empty; `again`: a start by `--on-exit`, after a while. */
export type Afterwards = 'start' | 'exit' | 'again';

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
    }
  /** Asked the host for a child; signals that come meanwhile are kept for it. */
  | {
      readonly phase: 'starting';
      readonly attempt: number;
      readonly last: ExitStatus | undefined;
      readonly kept: readonly Signal[];
    }
  /** A restart could not start the command and will try again. */
  | { readonly phase: 'retrying'; readonly attempt: number; readonly last: ExitStatus | undefined }
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
  | { readonly phase: 'ended' };

/**
 * What could not be read, or was taken though its writer was not done, is looked at again after this, ms: nothing need
 * tell that it can be read, or is done.
 */
export const FIRST_RECHECK = 1_000;

/** Files of a generation that is copied one by one, as they are at the moment. */
export type Copy = { readonly digest: string; readonly generation: string; readonly since: number };

/** What is known of one watch. */
export type Watched = {
  readonly path: string;
  /** Whether it is an `--env-dir`, of which the texts are wanted. */
  readonly capture: boolean;
  /** The last content that was read; undefined until the first. */
  readonly content: Content | undefined;
  readonly known: Known | undefined;
  /** When the first look ended that found it as it is. */
  readonly since: number;
  /** Whether a look some time after that found the same. */
  readonly confirmed: boolean;
  readonly volume: Volume | undefined;
  readonly directories: Directories;
  /** Why the content is kept though it can't be seen at the moment, as last logged. */
  readonly trouble: string | undefined;
  /** When its writer was first seen at work; undefined if the last look found it at rest. */
  readonly unsettledSince: number | undefined;
  /** What the last look found of a generation that is being copied, and since when it is the same. */
  readonly copy: Copy | undefined;
  /** Whether it was told that it can never change. */
  readonly frozen: boolean;
};

/** Looking at the watches: one look at a time. */
export type Observation = {
  readonly phase: 'idle' | 'looking';
  /** Looks begun so far; the number of the present one while looking. */
  readonly looks: number;
  /** Something happened since the present look began, so that another must follow. */
  readonly again: boolean;
  readonly watched: readonly Watched[];
  /** When the first look of all began. */
  readonly since: number;
  /** Until the next look if this one left something that no event need mend, ms. */
  readonly recheck: number;
  /** The directories that the host was told to watch. */
  readonly directories: Directories;
  /** Of those, the ones that send no events. */
  readonly deaf: ReadonlySet<string>;
  /** The reasons for that which were warned of since events last came from everywhere. */
  readonly degraded: ReadonlySet<string>;
  /** The volumes whose writer was seen to copy: their generation is not whole when the link leads to it. */
  readonly copied: ReadonlySet<string>;
};

/** One reload, from the change that asks for it to its outcome. */
export type Reload = {
  readonly id: number;
  /** When the change was first seen. */
  readonly since: number;
  /** The files that changed; none if it was asked for without a change. */
  readonly paths: readonly string[];
  readonly actions: readonly Action[];
  /** Those of the actions that were asked for from outside. */
  readonly requested: readonly Action[];
  /** The content that it is to make the application use. */
  readonly snapshot: Snapshot;
  /** Why it is rolled back: the last good generations are applied by the same actions. */
  readonly rollback: string | undefined;
};

/** What the gate lets through. `start`: the child reads it when it starts; `rollback`: good generations, unchecked. */
export type GatePurpose =
  | { readonly kind: 'reload'; readonly reload: Reload }
  | { readonly kind: 'start' }
  | { readonly kind: 'rollback'; readonly reload: Reload };

/** Between content that was read and the application: it is copied, checked and published, one at a time. */
export type Gate = {
  readonly purpose: GatePurpose;
  readonly step: 'staging' | 'checking' | 'publishing';
  readonly snapshot: Snapshot;
  /** The files that changed, for the check. */
  readonly paths: readonly string[];
  /** The environment that the content makes. */
  readonly environment: readonly string[];
  /** By source, the generations that hold the content and are not published yet. */
  readonly generations: ReadonlyMap<string, Generation>;
  /** The number of what is waited for: work on the stages, or the check. */
  readonly job: number;
};

/** What lies in the target of a stage. */
export type Staged = {
  readonly stage: Stage;
  /** Whether the target lies in memory, as it must where the source does. */
  readonly inMemory: boolean;
  readonly active: Generation | undefined;
  readonly good: Generation | undefined;
};

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

/** From a change of content to an action. */
export type Progress =
  /** Before the first start. */
  | { readonly phase: 'baseline' }
  | { readonly phase: 'resting' }
  /** Changed; waiting for quiet. */
  | { readonly phase: 'settling' }
  /** To be applied, but not yet. */
  | { readonly phase: 'holding' }
  /** To be applied after a random time. */
  | { readonly phase: 'splaying' }
  /** Taking the snapshot that will be applied. */
  | { readonly phase: 'reading'; readonly look: number }
  /** The content is at the gate. */
  | { readonly phase: 'gated'; readonly reload: Reload }
  /** The actions are under way; those of `remaining` are still to be done, the first of them by `job` if it is no signal. */
  | {
      readonly phase: 'acting';
      readonly reload: Reload;
      readonly remaining: readonly Action[];
      readonly job: number | undefined;
      /** How often the child was found to block the signal that is next, and whether it is being looked at again. */
      readonly blocked?: { readonly times: number; readonly looking: boolean };
    };

/** What the application was told, and what is to be told to it. */
export type Configuration = {
  readonly progress: Progress;
  /** The content at the child's start or at the last action that was begun. */
  readonly told: Snapshot;
  /** The last content that was looked at. */
  readonly seen: Snapshot;
  /** When the change that is not told yet was first seen. */
  readonly changedAt: number | undefined;
  /** Actions that were asked for from outside, whether or not the content changed. */
  readonly requested: readonly Action[];
  /** Nothing is done before the start of the child is verified. */
  readonly awaitVerified: boolean;
  /** The reload that is being verified, and whether the child has stayed up for its verify time. */
  readonly verifying: { readonly reload: Reload; readonly stayed: boolean } | undefined;
  readonly reloads: number;
  readonly lastApply: number | undefined;
  /** The last told content that was verified. */
  readonly applied: Snapshot | undefined;
  /** Content that failed: it is not tried again until it changes, or the retry is due. */
  readonly barred: Snapshot | undefined;
  /** Tries of the present content that failed for a reason that says nothing about it. */
  readonly retries: number;
  /** What the next such try is to do besides what the change asks for. */
  readonly retrying: readonly Action[];
  /** Whether the wait of `--splay` is over for what is to be applied. */
  readonly splayed: boolean;
  /** What passed the check last. */
  readonly checked: Snapshot | undefined;
  readonly gate: Gate | undefined;
  /** Generations that are being published, by source: nothing is read from the targets until that is over. */
  readonly publishing:
    | { readonly job: number; readonly generations: ReadonlyMap<string, Generation> }
    | undefined;
  /** The targets of the stages, in the order of the settings; undefined until they were opened. */
  readonly staged: readonly Staged[] | undefined;
  /** What the next child reads at its start, and its environment. */
  readonly next: { readonly snapshot: Snapshot; readonly environment: readonly string[] };
  /** The files of `--env-dir` that were warned about, by path. */
  readonly skipped: readonly string[];
  /** Signals that ended the child though it had a handler: a restart does better. */
  readonly deadly: ReadonlySet<Signal>;
  /** Watches whose content could not be applied. */
  readonly stale: readonly string[];
  /** Why the application does not run on the content that is there; undefined if it does. */
  readonly degraded: string | undefined;
  /** When the last applies began, those of the last ten minutes. */
  readonly applies: readonly number[];
  /** Whether it was said that there are many. */
  readonly flapping: boolean;
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
  readonly configuration: Configuration;
  readonly readiness: Readiness;
};

export function withConfiguration(state: State, change: Partial<Configuration>): State {
  return { ...state, configuration: { ...state.configuration, ...change } };
}
