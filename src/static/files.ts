import type { FileAnswer, FileRequest, Files } from '../core/files.ts';
import { errnoOf } from './native.ts';

/** magic.h of Linux. */
const TMPFS_MAGIC = 0x01021994;

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
    case 'readlink':
      return { op, value: native.readlink(request.path) };
    case 'names':
      return { op, value: native.names(request.path) };
    case 'status':
      return { op, value: native.status(request.path, request.follow) };
    case 'memory':
      return { op, value: native.fileSystem(request.path) === TMPFS_MAGIC };
    case 'open':
      return { op, value: native.open(request.path) };
    case 'close':
      native.close(request.file);
      return { op, value: undefined };
    case 'digest':
      return { op, value: native.digest(request.keyed) };
    case 'digest-file':
      return { op, value: native.digestFile(request.digest, request.file) };
    case 'digest-bytes':
      native.digestBytes(request.digest, request.bytes);
      return { op, value: undefined };
    case 'digest-end':
      return { op, value: native.digestEnd(request.digest) };
    default:
      return request satisfies never;
  }
}
