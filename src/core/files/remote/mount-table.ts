import { joinPath, parentPath } from '../../text/path.ts';
import type { Mount } from '../mounts.ts';

/*
 * Which file systems have a server that may stop answering. Who touches a path on one then waits in the kernel, where
 * nothing reaches it; statfs(2) waits as well, so the type is known from the list of mounts.
 */

/** File systems that only the kernel of this machine serves. Whatever is not among them may hang: nfs, fuse, cifs, 9p, ceph … */
const LOCAL: ReadonlySet<string> = new Set(
  (
    'ext2 ext3 ext4 xfs btrfs bcachefs f2fs zfs jfs reiserfs nilfs2 minix ufs hfs hfsplus ' +
    'vfat msdos exfat ntfs ntfs3 iso9660 udf squashfs erofs cramfs romfs overlay aufs ' +
    'tmpfs ramfs rootfs hugetlbfs devtmpfs devpts mqueue proc sysfs cgroup cgroup2 cpuset nsfs bpf ' +
    'debugfs tracefs securityfs selinuxfs smackfs configfs efivarfs pstore binfmt_misc fusectl rpc_pipefs resctrl'
  ).split(' '),
);

/**
 * Whether any of the mounts that proc_pid_mountinfo(5) tells of may hang, or might as far as its type goes. Behind a dash between
 * blanks stands the type; what else there is has no blanks in it.
 */
export function mayAnyHang(text: string): boolean {
  for (let dash = text.indexOf(DASH); dash >= 0; ) {
    const type = dash + DASH.length;
    const end = text.indexOf(' ', type);
    if (!LOCAL.has(text.slice(type, end))) return true;
    dash = text.indexOf(DASH, end);
  }
  return false;
}

const DASH = ' - ';

/** The mounts that can be seen, by the paths that they are mounted on. */
export type MountTable = {
  readonly at: ReadonlyMap<string, readonly Mount[]>;
  readonly ids: ReadonlySet<string>;
  /** Those that may hang. */
  readonly remote: ReadonlySet<Mount>;
};

/**
 * The file system of `/` counts as local, whatever it is, and so does what else is mounted of it: where that hangs no
 * process of the container goes on. (Kata's and gVisor's containers have virtiofs and 9p there.)
 */
export function tableOf(mounts: readonly Mount[]): MountTable {
  const at = new Map<string, Mount[]>();
  for (const mount of mounts) at.set(mount.point, [...(at.get(mount.point) ?? []), mount]);
  const ids = new Set(mounts.map(({ id }) => id));
  const root = mountSeen({ at, ids, remote: new Set() }, '/', undefined);
  const remote = mounts.filter(({ type, device }) => !LOCAL.has(type) && device !== root?.device);
  return { at, ids, remote: new Set(remote) };
}

/**
 * The mount that is seen at a path whose directory is seen on the mount `on`: one that is mounted there, the last if
 * there are several, else `on` itself.
 */
export function mountSeen(table: MountTable, path: string, on: Mount | undefined): Mount | undefined {
  let seen = on;
  for (;;) {
    const under = seen;
    const over = table.at
      .get(path)
      ?.findLast((mount) =>
        under === undefined
          ? mount.id === mount.parent || !table.ids.has(mount.parent)
          : mount.parent === under.id && mount !== under,
      );
    if (over === undefined) return seen;
    seen = over;
  }
}

/** A place in the tree of all files: its path without links, and the mount that it lies on. */
export type Spot = { readonly real: string; readonly mount: Mount | undefined };

export function spotOf(table: MountTable, real: string): Spot {
  if (real === '/') return { real, mount: mountSeen(table, '/', undefined) };
  const { mount } = spotOf(table, parentPath(real));
  return { real, mount: mountSeen(table, real, mount) };
}

export function spotBelow(table: MountTable, { real, mount }: Spot, name: string): Spot {
  const path = joinPath(real, name);
  return { real: path, mount: mountSeen(table, path, mount) };
}
