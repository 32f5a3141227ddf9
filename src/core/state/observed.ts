import type { Content } from '../files/content.ts';
import type { Directories, Known } from '../files/reading.ts';
import type { Volume } from '../files/volume.ts';

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
  /** What it was written into: `--watch`, `REHUP_STAGE`. */
  readonly origin: string;
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
  /**
   * Whether a part of it lies on a file system whose server may stop answering, and what goes on with the looks at it
   * that are made apart from the others. `new`: one is due; `again`: one is under way, and another must follow; `back`:
   * it lies there no longer.
   */
  readonly apart: 'no' | 'new' | 'idle' | 'looking' | 'again' | 'back';
  /** Whether it was said that it is looked at so. */
  readonly polled: boolean;
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
