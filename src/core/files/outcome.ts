import type { Content } from './content.ts';
import type { FileDigest, FileFailure } from './files.ts';
import type { Frozen, Mount } from './mounts.ts';
import type { Places, Ways } from './places.ts';
import type { TooLarge, TreeCopy } from './tree.ts';
import { isReserved, type Volume, type VolumeLevel } from './volume.ts';

/* What is asked of a reading, and what becomes of it. */

/** What is to be read for one watch. */
export type ReadingRequest = {
  readonly path: string;
  /** The last reading of this watch, by which it can be told to be the same without reading all of it again. */
  readonly known?: Known;
  /** Whether the texts of the files are wanted as well: {@link Content.texts}. */
  readonly capture?: boolean;
  /** Takes a copy of what is read; of no use together with a `known` volume, of which nothing may have to be read. */
  readonly copy?: TreeCopy;
  /** Whether its writer goes on below a generation that the link leads to already, so that events there count as well. */
  readonly copied?: boolean;
  /** With what the reading is going to be compared: `foreseeChange`. */
  readonly told?: Content;
  /** Whether to tell of mounts that keep it from ever changing. */
  readonly mounts?: boolean;
  /** Mount points at and below it, as they were told before. */
  readonly points?: ReadonlySet<string>;
  /** Its places as they are known, where nothing happened on the way to its volume. */
  readonly places?: Places;
  /** Its places as they were found last, of which those that are the same are kept. */
  readonly before?: Places;
  /** Whether all of it is read, though times and inodes say that it is the same. */
  readonly whole?: boolean;
  /** Whether a volume below it that lost all its files counts as changed. */
  readonly allowEmpty?: boolean;
};

/** What a reading leaves for the next one. */
export type Known = {
  readonly digest: string;
  /** The volume that was read whole, complete, and with nothing in it that lies elsewhere. */
  readonly volume?: Volume;
  /** Whether the volume lies in memory. */
  readonly keyed?: boolean;
  /** The files, by name, with what tells that they are still the same. */
  readonly files?: ReadonlyMap<string, FileDigest>;
  /** The volumes below the watch: by name the path of each. */
  readonly nested?: ReadonlyMap<string, string>;
};

/** What became of one watch. */
export type Reading = Outcome & {
  /** Why some of it can never change, where that was asked for and is so. */
  readonly frozen?: readonly Frozen[];
  /** The mount points at and below it, where mounts were asked for, and the type of the file system that it lies on. */
  readonly points?: ReadonlySet<string>;
  readonly system?: string;
  /** Whether all of it lies in the image of the container: on a root file system that is laid over others. */
  readonly inImage?: boolean;
};

export type Outcome =
  | { readonly status: 'unchanged' }
  | {
      readonly status: 'read';
      readonly content: Content;
      /** False while the writer is seen at work: read again, and take it as it is only if that goes on for too long. */
      readonly settled: boolean;
      /** Whether generations went by faster than one could be read: what was read may be a mix and is never taken. */
      readonly moving: boolean;
      readonly volume: Volume | undefined;
      /** The roots of the volumes below it. */
      readonly nested?: readonly string[];
      /** Whether there are files beside the volumes, where there is no volume around all. */
      readonly beside?: boolean;
      /** The names of the volumes below it that vanished, whose last state is kept in the content. */
      readonly vanished?: readonly string[];
      /** Whether a file of it has no name any more where it came from. */
      readonly unlinked?: boolean;
      readonly places: Places;
      readonly known: Known;
    }
  | {
      readonly status: 'missing';
      /** Whether something may appear there: the parent directory is there, or the path lies on a mounted volume. */
      readonly expected: boolean;
      readonly volume: Volume | undefined;
      readonly places: Places;
    }
  | ({ readonly status: 'unreadable' } & FileFailure)
  | ({ readonly status: 'too-large' } & TooLarge);

/** What one look has seen of volumes, by their root: watches on the same volume must be of the same generation. */
export type Seen = {
  readonly generations: Map<string, string>;
  readonly levels: Map<string, VolumeLevel>;
  readonly ways: Ways;
  mounts: readonly Mount[] | undefined;
};

/** What could not be read, or is too much; what was read from a generation is named as the application sees it. */
export function unusable(failure: FileFailure | TooLarge): Outcome {
  if ('tooLarge' in failure) return { status: 'too-large', ...failure };
  const parts = failure.path.split('/').filter((part) => part === '..' || !isReserved(part));
  return { status: 'unreadable', ...failure, path: parts.join('/') };
}
