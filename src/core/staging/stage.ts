import type { Content } from '../files/content.ts';
import type { ReadingRequest } from '../files/reading.ts';

/** One `--stage`: the content of SOURCE is published in TARGET, laid out as a kubelet volume. Absolute paths. */
export type Stage = { readonly source: string; readonly target: string };

/** A generation below the target of a stage, with what it holds by the names of its source. */
export type Generation = { readonly name: string; readonly content: Content };

/** What is done to the targets of the stages. */
export type StageTask =
  /** Examine the targets, once, before anything else; remove what a crash left. */
  | { readonly op: 'open'; readonly stages: readonly Stage[] }
  /** Copy sources into new generations, which nobody sees yet. */
  | { readonly op: 'prepare'; readonly copies: readonly StageCopy[] }
  /** Let the application see these generations: each by one atomic rename of `..data`. */
  | { readonly op: 'publish'; readonly generations: readonly StageGeneration[] }
  /**
   * Mark these generations as good ones, over restarts of the container too; remove all others but what is active, and but
   * newer ones unless `newer`: one of them may just be prepared.
   */
  | { readonly op: 'keep'; readonly generations: readonly StageGeneration[]; readonly newer: boolean }
  /** Remember over restarts of the container that what these generations hold has failed. */
  | { readonly op: 'fail'; readonly generations: readonly StageGeneration[] }
  /**
   * See whether the targets still show what was published in them, and publish it anew where somebody else changed that,
   * or where of a source changed what does not count as content.
   */
  | { readonly op: 'tend' };

export type StageCopy = { readonly stage: Stage; readonly request: ReadingRequest };
export type StageGeneration = { readonly stage: Stage; readonly name: string };

/** What became of a {@link StageTask}. */
export type StageResult =
  /** In the order of the stages; `good`: the last generation that was marked as one. */
  | {
      readonly op: 'opened';
      readonly stages: readonly {
        /** Whether the target lies in memory. */
        readonly inMemory: boolean;
        readonly active: Generation | undefined;
        readonly good: Generation | undefined;
      }[];
    }
  /** The target of this stage can't be used, and why, in one line for the user. */
  | { readonly op: 'refused'; readonly stage: Stage; readonly text: string }
  /**
   * In the order of the copies. `ownersKept`: false if any file has another owner or group than in its source;
   * `failedBefore`: whether any is what failed last, in this life or one before.
   */
  | {
      readonly op: 'prepared';
      readonly generations: readonly Generation[];
      readonly ownersKept: boolean;
      readonly failedBefore?: boolean;
    }
  /** `tampered`: what others had put in the way, and was replaced. */
  | { readonly op: 'published'; readonly tampered?: readonly string[] }
  | { readonly op: 'kept' }
  | { readonly op: 'noted' }
  /** What is news of the targets: what others changed, and why it could not be published anew. */
  | { readonly op: 'tended'; readonly tended: readonly Tended[] }
  /**
   * What was tried, on what, and why it failed; nothing that the application sees has changed, unless some of several
   * targets were published already. `lasting`: it would fail again, for a reason that only the user can mend.
   */
  | { readonly op: 'failed'; readonly reason: string; readonly lasting: boolean };

/** One target that others changed. */
export type Tended = {
  readonly stage: Stage;
  /** What they changed; undefined where it is known already. */
  readonly tampered: string | undefined;
  /** Why it is still not what was published. */
  readonly failed: string | undefined;
};
