/*
 * Room `files/`: the Files port, and reading what lies there: trees, kubelet volumes, mounts. May not know what changed,
 * or that anybody waits for it.
 */

/**
 * The Files port. Core algorithms that read are generators: each yields one {@link FileRequest} at a time and is
 * resumed with its {@link FileAnswer}, so that a host can take signals between any two and a test can change the world
 * there. Paths are byte strings: absolute, or one name in a directory that is `in` use by its handle.
 */

export type FileKind = 'file' | 'directory' | 'link' | 'other';

export type FileStatus = {
  readonly kind: FileKind;
  /**
   * `DEVICE:INODE:BIRTH`, the device as `MAJOR.MINOR`: differs when a path names another file than before, though inodes
   * are reused.
   */
  readonly identity: string;
  readonly device: string;
  /** The permission bits, set-id and sticky bits included: `mode & 07777`. */
  readonly mode: number;
  readonly owner: number;
  readonly group: number;
  /** How many names it has: none once the file that is mounted or open here was removed where it came from. */
  readonly links: number;
  /** Size and the times of change to the nanosecond: content that changes leaves another, unless the clock is in the way. */
  readonly stamp: string;
  /** When its content or its inode last changed, by the clock of its file system: milliseconds since the epoch. */
  readonly changed: number;
};

/** An absolute path; links on the way are followed, and where the operation says so at its end. */
type Path = { readonly in?: undefined; readonly path: string };

/**
 * One name in a directory, whose handle it is, as the `…at` system calls have it. Nothing is followed: what others put
 * there can't lead out of it.
 */
type Name = { readonly in: number; readonly path: string };

/** Names of a directory; `rest`: a handle on those that are not told yet, if there are any. */
export type Names = { readonly names: readonly string[]; readonly rest: number | undefined };

/** What a volume shows, and the files of one of its generations by their names; whether these lie in memory. */
export type Generation = {
  readonly visible: readonly string[];
  readonly files: ReadonlyMap<string, FileDigest>;
  readonly inMemory: boolean;
};

/** What lies at a path, and if that is a file of at most 64 KiB, the digest of what was read of it. */
export type Inspected = { readonly found: FileStatus; readonly digest: FileDigest | undefined };

