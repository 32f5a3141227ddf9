import { createHash, createHmac, type Hash, type Hmac, randomBytes } from 'node:crypto';
import {
  type BigIntStats,
  chmodSync,
  closeSync,
  constants,
  type Dir,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
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
import type { FileAnswer, FileRequest, FileStatus, Files } from '../core/files/files.ts';
import { errnoOf } from './errno.ts';
import { lock } from './lock.ts';

/** magic.h of Linux: TMPFS_MAGIC and RAMFS_MAGIC. */
const IN_MEMORY: readonly number[] = [0x01021994, 0x858458f6];

/** O_PATH of fcntl.h, which Node has no name for. */
const O_PATH = 0o10000000;

/** So many names of a directory are listed at once. */
const NAMES = 1024;

const READING = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** The most that a read takes at once (architecture: Ports). */
const CHUNK = 64 * 1024;

/** inode(7): the bits of a mode that chmod(2) sets. */
const PERMISSIONS = 0o7777;

/** The Files port over node:fs. Paths go in and come out as bytes, since they need not be UTF-8. */
export function createFiles(): Files {
  const chunk = Buffer.from(new ArrayBuffer(CHUNK));
  const digests = new Map<number, Hash | Hmac>();
  let handle = 0;
  let key: Buffer | undefined;

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

  const lists = new Map<number, Dir>();

  function endList(directory: number): void {
    lists.get(directory)?.closeSync();
    lists.delete(directory);
  }

  function entries(directory: number, anew: boolean): readonly string[] {
    if (anew) {
      endList(directory);
      // Each byte is a character of latin1, which the types leave out.
      const options = { encoding: 'latin1', bufferSize: NAMES } as const;
      lists.set(directory, opendirSync(`/proc/self/fd/${directory}`, options));
    }
    const opened = lists.get(directory);
    const names: string[] = [];
    while (names.length < NAMES) {
      const entry = opened?.readSync() ?? null;
      if (entry === null) break;
      names.push(entry.name);
    }
    if (names.length === 0) endList(directory);
    return names;
  }

  function answer(request: FileRequest): FileAnswer {
    const { op } = request;
    switch (op) {
      case 'readlink':
        return { op, value: readlinkSync(located(request), 'buffer').toString('latin1') };
      case 'names': {
        const names = readdirSync(bytes(request.path), { encoding: 'buffer' });
        return { op, value: names.map((name) => name.toString('latin1')) };
      }
      case 'status': {
        if (request.in !== undefined && request.path === '')
          return { op, value: statusOf(fstatSync(request.in, { bigint: true })) };
        const stat = request.in !== undefined || !request.follow ? lstatSync : statSync;
        return { op, value: statusOf(stat(located(request), { bigint: true })) };
      }
      case 'memory':
        return { op, value: IN_MEMORY.includes(statfsSync(bytes(request.path)).type) };
      case 'open':
        return { op, value: openSync(located(request), READING | unfollowed(request)) };
      case 'enter': {
        const flags = READING | constants.O_DIRECTORY | unfollowed(request);
        return { op, value: openSync(located(request), flags) };
      }
      case 'entries':
        return { op, value: entries(request.directory, request.anew) };
      case 'user':
        return { op, value: process.geteuid?.() ?? 0 };
      case 'lock':
        return { op, value: lock(request.file) };
      case 'close':
        endList(request.file);
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
        mkdirSync(located(request), request.mode);
        return { op, value: undefined };
      case 'create': {
        const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
        return { op, value: openSync(located(request), flags, request.mode) };
      }
      case 'copy': {
        const length = readSync(request.from, chunk, 0, CHUNK, null);
        digestOf(request.digest).update(chunk.subarray(0, length));
        for (let done = 0; done < length; ) done += writeSync(request.to, chunk, done, length - done);
        return { op, value: length };
      }
      case 'write': {
        const written = bytes(request.bytes);
        for (let done = 0; done < written.length; ) done += writeSync(request.file, written, done);
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
        // O_PATH opens what may not be read, but does not serve fchmod(2); the link leads to what was opened.
        const flags = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
        const opened = openSync(located(request), flags);
        try {
          chmodSync(`/proc/self/fd/${opened}`, request.mode);
        } finally {
          closeSync(opened);
        }
        return { op, value: undefined };
      }
      case 'symlink':
        symlinkSync(bytes(request.target), located(request));
        return { op, value: undefined };
      case 'rename':
        renameSync(inside(request.in, request.from), inside(request.in, request.to));
        return { op, value: undefined };
      case 'unlink':
        unlinkSync(located(request));
        return { op, value: undefined };
      case 'rmdir':
        rmdirSync(located(request));
        return { op, value: undefined };
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

/**
 * A name in a directory that is open: the link in /proc leads to the very directory, wherever it is by now, and the calls
 * of node:fs that are made here follow no link at the end of a path.
 */
function inside(directory: number, name: string): Buffer {
  return bytes(`/proc/self/fd/${directory}/${name}`);
}

function located(request: { readonly in?: number | undefined; readonly path: string }): Buffer {
  return request.in === undefined ? bytes(request.path) : inside(request.in, request.path);
}

function unfollowed(request: { readonly in?: number | undefined }): number {
  return request.in === undefined ? 0 : constants.O_NOFOLLOW;
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
  const device = deviceOf(stat.dev);
  return {
    kind,
    identity: `${device}:${stat.ino}:${stat.birthtimeNs}`,
    device,
    stamp: `${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}`,
    mode: Number(stat.mode) & PERMISSIONS,
    owner: Number(stat.uid),
    group: Number(stat.gid),
  };
}

/** A device number as gnu_dev_major(3) and gnu_dev_minor(3) take it apart. */
function deviceOf(device: bigint): string {
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & 0xfffff000n);
  return `${major}.${(device & 0xffn) | ((device >> 12n) & 0xffffff00n)}`;
}
