import type { FileStatus, FileSteps } from '../files.ts';

/* What tells that a file is still the same without its being read. */

/** Content may change once more within the same tick of a clock; what is younger than this is read again, ms. */
const YOUNG = 2_000;

/**
 * File systems whose times are those of this machine, to the tick: magic.h of Linux. ext2 to ext4, XFS, Btrfs, tmpfs,
 * ramfs, overlayfs, F2FS, ZFS, bcachefs.
 */
const TRUSTED = [
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x858458f6, 0x794c7630, 0xf2f52010, 0x2fc12fc1, 0xca451a4e,
];

/** Identity and times in one string. */
export function stampOf({ identity, stamp }: FileStatus): string {
  return `${identity} ${stamp}`;
}

/**
 * Whether a file whose stamp is the same later can be taken to be the same.
 *
 * @param now  the wall clock before it was read
 */
export function* isStamped(
  clocks: Map<string, boolean>,
  { path, found }: { readonly path: string; readonly found: FileStatus },
  now: number,
): FileSteps<boolean> {
  if (found.changed > now - YOUNG) return false;
  const known = clocks.get(found.device);
  if (known !== undefined) return known;
  const answer = yield { op: 'file-system', path };
  // A 32-bit host has the number with its sign.
  const trusted = answer.op === 'file-system' && TRUSTED.includes(answer.value >>> 0);
  clocks.set(found.device, trusted);
  return trusted;
}
