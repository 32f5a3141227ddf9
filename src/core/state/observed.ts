import type { Content } from '../files/content.ts';
import type { Frozen } from '../files/mounts.ts';
import type { Place, PlaceKind, Places } from '../files/places.ts';
import type { Known } from '../files/reading.ts';
import type { Snapshot } from '../files/snapshot.ts';
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
  /** The roots of the volumes below it. */
  readonly nested: readonly string[];
  /** Whether some of it lies in no volume. */
  readonly plain: boolean;
  readonly places: Places;
  /** Why the content is kept though it can't be seen at the moment, as last logged. */
  readonly trouble: string | undefined;
  /** When its writer was first seen at work; undefined if the last look found it at rest. */
  readonly unsettledSince: number | undefined;
  /** What the last look found of a generation that is being copied, and since when it is the same. */
  readonly copy: Copy | undefined;
  /**
   * Whether a part of it lies on a file system whose server may stop answering, and what goes on with the looks at it
   * that are made apart from the others. `new`: one is due; `again`: one is under way, and another must follow; `back`:
   * it lies there no longer.
   */
  readonly apart: 'no' | 'new' | 'idle' | 'looking' | 'again' | 'back';
  /** Whether it was said that it is looked at so. */
  readonly polled: boolean;
  /** The mounts of which it was told that they can never change, and why. */
  readonly frozen: ReadonlyMap<string, Frozen['why']>;
  /** The type of the file system that it lies on; undefined where nobody told. */
  readonly system: string | undefined;
  /** Whether all of it lies in the image of the container. */
  readonly inImage: boolean;
  /** The mount points at and below it; undefined until they were looked at. */
  readonly points: ReadonlySet<string> | undefined;
};

/** A place whose events are asked for, and what of it counts for a watch; there may be ten thousand of them. */
export type Spot = {
  readonly identity: string;
  readonly kind: PlaceKind;
  /** The index of the watch. */
  readonly watch: number;
  readonly place: Place;
  /** The same for another watch. */
  readonly next: Spot | undefined;
};

/** Watches that are to be looked at, by index; `true`: nothing happened but at the root of its volume. */
export type Due = ReadonlyMap<number, boolean>;

/** Looking at the watches: one look at a time. */
export type Observation = {
  readonly phase: 'idle' | 'looking';
  /** Looks begun so far; the number of the present one while looking. */
  readonly looks: number;
  /** The watches that the present look is for, by index. */
  readonly looking: readonly number[];
  /** What happened since the present look began, so that another must follow. */
  readonly due: Due;
  /** Whether that was asked for, not only told by an event. */
  readonly urgent: boolean;
  /** The watches whose writer was seen at work and is waited for. */
  readonly waiting: ReadonlySet<number>;
  /** The watches that no event need tell of: they are looked at again after a while. */
  readonly troubled: ReadonlySet<number>;
  /** The content of all watches as it is known. */
  readonly snapshot: Snapshot;
  /** When the present look began, and the last one ended; until when events lead to no other. */
  readonly began: number;
  readonly ended: number;
  readonly quietUntil: number;
  /** What looks have taken lately, less what the time between them makes up for, ms. */
  readonly taken: number;
  /** Polls so far: each tenth reads whole what is no volume. */
  readonly polls: number;
  readonly watched: readonly Watched[];
  /** When the first look of all began. */
  readonly since: number;
  /** Until the next look if this one left something that no event need mend, ms. */
  readonly recheck: number;
  /** The places that the host was told to watch, by path. */
  readonly places: ReadonlyMap<string, Spot>;
  /** Of those, the ones that are gone: what is there now is to be watched anew. */
  readonly lost: ReadonlySet<string>;
  /** Of those, the ones that send no events. */
  readonly unwatched: ReadonlySet<string>;
  /** The reasons for that which were warned of since events last came from everywhere. */
  readonly degraded: ReadonlySet<string>;
  /** The volumes whose writer was seen to copy: their generation is not whole when the link leads to it. */
  readonly copied: ReadonlySet<string>;
};
