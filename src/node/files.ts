import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  renameSync,
  rmdirSync,
  statfsSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import type {
  FileAnswer,
  FileDigest,
  FileRequest,
  Files,
  Generation,
  Inspected,
} from '../core/files/files.ts';
import { errnoOf } from './errno.ts';
import { createDigests } from './files/digests.ts';
import { createListings } from './files/listings.ts';
import { at, bytes, O_PATH, unfollowed } from './files/paths.ts';
import { statusOf } from './files/status.ts';
import { lock } from './lock.ts';
import { createMounts } from './mounts.ts';
import { cString, libc } from './process/libc.ts';

/** magic.h of Linux: TMPFS_MAGIC and RAMFS_MAGIC. */
const IN_MEMORY: readonly number[] = [0x01021994, 0x858458f6];

/** memfd_create(2). */
const MFD_CLOEXEC = 1;

/** The most that a read takes at once (architecture: Ports). */
const CHUNK = 64 * 1024;

/** Of more files a generation is not read in one request. */
const FEW = 64;

/** For reading, without waiting for a writer. */
const OPEN = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** For writing at the end, without waiting for a reader. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK | constants.O_NOCTTY;

/** The Files port over node:fs. Paths go in and come out as bytes, since they need not be UTF-8. */
export function createFiles(): Files {
  const chunk = Buffer.from(new ArrayBuffer(CHUNK));
  const digests = createDigests();
  const listings = createListings();
  const changedMounts = createMounts();

  function inspect(path: string, keyed: boolean): Inspected {
    const stat = lstatSync(bytes(path), { bigint: true });
    const found = statusOf(stat);
    if (found.kind !== 'file' || stat.size > CHUNK) return { found, digest: undefined };
    const file = openSync(bytes(path), OPEN | constants.O_NOFOLLOW);
    try {
      return { found, digest: fstatSync(file).isFile() ? digestOfSmall(file, keyed) : undefined };
    } finally {
      closeSync(file);
    }
  }

  /** Undefined for a file that holds more than one piece, or may. */
  function digestOfSmall(file: number, keyed: boolean): FileDigest | undefined {
    const hash = digests.make(keyed);
    let size = 0;
    for (;;) {
      const length = readSync(file, chunk, 0, CHUNK, null);
      if (length === 0) return { size, digest: hash.digest('hex') };
      size += length;
      if (size > CHUNK) return undefined;
      hash.update(chunk.subarray(0, length));
    }
  }

  function generation({
    path,
    name,
    keyed,
  }: Extract<FileRequest, { op: 'generation' }>): Generation | undefined {
    const files = new Map<string, FileDigest>();
    let size = 0;
    try {
      const { names, rest } = listings.list(`${path}/${name}`);
      if (rest !== undefined) listings.end(rest);
      if (rest !== undefined || names.length > FEW) return undefined;
      const { device } = statusOf(lstatSync(bytes(`${path}/${name}`), { bigint: true }));
      for (const file of names) {
        const { found, digest } = inspect(`${path}/${name}/${file}`, keyed);
        size += digest?.size ?? 0;
        if (digest === undefined || found.links === 0 || found.device !== device || size > CHUNK)
          return undefined;
        files.set(file, digest);
      }
      const visible = listings.list(path);
      if (visible.rest !== undefined) listings.end(visible.rest);
      if (visible.rest !== undefined) return undefined;
      const inMemory = IN_MEMORY.includes(statfsSync(bytes(`${path}/${name}`)).type);
      return { visible: visible.names, files, inMemory };
    } catch (error) {
      errnoOf(error);
      return undefined;
    }
  }

  function answer(request: FileRequest): FileAnswer {
    const { op } = request;
    switch (op) {
      case 'readlink':
        return { op, value: at(request, (path) => readlinkSync(path, 'buffer')).toString('latin1') };
      case 'names': {
        const names = readdirSync(bytes(request.path), { encoding: 'buffer' });
        return { op, value: names.map((name) => name.toString('latin1')) };
      }
      case 'status': {
        if (request.in !== undefined && request.path === '')
          return { op, value: statusOf(fstatSync(request.in, { bigint: true })) };
        const stat = request.in !== undefined || !request.follow ? lstatSync : statSync;
        return { op, value: statusOf(at(request, (path) => stat(path, { bigint: true }))) };
      }
      case 'list':
        return { op, value: listings.list(request.path) };
      case 'list-rest':
        return { op, value: listings.rest(request.list) };
      case 'list-end':
        listings.end(request.list);
        return { op, value: undefined };
      case 'inspect':
        return { op, value: inspect(request.path, request.keyed) };
      case 'generation':
        return { op, value: generation(request) };
      case 'time':
        return { op, value: Date.now() };
      case 'file-system':
        return { op, value: statfsSync(bytes(request.path)).type };
      case 'memory':
        return { op, value: IN_MEMORY.includes(statfsSync(bytes(request.path)).type) };
      case 'open':
        return { op, value: at(request, (path) => openSync(path, OPEN | unfollowed(request))) };
      case 'enter': {
        const flags = OPEN | constants.O_DIRECTORY | unfollowed(request);
        return { op, value: at(request, (path) => openSync(path, flags)) };
      }
      case 'entries':
        return { op, value: listings.entries(request.directory, request.anew) };
      case 'user':
        return { op, value: process.geteuid?.() ?? 0 };
      case 'lock':
        return { op, value: lock(request.file) };
      case 'close':
        listings.leave(request.file);
        closeSync(request.file);
        return { op, value: undefined };
      case 'read': {
        const length = readSync(request.file, chunk, 0, CHUNK, null);
        return { op, value: chunk.toString('latin1', 0, length) };
      }
      case 'digest':
        return { op, value: digests.begin(request.keyed) };
      case 'digest-file': {
        const length = readSync(request.file, chunk, 0, CHUNK, null);
        digests.of(request.digest).update(chunk.subarray(0, length));
        return { op, value: length };
      }
      case 'digest-of': {
        const digest = digests.begin(request.keyed);
        digests.of(digest).update(request.bytes, 'latin1');
        return { op, value: digests.end(digest) };
      }
      case 'digest-bytes':
        digests.of(request.digest).update(request.bytes, 'latin1');
        return { op, value: undefined };
      case 'digest-end':
        return { op, value: digests.end(request.digest) };
      case 'mkdir':
        at(request, (path) => mkdirSync(path, request.mode));
        return { op, value: undefined };
      case 'create': {
        const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
        return { op, value: at(request, (path) => openSync(path, flags, request.mode)) };
      }
      case 'scratch': {
        const file = libc.memfd_create(cString('rehup'), MFD_CLOEXEC);
        // Node does not tell what errno(3) was; the limit on descriptors is what makes it fail.
        return file < 0 ? { op: 'error', errno: 'EMFILE' } : { op, value: file };
      }
      case 'write':
        writeAll(request.file, bytes(request.bytes));
        return { op, value: undefined };
      case 'copy': {
        const length = readSync(request.from, chunk, 0, CHUNK, null);
        digests.of(request.digest).update(chunk.subarray(0, length));
        writeAll(request.to, chunk.subarray(0, length));
        return { op, value: length };
      }
      case 'append': {
        const opened = openSync(bytes(request.path), APPEND);
        try {
          writeSync(opened, bytes(request.bytes));
        } finally {
          closeSync(opened);
        }
        return { op, value: undefined };
      }
      case 'sync':
        fsyncSync(request.file);
        return { op, value: undefined };
      case 'chmod':
        fchmodSync(request.file, request.mode);
        return { op, value: undefined };
      case 'chown':
        fchownSync(request.file, request.owner, request.group);
        return { op, value: undefined };
      case 'grant': {
        // O_PATH opens what may not be read, but does not serve fchmod(2).
        const flags = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
        const opened = at(request, (path) => openSync(path, flags));
        try {
          at({ in: opened, path: '' }, (path) => chmodSync(path, request.mode));
        } finally {
          closeSync(opened);
        }
        return { op, value: undefined };
      }
      case 'symlink':
        at(request, (path) => symlinkSync(bytes(request.target), path));
        return { op, value: undefined };
      case 'rename':
        at({ in: request.in, path: request.from }, (from) =>
          at({ in: request.in, path: request.to }, (to) => renameSync(from, to)),
        );
        return { op, value: undefined };
      case 'unlink':
        at(request, unlinkSync);
        return { op, value: undefined };
      case 'rmdir':
        at(request, (path) => rmdirSync(path));
        return { op, value: undefined };
      case 'mounts':
        return { op, value: changedMounts() };
      default:
        return request satisfies never;
    }
  }

  return {
    perform(request) {
      try {
        return answer(request);
      } catch (error) {
        return { op: 'error', errno: errnoOf(error) };
      }
    },
  };
}

function writeAll(file: number, data: Buffer): void {
  for (let done = 0; done < data.length; ) done += writeSync(file, data, done, data.length - done);
}
