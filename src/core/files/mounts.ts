import { joinPath, parentPath, relativePath } from '../text/path.ts';
import { type FileSteps, readlink } from './files.ts';
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
 * generation is mounted, not the volume; `torn-down`, because the volume was removed under the container.
 */
export type Frozen = { readonly why: 'subpath' | 'torn-down'; readonly point: string };

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
  return field.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** The first mount that freezes what a watch on `path` sees: the one that it lies on, or one below it. */
export function frozenAt(mounts: readonly Mount[], path: string): Frozen | undefined {
  const own = mounts.reduce<Mount | undefined>(
    (best, mount) =>
      relativePath(mount.point, path) !== undefined && mount.point.length >= (best?.point.length ?? 0)
        ? mount
        : best,
    undefined,
  );
  const below = mounts.filter(({ point }) => point !== path && relativePath(path, point) !== undefined);
  for (const { root, point } of [...(own === undefined ? [] : [own]), ...below]) {
    // A kubelet volume as a whole has no generation in its root (shared/kubelet.md 4).
    if (root.split('/').some((part) => /^\.\.\d/.test(part))) return { why: 'subpath', point };
    if (root.endsWith('//deleted')) return { why: 'torn-down', point };
  }
  return undefined;
}

/** So many links are followed in one path: path_resolution(7). */
const MOST_LINKS = 40;

/**
 * The path without links that a path leads to, as mounts are known by; as far as it is there.
 *
 * @param passed gets the directory of each link on the way
 */
export function* realPath(path: string, passed: Set<string> = new Set()): FileSteps<string> {
  let real = '/';
  let pending = path.split('/');
  for (let links = 0; pending.length > 0 && links <= MOST_LINKS; ) {
    const [name = '', ...rest] = pending;
    pending = rest;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      real = parentPath(real);
      continue;
    }
    const next = joinPath(real, name);
    const target = yield* readlink(next);
    if (typeof target !== 'string') real = next;
    else {
      links += 1;
      passed.add(real);
      if (target.startsWith('/')) real = '/';
      pending = [...target.split('/'), ...rest];
    }
  }
  return real;
}
