import type { Snapshot } from '../files/snapshot.ts';
import type { LogLine } from '../log/log.ts';
import type { Generation, Stage } from '../staging/stage.ts';
import type { Reload } from './progress.ts';

/** What content is brought to the gate for. `start`: the child reads it when it starts; `rollback`: good generations, unchecked. */
export type Purpose =
  | { readonly kind: 'reload'; readonly reload: Reload }
  | { readonly kind: 'start' }
  | { readonly kind: 'rollback'; readonly reload: Reload };

/** Content on its way to the application. */
export type Passage = {
  readonly purpose: Purpose;
  readonly snapshot: Snapshot;
  /** The files that changed, for the check. */
  readonly paths: readonly string[];
  /** The environment that the content makes. */
  readonly environment: readonly string[];
  /** By source, the generations that hold the content and are not published yet. */
  readonly generations: ReadonlyMap<string, Generation>;
};

/** Why content is not let through. */
export type Refusal = {
  /** Whether the content itself is bad; else nothing is known about it. */
  readonly bad: boolean;
  readonly reason: string;
  readonly fields: LogLine['fields'];
};

/** How far the content at the gate has come; `job` is the number of what is waited for: work on the stages, or the check. */
export type Transit =
  | { readonly phase: 'closed' }
  | { readonly phase: 'staging'; readonly passage: Passage; readonly job: number }
  | { readonly phase: 'checking'; readonly passage: Passage; readonly job: number }
  /** Waiting for a slot of the fleet. */
  | { readonly phase: 'queueing'; readonly passage: Passage }
  | { readonly phase: 'publishing'; readonly passage: Passage; readonly job: number };

/** The number of work on the stages that nobody waits for. */
export const NOBODYS = 0;

/** Between content that was read and the application: it is copied, checked and published, one at a time. */
export type Gate = {
  readonly transit: Transit;
  /** What passed the check last. */
  readonly checked: Snapshot | undefined;
  /** Generations that are being published, by source: nothing is read from the targets until that is over. */
  readonly publishing:
    | { readonly job: number; readonly generations: ReadonlyMap<string, Generation> }
    | undefined;
  /** The targets of the stages, in the order of the settings; undefined until they were opened. */
  readonly staged: readonly Staged[] | undefined;
  /** The files of `--env-dir` that were warned about, by path. */
  readonly skipped: readonly string[];
  /** Whether it was said that owners of files could not be kept. */
  readonly ownersTold: boolean;
  /** Whether a look at the targets is under way. */
  readonly tending: boolean;
};

/** What lies in the target of a stage. */
export type Staged = {
  readonly stage: Stage;
  /** Whether the target lies in memory, as it must where the source does. */
  readonly inMemory: boolean;
  readonly active: Generation | undefined;
  readonly good: Generation | undefined;
};

/** What is known of the slot that is being asked for. */
export type Wish = {
  /** When it was first asked for. */
  readonly since: number;
  /** Answers that were no yes. */
  readonly tries: number;
  /** Whether an earlier life of the same id may hold it, and not be done with it. */
  readonly earlier: boolean;
  /** What the server said last, or why nothing did. */
  readonly refusal: string | undefined;
};

/** The slot of this replica among its fleet. */
export type Slot =
  /** There is no server. */
  | { readonly phase: 'off' }
  /** Nothing is held, nor asked for. */
  | { readonly phase: 'free' }
  /** What an earlier life held is not known, and kept. */
  | { readonly phase: 'unknown' }
  /** A request is under way; `wanted`: somebody still waits for it. */
  | { readonly phase: 'asking'; readonly job: number; readonly wanted: boolean; readonly wish: Wish }
  /** It was not given, and is asked for again after a while. */
  | { readonly phase: 'pausing'; readonly wish: Wish }
  | { readonly phase: 'held'; readonly since: number }
  /** It is being given back; `held`: it was known to be held. `wanted`: it is asked for again afterwards. */
  | {
      readonly phase: 'returning';
      readonly job: number;
      readonly tries: number;
      readonly held: boolean;
      readonly wanted: boolean;
    }
  /** Nobody took it back, which is tried again after a while. */
  | { readonly phase: 'retrying'; readonly tries: number; readonly held: boolean };
