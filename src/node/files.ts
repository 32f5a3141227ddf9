import { createHash, createHmac, type Hash, type Hmac, randomBytes } from 'node:crypto';
import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  type Dir,
  fstatSync,
  fsyncSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  opendirSync,
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
  FileStatus,
  Files,
  Inspected,
  Names,
} from '../core/files/files.ts';
import { errnoOf } from './errno.ts';
import { createMounts } from './mounts.ts';
import { cString, libc } from './process/libc.ts';

/** magic.h of Linux. */
const TMPFS_MAGIC = 0x01021994;

/** memfd_create(2). */
const MFD_CLOEXEC = 1;

/** The most that a read takes at once (architecture: Ports). */
const CHUNK = 64 * 1024;

/** So many names are told at once. */
const NAMES = 512;

/** inode(7): the bits of a mode that chmod(2) sets. */
const PERMISSIONS = 0o7777;

/** For reading, without waiting for a writer. */
const OPEN = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** The Files port over node:fs. Paths go in and come out as bytes, since they need not be UTF-8. */
export function createFiles(): Files {
  const chunk = Buffer.from(new ArrayBuffer(CHUNK));
  const digests = new Map<number, Hash | Hmac>();
  const listings = new Map<number, Dir>();
  let handle = 0;
  let key: Buffer | undefined;
  const changedMounts = createMounts();

  function newDigest(keyed: boolean): Hash | Hmac {
    if (!keyed) return createHash('sha256');
    key ??= randomBytes(32);
    return createHmac('sha256', key);
  }

  function digestOf(number: number): Hash | Hmac {
    const digest = digests.get(number);
    if (digest === undefined) throw new Error(`internal error: no digest ${number}`);
    return digest;
  }

  function namesOf(directory: Dir, list: number): Names {
    const names: string[] = [];
    try {
      while (names.length < NAMES) {
        const entry = directory.readSync();
        if (entry === null) {
          listings.delete(list);
          directory.closeSync();
          return { names, rest: undefined };
        }
        names.push(entry.name);
      }
      return { names, rest: list };
    } catch (error) {
      listings.delete(list);
      directory.closeSync();
      throw error;
    }
  }

  function list(path: string): Names {
    const directory = opendirSync(bytes(path), { encoding: 'latin1', bufferSize: NAMES });
    handle += 1;
    listings.set(handle, directory);
    return namesOf(directory, handle);
  }

  function listingOf(number: number): Dir {
    const directory = listings.get(number);
    if (directory === undefined) throw new Error(`internal error: no listing ${number}`);
    return directory;
  }

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
    const hash = newDigest(keyed);
    let size = 0;
    for (;;) {
      const length = readSync(file, chunk, 0, CHUNK, null);
      if (length === 0) return { size, digest: hash.digest('hex') };
      size += length;
      if (size > CHUNK) return undefined;
      hash.update(chunk.subarray(0, length));
    }
  }

  function answer(request: FileRequest): FileAnswer {
    const { op } = request;
    switch (op) {
      case 'readlink':
        return { op, value: readlinkSync(bytes(request.path), 'buffer').toString('latin1') };
      case 'names': {
        const names = readdirSync(bytes(request.path), { encoding: 'buffer' });
        return { op, value: names.map((name) => name.toString('latin1')) };
      }
      case 'status': {
        const stat = request.follow ? statSync : lstatSync;
        return { op, value: statusOf(stat(bytes(request.path), { bigint: true })) };
      }
      case 'list':
        return { op, value: list(request.path) };
      case 'list-rest':
        return { op, value: namesOf(listingOf(request.list), request.list) };
      case 'list-end':
        listingOf(request.list).closeSync();
        listings.delete(request.list);
        return { op, value: undefined };
      case 'inspect':
        return { op, value: inspect(request.path, request.keyed) };
      case 'time':
        return { op, value: Date.now() };
      case 'file-system':
        return { op, value: statfsSync(bytes(request.path)).type };
      case 'memory':
        return { op, value: statfsSync(bytes(request.path)).type === TMPFS_MAGIC };
      case 'open':
        return { op, value: openSync(bytes(request.path), OPEN) };
      case 'close':
        closeSync(request.file);
        return { op, value: undefined };
      case 'read': {
        const length = readSync(request.file, chunk, 0, CHUNK, null);
        return { op, value: chunk.toString('latin1', 0, length) };
      }
      case 'digest': {
        handle += 1;
        digests.set(handle, newDigest(request.keyed));
        return { op, value: handle };
      }
      case 'digest-file': {
        const length = readSync(request.file, chunk, 0, CHUNK, null);
        digestOf(request.digest).update(chunk.subarray(0, length));
        return { op, value: length };
      }
      case 'digest-bytes':
        digestOf(request.digest).update(request.bytes, 'latin1');
        return { op, value: undefined };
      case 'digest-end': {
        const value = digestOf(request.digest).digest('hex');
        digests.delete(request.digest);
        return { op, value };
      }
      case 'mkdir':
        mkdirSync(bytes(request.path), request.mode);
        return { op, value: undefined };
      case 'create': {
        const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
        return { op, value: openSync(bytes(request.path), flags, request.mode) };
      }
      case 'scratch': {
        const file = libc.memfd_create(cString('rehup'), MFD_CLOEXEC);
        // Node does not tell what errno(3) was; the limit on descriptors is what makes it fail.
        return file < 0 ? { op: 'error', errno: 'EMFILE' } : { op, value: file };
      }
      case 'write':
        writeAll(request.file, Buffer.from(request.bytes, 'latin1'));
        return { op, value: undefined };
      case 'copy': {
        const length = readSync(request.from, chunk, 0, CHUNK, null);
        digestOf(request.digest).update(chunk.subarray(0, length));
        writeAll(request.to, chunk.subarray(0, length));
        return { op, value: length };
      }
      case 'sync':
        fsyncSync(request.file);
        return { op, value: undefined };
      case 'chmod':
        chmodSync(bytes(request.path), request.mode);
        return { op, value: undefined };
      case 'chown':
        lchownSync(bytes(request.path), request.owner, request.group);
        return { op, value: undefined };
      case 'symlink':
        symlinkSync(bytes(request.target), bytes(request.path));
        return { op, value: undefined };
      case 'rename':
        renameSync(bytes(request.from), bytes(request.to));
        return { op, value: undefined };
      case 'unlink':
        unlinkSync(bytes(request.path));
        return { op, value: undefined };
      case 'rmdir':
        rmdirSync(bytes(request.path));
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

function bytes(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}

function statusOf(stat: BigIntStats): FileStatus {
  const kind = stat.isFile()
    ? 'file'
    : stat.isDirectory()
      ? 'directory'
      : stat.isSymbolicLink()
        ? 'link'
        : 'other';
  return {
    kind,
    identity: `${stat.dev}:${stat.ino}:${stat.birthtimeNs}`,
    device: String(stat.dev),
    mode: Number(stat.mode) & PERMISSIONS,
    owner: Number(stat.uid),
    group: Number(stat.gid),
    links: Number(stat.nlink),
    stamp: `${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`,
    changed: Number(stat.mtimeNs > stat.ctimeNs ? stat.mtimeMs : stat.ctimeMs),
  };
}
