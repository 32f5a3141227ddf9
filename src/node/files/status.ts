import type { BigIntStats } from 'node:fs';
import type { FileStatus } from '../../core/files/files.ts';

/** inode(7): the bits of a mode that chmod(2) sets. */
const PERMISSIONS = 0o7777;

/** What stat(2) told of a file. */
export function statusOf(stat: BigIntStats): FileStatus {
  const kind = stat.isFile()
    ? 'file'
    : stat.isDirectory()
      ? 'directory'
      : stat.isSymbolicLink()
        ? 'link'
        : 'other';
  const device = deviceOf(stat.dev);
  return {
    kind,
    identity: `${device}:${stat.ino}:${stat.birthtimeNs}`,
    device,
    mode: Number(stat.mode) & PERMISSIONS,
    owner: Number(stat.uid),
    group: Number(stat.gid),
    links: Number(stat.nlink),
    stamp: `${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`,
    changed: Number(stat.mtimeNs > stat.ctimeNs ? stat.mtimeMs : stat.ctimeMs),
  };
}

/** A device number as gnu_dev_major(3) and gnu_dev_minor(3) take it apart. */
function deviceOf(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  return `${major}.${(device & 0xffn) | ((device >> 12n) & 0xffffff00n)}`;
}
