import {
  act,
  copyingTo,
  create,
  digestFile,
  type FileDigest,
  type FileFailure,
  type FileStatus,
  type FileSteps,
  isFailure,
  open,
  status,
  syncDirectory,
} from '../files/files.ts';
import { removeTree } from '../files/removal.ts';
import type { CopySource, TreeCopy } from '../files/tree.ts';
import { joinPath } from '../text/path.ts';
import { memoryOf } from './failures.ts';

/** Why a copy can't be made, for a reason of its own: not that of what is copied. */
export type CopyTrouble =
  | ({ readonly kind: 'failed' } & FileFailure)
  /** What lies in memory would reach a disk. */
  | { readonly kind: 'secret'; readonly name: string }
  /** With its modes and owners this process, which may do what its child may, could not read it. */
  | ({ readonly kind: 'hidden'; readonly name: string } & FileFailure);

/** A generation in the making. */
export type Copying = TreeCopy & {
  /** Gives directories their owners and modes, tries to read all of it, and has it outlive a crash of the machine. */
  finish(): FileSteps<CopyTrouble | undefined>;
  /** What was in the way, after a walk that failed. */
  trouble(): CopyTrouble | undefined;
  /** Whether all owners and groups are those of the sources. */
  ownersKept(): boolean;
};

/** Modes while a generation is being made, whatever the umask and the modes to come. */
const PRIVATE_DIRECTORY = 0o700;
const PRIVATE_FILE = 0o600;

/** The set-id bits, which chown(2) takes away. */
const SET_ID = 0o6000;

/** What a generation has whose source is a volume, as the kubelet makes it. */
const GENERATION_MODE = 0o755;

/** Owner, group and mode of a directory that is yet to get them. */
type Likeness = Pick<FileStatus, 'mode'> & Partial<Pick<FileStatus, 'owner' | 'group'>>;

/** A copy at `root`, which is not there. `inMemory`: whether that lies on tmpfs. */
export function copyingInto(root: string, inMemory: boolean): Copying {
  let trouble: CopyTrouble | undefined;
  let ownersKept = true;
  const directories = new Map<string, Likeness>();
  const files: string[] = [];

  function failed(failure: FileFailure): FileFailure {
    trouble = { kind: 'failed', ...failure };
    return failure;
  }

  function* makeDirectory(path: string): FileSteps<FileFailure | undefined> {
    return (
      (yield* act({ op: 'mkdir', path, mode: PRIVATE_DIRECTORY })) ??
      (yield* act({ op: 'chmod', path, mode: PRIVATE_DIRECTORY }))
    );
  }

  function* begin(): FileSteps<FileFailure | undefined> {
    trouble = undefined;
    ownersKept = true;
    directories.clear();
    files.length = 0;
    const failure = (yield* removeTree(root)) ?? (yield* makeDirectory(root));
    directories.set('', { mode: GENERATION_MODE });
    return failure === undefined ? undefined : failed(failure);
  }

  function* directory(name: string, found: FileStatus): FileSteps<FileFailure | undefined> {
    directories.set(name, found);
    if (name === '') return undefined;
    const failure = yield* makeDirectory(joinPath(root, name));
    return failure === undefined ? undefined : failed(failure);
  }

  /** A link that leads to the first name from within the generation, wherever that is seen. */
  function* second(name: string, first: string): FileSteps<FileFailure | undefined> {
    const up = '../'.repeat(name.split('/').length - 1);
    const target = `${up}${first}` === '' ? '.' : `${up}${first}`;
    const failure = yield* act({ op: 'symlink', target, path: joinPath(root, name) });
    return failure === undefined ? undefined : failed(failure);
  }

  function* file(source: CopySource, limit: number): FileSteps<FileDigest | FileFailure> {
    const { path: from, name, found, keyed } = source;
    const path = joinPath(root, name);
    if (keyed && !inMemory) {
      // Keyed is also what vanished before that could be told.
      const secret = yield* memoryOf(from);
      if (isFailure(secret)) return secret;
      if (secret) {
        trouble = { kind: 'secret', name };
        return { failed: 'create', path, errno: 'EPERM' };
      }
    }
    const to = yield* create(path, PRIVATE_FILE);
    if (isFailure(to)) return failed(to);
    const digest = yield* digestFile(from, keyed, limit, copyingTo(to));
    if (isFailure(digest)) {
      yield { op: 'close', file: to };
      yield* act({ op: 'unlink', path });
      // A copy(2) may have failed on either side: it is told as the failure of a copy.
      if (digest.failed === 'copy') failed({ ...digest, path });
      return digest;
    }
    const failure = (yield* makeAlike(path, found)) ?? (yield* synced(path, to));
    yield { op: 'close', file: to };
    if (failure !== undefined) return failed(failure);
    files.push(name);
    return digest;
  }

  function* synced(path: string, file: number): FileSteps<FileFailure | undefined> {
    const answer = yield { op: 'sync', file };
    return answer.op === 'error' ? { failed: 'sync', path, errno: answer.errno } : undefined;
  }

  /** Owner and group first where that is allowed, since set-id bits do not outlive it. */
  function* makeAlike(path: string, { mode, owner, group }: Likeness): FileSteps<FileFailure | undefined> {
    const failure = yield* act({ op: 'chmod', path, mode });
    if (failure !== undefined || owner === undefined || group === undefined) return failure;
    const made = yield* status(path, false);
    if (isFailure(made)) return made;
    if (made.owner === owner && made.group === group) return undefined;
    const kept = yield* act({ op: 'chown', path, owner, group });
    if (kept !== undefined) {
      if (!isForbidden(kept)) return kept;
      if (made.owner !== owner) ownersKept = false;
      const grouped = made.group === group ? undefined : yield* act({ op: 'chown', path, owner: -1, group });
      if (grouped !== undefined) {
        if (!isForbidden(grouped)) return grouped;
        ownersKept = false;
      }
    }
    return (mode & SET_ID) === 0 ? undefined : yield* act({ op: 'chmod', path, mode });
  }

  function* finish(): FileSteps<CopyTrouble | undefined> {
    // From below, so that each can still be reached when its turn comes.
    for (const [name, likeness] of [...directories].reverse()) {
      const path = joinPath(root, name);
      const failure = (yield* syncDirectory(path)) ?? (yield* makeAlike(path, likeness));
      if (failure !== undefined) return { kind: 'failed', ...failure };
    }
    for (const name of files) {
      const opened = yield* open(joinPath(root, name));
      if (isFailure(opened)) {
        return opened.errno === 'EACCES'
          ? { kind: 'hidden', name, ...opened }
          : { kind: 'failed', ...opened };
      }
      yield { op: 'close', file: opened };
    }
    return undefined;
  }

  return { begin, directory, second, file, finish, trouble: () => trouble, ownersKept: () => ownersKept };
}

/** EINVAL: an owner that this user namespace does not know. */
function isForbidden({ errno }: FileFailure): boolean {
  return errno === 'EPERM' || errno === 'EINVAL';
}
