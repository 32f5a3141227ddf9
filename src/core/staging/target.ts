import type { Directory } from '../files/below/handles.ts';
import type { Content } from '../files/content.ts';
import type { FileDigest, FileStatus } from '../files/files.ts';
import type { MayEmpty } from '../files/removal.ts';
import type { Place } from './placement.ts';
import type { StageRecord } from './record.ts';

/** A generation that this process made, or found and trusts. */
export type Held = {
  /** Its name in the target: that by which it is asked for, unless it had to be made anew. */
  readonly name: string;
  readonly identity: string;
  /** All files, those too that don't count as content. */
  readonly files: ReadonlyMap<string, FileDigest>;
  /** Whose digests are keyed. */
  readonly keyed: ReadonlySet<string>;
  readonly content: Content;
  /** Differs when anything in it was written. */
  seal: string;
};

/** A target that this process has open and locked for as long as it lives. */
export type Target = {
  readonly place: Place;
  directory: Directory;
  readonly identity: string;
  /** Whom belongs what this process makes. */
  readonly user: number;
  /** By the name under which each was told of. */
  readonly generations: Map<string, Held>;
  /** What is published, and what did well last. */
  active: Held | undefined;
  good: Held | undefined;
  /** The generation that was copied last, as long as it is not seen. */
  pending: string | undefined;
  /** What of a source does not count as content and was tried to be published last, by its digests. */
  rotated: string | undefined;
  /** What was told last to be amiss with it. */
  amiss: string | undefined;
  record: StageRecord;
};

/** Write permission for others than the owner. */
const OTHERS_WRITE = 0o022;

/** Whether only this user can have made a directory, and nobody else can have put anything into it. */
export function isOwn({ kind, owner, mode }: FileStatus, user: number): boolean {
  return kind === 'directory' && owner === user && (mode & OTHERS_WRITE) === 0;
}

/**
 * What may be emptied in a target to be removed: a generation of this process's, or what nobody else can have made. What
 * others put there, to have it emptied by somebody who may do more than they, stays.
 */
export function mayEmpty({ user, generations, record }: Target): MayEmpty {
  let known = false;
  return (found, below) => {
    if (!below) {
      known =
        [...generations.values()].some(({ identity }) => identity === found.identity) ||
        record.generations.includes(withoutDevice(found.identity));
    }
    return known || isOwn(found, user);
  };
}

/** An identity as it is remembered over restarts, in which the number of a device may change. */
export function withoutDevice(identity: string): string {
  return identity.slice(identity.indexOf(':') + 1);
}
