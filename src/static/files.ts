import type {
  FileAnswer,
  FileDigest,
  FileRequest,
  Files,
  Generation,
  Inspected,
  Names,
} from '../core/files/files.ts';
import { errnoOf, type NativeInspected } from './native.ts';

/** magic.h of Linux: TMPFS_MAGIC and RAMFS_MAGIC. */
const IN_MEMORY: readonly number[] = [0x01021994, 0x858458f6];

/** The most that a read takes at once (architecture: Ports). */
const CHUNK = 64 * 1024;

const MOUNTS = '/proc/self/mountinfo';

/** The list of mounts as it was read last, open, since that is what tells of a change. */
let mounts: number | undefined;

/** The Files port over the C host. */
export function createFiles(): Files {
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

function answer(request: FileRequest): FileAnswer {
  const { op } = request;
  switch (op) {
    // The most frequent ones first: the engine goes through them one by one.
    case 'inspect':
      return { op, value: inspected(native.inspect(request.path, request.keyed)) };
    case 'generation':
      return { op, value: generationOf(native.generation(request.path, request.name, request.keyed)) };
    case 'readlink':
      return { op, value: native.readlink(request.path, within(request)) };
    case 'list':
      return { op, value: namesOf(native.list(request.path)) };
    case 'status':
      return request.in !== undefined
        ? { op, value: native.status(request.path, false, request.in) }
        : { op, value: native.status(request.path, request.follow) };
    case 'digest-of':
      return { op, value: digestOf(request.bytes, request.keyed) };
    case 'digest-bytes':
      native.digestBytes(request.digest, request.bytes);
      return { op, value: undefined };
    case 'digest':
      return { op, value: native.digest(request.keyed) };
    case 'digest-end':
      return { op, value: native.digestEnd(request.digest) };
    case 'memory':
      return { op, value: IN_MEMORY.includes(native.fileSystem(request.path)) };
    case 'mounts':
      return { op, value: changedMounts() };
    case 'names':
      return { op, value: native.names(request.path) };
    case 'list-rest':
      return { op, value: namesOf(native.listRest(request.list)) };
    case 'list-end':
      native.close(request.list);
      return { op, value: undefined };
    case 'time':
      return { op, value: native.time() };
    case 'file-system':
      return { op, value: native.fileSystem(request.path) };
    case 'open':
      return { op, value: native.open(request.path, within(request)) };
    case 'enter':
      return { op, value: native.enter(request.path, within(request)) };
    case 'entries':
      return { op, value: native.entries(request.directory, request.anew) };
    case 'user':
      return { op, value: native.user() };
    case 'lock':
      return { op, value: native.lock(request.file) };
    case 'write':
      native.store(request.file, request.bytes);
      return { op, value: undefined };
    case 'grant':
      native.grant(request.in, request.path, request.mode);
      return { op, value: undefined };
    case 'close':
      native.close(request.file);
      return { op, value: undefined };
    case 'read':
      return { op, value: native.read(request.file, CHUNK) };
    case 'digest-file':
      return { op, value: native.digestFile(request.digest, request.file) };
    case 'mkdir':
      native.mkdir(request.in, request.path, request.mode);
      return { op, value: undefined };
    case 'create':
      return { op, value: native.create(request.in, request.path, request.mode) };
    case 'scratch':
      return { op, value: native.memoryFile() };
    case 'copy':
      return { op, value: native.copy(request.digest, request.from, request.to) };
    case 'append':
      native.append(request.path, request.bytes);
      return { op, value: undefined };
    case 'sync':
      native.sync(request.file);
      return { op, value: undefined };
    case 'chmod':
      native.chmod(request.file, request.mode);
      return { op, value: undefined };
    case 'chown':
      native.chown(request.file, request.owner, request.group);
      return { op, value: undefined };
    case 'symlink':
      native.symlink(request.in, request.path, request.target);
      return { op, value: undefined };
    case 'rename':
      native.rename(request.in, request.from, request.to);
      return { op, value: undefined };
    case 'unlink':
      native.unlink(request.in, request.path);
      return { op, value: undefined };
    case 'rmdir':
      native.rmdir(request.in, request.path);
      return { op, value: undefined };
    default:
      return request satisfies never;
  }
}

function digestOf(bytes: string, keyed: boolean): string {
  const digest = native.digest(keyed);
  native.digestBytes(digest, bytes);
  return native.digestEnd(digest);
}

/** The directory that a path is a name in, if it is one. */
function within(request: { readonly in?: number | undefined }): number | undefined {
  return request.in;
}

function changedMounts(): string | undefined {
  if (mounts !== undefined) {
    if (!native.hasChanged(mounts)) return undefined;
    native.close(mounts);
    mounts = undefined;
  }
  const file = native.open(MOUNTS);
  mounts = file;
  let text = '';
  for (let piece = native.read(file, CHUNK); piece !== ''; piece = native.read(file, CHUNK)) text += piece;
  return text;
}

function namesOf([rest, ...names]: readonly (number | string)[]): Names {
  return { names: names.map(String), rest: Number(rest) < 0 ? undefined : Number(rest) };
}

function generationOf(told: readonly (number | string | null)[] | undefined): Generation | undefined {
  if (told === undefined) return undefined;
  const files = new Map<string, FileDigest>();
  const end = told.indexOf(null);
  for (let at = 1; at < end; at += 3)
    files.set(String(told[at]), { size: Number(told[at + 1]), digest: String(told[at + 2]) });
  const visible = told.slice(end + 1).map(String);
  return { visible, files, inMemory: IN_MEMORY.includes(Number(told[0])) };
}

function inspected({ size, digest, ...found }: NativeInspected): Inspected {
  return { found, digest: digest === '' ? undefined : { size, digest } };
}
