import { relativePath } from '../text/path.ts';
import { type FileSteps, isFailure, readlink, status } from './files.ts';
import { forEachLine } from './lines.ts';

/** A mount as proc_pid_mountinfo(5) tells of it, in byte strings. */
export type Mount = {
  /** What of its file system is mounted; ends in `//deleted` when that is gone. */
  readonly root: string;
  readonly point: string;
  /** Its number, and that of the mount that it lies on. */
  readonly id: string;
  readonly parent: string;
  /** The number of its file system, `MAJOR:MINOR`, and the file system's type: `nfs4`, `fuse.sshfs`. */
  readonly device: string;
  readonly type: string;
};

/**
 * Why what lies below a mount point can never change (specification 4.7): `subpath`, because one file or directory of a
 * generation is mounted, not the volume; `torn-down`, because the volume was removed under the container; `replaced`, because
 * the one file that is mounted has another in its place where it came from.
 */
export type Frozen = { readonly why: 'subpath' | 'torn-down' | 'replaced'; readonly point: string };

const MOUNTS = '/proc/self/mountinfo';

/** As many mounts as a namespace may hold by default are read (fs.mount-max), and a line is no longer than its two paths. */
const LIMITS = { bytes: 32 * 1024 * 1024, line: 16 * 1024 };

/** All mounts that can be seen, the later over the earlier; none where /proc does not tell. */
export function* readMounts(): FileSteps<readonly Mount[]> {
  const mounts: Mount[] = [];
  yield* forEachLine(MOUNTS, LIMITS, (line) => {
    mounts.push(...parseMounts(line));
  });
  return mounts;
}

/** What proc_pid_mountinfo(5) tells, as a byte string. */
export function parseMounts(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const fields = line.split(' ');
    const [id, parent, device, root, point] = fields;
    // Between the fields that are always there stand as many as there are, and a dash behind them.
    const type = fields[fields.indexOf('-', 6) + 1];
    if (id === undefined || parent === undefined || device === undefined) return [];
    if (root === undefined || point === undefined || type === undefined) return [];
    return [{ root: unescaped(root), point: unescaped(point), id, parent, device, type: unescaped(type) }];
  });
}

/** Blanks, line ends and backslashes are written as `\040` and the like. */
function unescaped(field: string): string {
  // Looked for first: a table of mounts is read at each look, and hardly ever has one.
  if (!field.includes('\\')) return field;
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** The mount that a path lies on, and those below it. */
export function mountsOf(mounts: readonly Mount[], path: string): readonly Mount[] {
  const own = mounts.reduce<Mount | undefined>(
    (best, mount) =>
      relativePath(mount.point, path) !== undefined && mount.point.length >= (best?.point.length ?? 0)
        ? mount
        : best,
    undefined,
  );
  const below = mounts.filter(({ point }) => point !== path && relativePath(path, point) !== undefined);
  return [...(own === undefined ? [] : [own]), ...below];
}

/** What container runtimes make the root of a container of. */
const LAYERED: readonly string[] = ['overlay', 'fuse.fuse-overlayfs', 'aufs'];

/** What a path lies on, of the mounts that {@link mountsOf} found for it. */
export function systemOf(
  mounts: readonly Mount[],
  path: string,
): { readonly system: string | undefined; readonly inImage: boolean } {
  const own = mounts.find(({ point }) => relativePath(point, path) !== undefined);
  const isRoot = own?.point === '/' && mounts.length === 1;
  return { system: own?.type, inImage: isRoot && LAYERED.includes(own.type) };
}

/** Those mounts that freeze what is seen there. */
export function* frozenAmong(mounts: readonly Mount[]): FileSteps<readonly Frozen[]> {
  const frozen: Frozen[] = [];
  for (const { root, point } of mounts) {
    // A kubelet volume as a whole has no generation in its root (shared/kubelet.md 4).
    if (root.split('/').some((part) => /^\.\.\d/.test(part))) frozen.push({ why: 'subpath', point });
    else if (root.endsWith('//deleted')) {
      const found = yield* status(point, false);
      const isFile = !isFailure(found) && found.kind === 'file';
      frozen.push({ why: isFile ? 'replaced' : 'torn-down', point });
    }
  }
  return frozen;
}

/**
 * The number of this process's mount namespace (namespaces(7)), by which containers of one pod that share a directory are told
 * apart; `0` where /proc does not tell.
 */
export function* mountNamespace(): FileSteps<string> {
  const link = yield* readlink('/proc/self/ns/mnt');
  return isFailure(link) ? '0' : (/^mnt:\[(\d{1,20})\]$/.exec(link)?.[1] ?? '0');
}