/** What a request asks for, and what a host answers if it succeeds. */
type Operations = {
  /** readlink(2), readlinkat(2). */
  readlink: { request: Path | Name; answer: string };
  /** The names in a directory but `.` and `..`, in any order. */
  names: { request: { readonly path: string }; answer: readonly string[] };
  /** stat(2) if `follow`, else lstat(2); with a handle fstatat(2), of the open file itself for an empty name. */
  status: { request: (Path & { readonly follow: boolean }) | Name; answer: FileStatus };
  /** The first names in a directory but `.` and `..`, in any order: at most 64 KiB. */
  list: { request: { readonly path: string }; answer: Names };
  'list-rest': { request: { readonly list: number }; answer: Names };
  /** Gives up what is left of a listing. */
  'list-end': { request: { readonly list: number }; answer: undefined };
  /** lstat(2), and of a file of at most 64 KiB the digest as well; neither waits for a writer. */
  inspect: { request: { readonly path: string; readonly keyed: boolean }; answer: Inspected };
  /**
   * What a kubelet volume shows and what one of its generations holds, where that is nothing but files of 64 KiB altogether.
   * Undefined where it is anything else and where anything fails: then it is to be looked at piece by piece.
   */
  generation: {
    request: { readonly path: string; readonly name: string; readonly keyed: boolean };
    answer: Generation | undefined;
  };
  /** The wall clock: milliseconds since the epoch. */
  time: { request: object; answer: number };
  /** The type of the file system that a path lies on: statfs(2). */
  'file-system': { request: { readonly path: string }; answer: number };
  /** Whether a path lies on tmpfs or ramfs: statfs(2), `TMPFS_MAGIC` and `RAMFS_MAGIC`. */
  memory: { request: { readonly path: string }; answer: boolean };
  /** Opens for reading, without waiting for a writer (O_NONBLOCK); answers a handle. */
  open: { request: Path | Name; answer: number };
  /** Opens a directory (O_DIRECTORY): its handle serves as `in`. */
  enter: { request: Path | Name; answer: number };
  /** Some more names in a directory but `.` and `..`, from the beginning if `anew`; none at the end. */
  entries: { request: { readonly directory: number; readonly anew: boolean }; answer: readonly string[] };
  close: { request: { readonly file: number }; answer: undefined };
  /** At most 64 KiB of an open file, as a byte string; empty at the end. For what rehup itself must understand. */
  read: { request: { readonly file: number }; answer: string };
  /** A new digest, SHA-256 or, if `keyed`, HMAC-SHA-256 with this process's random key; answers a handle. */
  digest: { request: { readonly keyed: boolean }; answer: number };
  /** Feeds at most 64 KiB of an open file to a digest; answers the number of bytes, 0 at the end. */
  'digest-file': { request: { readonly digest: number; readonly file: number }; answer: number };
  'digest-bytes': { request: { readonly digest: number; readonly bytes: string }; answer: undefined };
  /** The digest of so little that it is there at once, in hexadecimal. */
  'digest-of': { request: { readonly keyed: boolean; readonly bytes: string }; answer: string };
  /** Ends a digest; answers it in hexadecimal. */
  'digest-end': { request: { readonly digest: number }; answer: string };

  /** geteuid(2): whom belongs what is made. */
  user: { request: unknown; answer: number };
  /** flock(2), exclusively and without waiting: false where another open file has the lock. It ends with this process. */
  lock: { request: { readonly file: number }; answer: boolean };
  /** mkdir(2), mkdirat(2), less the umask. */
  mkdir: { request: (Path | Name) & { readonly mode: number }; answer: undefined };
  /** Makes a new file for writing (O_EXCL), less the umask; answers a handle. */
  create: { request: Name & { readonly mode: number }; answer: number };
  /** Makes a file in memory that has no name: memfd_create(2). Answers a handle. */
  scratch: { request: unknown; answer: number };
  /** Writes all of a byte string to an open file. */
  write: { request: { readonly file: number; readonly bytes: string }; answer: undefined };
  /** Copies at most 64 KiB from one open file to another and feeds them to a digest; answers the number of bytes, 0 at the end. */
  copy: { request: { readonly digest: number; readonly from: number; readonly to: number }; answer: number };
  /** Writes to what lies at a path, at its end, as far as it takes that without waiting: a log that is another's. */
  append: { request: { readonly path: string; readonly bytes: string }; answer: undefined };
  /** fsync(2). */
  sync: { request: { readonly file: number }; answer: undefined };
  /** fchmod(2). */
  chmod: { request: { readonly file: number; readonly mode: number }; answer: undefined };
  /** fchown(2); -1 leaves one as it is. */
  chown: {
    request: { readonly file: number; readonly owner: number; readonly group: number };
    answer: undefined;
  };
  /** chmod(2) of a directory that can't be entered, and of nothing else. */
  grant: { request: Name & { readonly mode: number }; answer: undefined };
  /** symlinkat(2). */
  symlink: { request: Name & { readonly target: string }; answer: undefined };
  /** renameat(2), within one directory. */
  rename: { request: { readonly in: number; readonly from: string; readonly to: string }; answer: undefined };
  /** unlinkat(2), without and with AT_REMOVEDIR. */
  unlink: { request: Name; answer: undefined };
  rmdir: { request: Name; answer: undefined };

  /** The text of proc_pid_mountinfo(5); undefined if it has not changed since it was last asked for. */
  mounts: { request: object; answer: string | undefined };
};

export type FileOperation = keyof Operations;

export type FileRequest = {
  [Operation in FileOperation]: { readonly op: Operation } & Operations[Operation]['request'];
}[FileOperation];

/** An operation that failed, by the name of its errno(3): `ENOENT`. */
export type FileError = { readonly op: 'error'; readonly errno: string };

export type FileAnswer =
  | {
      [Operation in FileOperation]: {
        readonly op: Operation;
        readonly value: Operations[Operation]['answer'];
      };
    }[FileOperation]
  | FileError
  | Pause;

/** Nothing is asked for: what takes long without any file lets others go on. It is answered by itself. */
export type Pause = { readonly op: 'pause' };

/** A resumable algorithm over files that ends in a Value. */
export type FileSteps<Value> = Generator<FileRequest | Pause, Value, FileAnswer>;

/** What a host offers to those who drive {@link FileSteps}. It never throws: what fails is an answer. */
export type Files = { perform(request: FileRequest): FileAnswer };

/** A file operation that failed and that the algorithm had no plan for. */
export type FileFailure = { readonly failed: FileOperation; readonly path: string; readonly errno: string };

export function isFailure(value: unknown): value is FileFailure {
  return typeof value === 'object' && value !== null && 'failed' in value && 'errno' in value;
}

export function wrongAnswer(op: FileOperation, answer: FileAnswer): Error {
  return new Error(`internal error: the host answered ${op} with ${answer.op}`);
}

