import type { Snapshot } from '../files/snapshot.ts';
import type { Signal } from '../process/signals.ts';
import type { Action } from './action.ts';

/** One reload, from the change that asks for it to its outcome. */
export type Reload = {
  readonly id: number;
  /** When the change was first seen. */
  readonly since: number;
  /** When it began. */
  readonly begun: number;
  /** The files that changed; none if it was asked for without a change. */
  readonly paths: readonly string[];
  readonly actions: readonly Action[];
  /** Those of the actions that were asked for from outside. */
  readonly requested: readonly Action[];
  /** Whether it does without a slot of the fleet. */
  readonly unlocked: boolean;
  /** What the application was told before. */
  readonly from: Snapshot;
  /** The content that it is to make the application use; of a restart, what its start reads. */
  readonly snapshot: Snapshot;
  /** Why it is rolled back: the last good generations are applied by the same actions. */
  readonly rollback: string | undefined;
};

/** What a reload waits for before it begins (specification 5). */
export type HeldReason = 'settle' | 'splay' | 'min-interval' | 'verify' | 'fleet-lock' | 'drain';

/** From a change of content to an action. */
export type Progress =
  /** Before the first start. */
  | { readonly phase: 'baseline' }
  | { readonly phase: 'resting' }
  /** Changed; waiting for quiet. */
  | { readonly phase: 'settling' }
  /** To be applied, but not yet; `reason` where it was told for what it waits. */
  | { readonly phase: 'holding'; readonly reason?: HeldReason }
  /** To be applied after a random time. */
  | { readonly phase: 'splaying' }
  /** Taking the snapshot that will be applied. */
  | { readonly phase: 'reading'; readonly look: number }
  /** The content is at the gate, or what came of it there is about to be told. */
  | { readonly phase: 'gated'; readonly reload: Reload }
  /** The actions are under way; those of `remaining` are still to be done, the first of them by `job` if it is no signal. */
  | {
      readonly phase: 'acting';
      readonly reload: Reload;
      readonly remaining: readonly Action[];
      readonly job: number | undefined;
      /** The stop of the child waits until those who send requests have noticed. */
      readonly draining?: true;
      /** How often the child was found to block the signal that is next, and whether it is being looked at again. */
      readonly blocked?: { readonly times: number; readonly looking: boolean };
    };

/** What the application was told, and what is to be told to it. */
export type Configuration = {
  readonly progress: Progress;
  /** The content at the child's start or at the last action that was begun. */
  readonly told: Snapshot;
  /**
   * The files that were told without an answer, which the application may have taken or not; undefined if it is known what
   * it was told. No content counts as applied then, until an action succeeds (specification 3).
   */
  readonly unanswered: readonly string[] | undefined;
  /** The last content that was looked at. */
  readonly seen: Snapshot;
  /** When the change that is not told yet was first seen. */
  readonly changedAt: number | undefined;
  /** Until when at most it is held back, by what it waits for now. */
  readonly heldUntil: number | undefined;
  /** Actions that were asked for from outside, whether or not the content changed. */
  readonly requested: readonly Action[];
  /** Nothing is done before the start of the child is verified. */
  readonly awaitVerified: boolean;
  /** The reload that is being verified, and whether the child has stayed up for its verify time. */
  readonly verifying: { readonly reload: Reload; readonly stayed: boolean } | undefined;
  /** The reload that told what was told last, whose verification newer content cut off; a restart is verified by its start. */
  readonly cutOff: Reload | undefined;
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
  /** Whether what is to be applied does without a slot of the fleet: somebody said so. */
  readonly unlocked: boolean;
  /** What was there when the first child started on older content, since it takes a slot of the fleet to use it. */
  readonly deferred: Snapshot | undefined;
  /** What the next child reads at its start, and its environment. */
  readonly next: { readonly snapshot: Snapshot; readonly environment: readonly string[] };
  /** What was found of how the child takes reload signals, and told: once is enough. */
  readonly found: ReadonlySet<string>;
  /** Signals that ended the child though it had a handler: a restart does better. */
  readonly deadly: ReadonlySet<Signal>;
  /** Watches whose content could not be applied. */
  readonly stale: readonly string[];
  /** Why the application does not run on the content that is there; undefined if it does. */
  readonly degraded: string | undefined;
  /** When the last applies began, those of the last ten minutes, and no more than make it flap. */
  readonly applies: readonly number[];
  /** Whether it was said that there are many. */
  readonly flapping: boolean;
};