export function* readlink(path: string): FileSteps<string | FileFailure> {
  const answer = yield { op: 'readlink', path };
  if (answer.op === 'error') return { failed: 'readlink', path, errno: answer.errno };
  if (answer.op !== 'readlink') throw wrongAnswer('readlink', answer);
  return answer.value;
}

export function* status(path: string, follow: boolean): FileSteps<FileStatus | FileFailure> {
  const answer = yield { op: 'status', path, follow };
  if (answer.op === 'error') return { failed: 'status', path, errno: answer.errno };
  if (answer.op !== 'status') throw wrongAnswer('status', answer);
  return answer.value;
}

/** Whether a path lies in memory; where that can't be told it counts as such, since then its digests are keyed. */
export function* liesInMemory(path: string): FileSteps<boolean> {
  const answer = yield { op: 'memory', path };
  return answer.op === 'memory' ? answer.value : true;
}

export type FileDigest = {
  readonly size: number;
  readonly digest: string;
  /** By what it is known that the file is still the same: identity and stamp. None where these can't be trusted. */
  readonly stamp?: string;
  /** The first name of the directory of which this is another name. */
  readonly second?: string;
};

/** Takes the next piece of an open file into a digest; answers its size, 0 at the end, or the operation that failed. */
export type Feed = (digest: number, file: number) => FileSteps<number | Omit<FileFailure, 'path'>>;

function* feedDigest(digest: number, file: number): ReturnType<Feed> {
  const fed = yield { op: 'digest-file', digest, file };
  if (fed.op === 'error') return { failed: 'digest-file', errno: fed.errno };
  if (fed.op !== 'digest-file') throw wrongAnswer('digest-file', fed);
  return fed.value;
}

/** A {@link Feed} that also copies to a file that is open for writing. */
export function copyingTo(to: number): Feed {
  return function* (digest, from) {
    const copied = yield { op: 'copy', digest, from, to };
    if (copied.op === 'error') return { failed: 'copy', errno: copied.errno };
    if (copied.op !== 'copy') throw wrongAnswer('copy', copied);
    return copied.value;
  };
}

/** Size and digest of one file; stops with `EFBIG` once it has read more than `limit` bytes. */
export function* digestFile(
  path: string,
  keyed: boolean,
  limit: number,
  feed: Feed = feedDigest,
): FileSteps<FileDigest | FileFailure> {
  const opened = yield* open(path);
  return isFailure(opened) ? opened : yield* digestOpened(opened, path, keyed, limit, feed);
}

/** The same of a file that is open, and closed then. */
export function* digestOpened(
  opened: number,
  path: string,
  keyed: boolean,
  limit: number,
  feed: Feed = feedDigest,
): FileSteps<FileDigest | FileFailure> {
  const digest = yield* beginDigest(keyed);
  let size = 0;
  let failure: FileFailure | undefined;
  for (;;) {
    const fed = yield* feed(digest, opened);
    if (typeof fed !== 'number') failure = { ...fed, path };
    else if (fed > 0) {
      size += fed;
      if (size <= limit) continue;
      failure = { failed: 'digest-file', path, errno: 'EFBIG' };
    }
    break;
  }
  const hexadecimal = yield* endDigest(digest);
  yield { op: 'close', file: opened };
  return failure ?? { size, digest: hexadecimal };
}

/** Opens for reading; the handle is to be closed. */
export function* open(path: string): FileSteps<number | FileFailure> {
  const answer = yield { op: 'open', path };
  if (answer.op === 'error') return { failed: 'open', path, errno: answer.errno };
  if (answer.op !== 'open') throw wrongAnswer('open', answer);
  return answer.value;
}

/** A new digest; its handle is given back by {@link endDigest}. */
export function* beginDigest(keyed: boolean): FileSteps<number> {
  const answer = yield { op: 'digest', keyed };
  if (answer.op !== 'digest') throw wrongAnswer('digest', answer);
  return answer.value;
}

/** The digest of a byte string, in hexadecimal. */
export function* digestOf(bytes: string, keyed: boolean): FileSteps<string> {
  const answer = yield { op: 'digest-of', keyed, bytes };
  if (answer.op !== 'digest-of') throw wrongAnswer('digest-of', answer);
  return answer.value;
}

/** Ends a digest: in hexadecimal. */
export function* endDigest(digest: number): FileSteps<string> {
  const answer = yield { op: 'digest-end', digest };
  if (answer.op !== 'digest-end') throw wrongAnswer('digest-end', answer);
  return answer.value;
}
