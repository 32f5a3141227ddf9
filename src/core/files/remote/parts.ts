import type { FileAnswer, FileRequest } from '../files.ts';

/*
 * Requests that need both the host and a helper, taken apart into such as need one of them: digests stay with the host,
 * since their key does.
 */

/** The most that is sent to a helper at once, bytes: six times as much, as JSON writes the worst of it, fits its socket. */
const PIECE = 16 * 1024;

/** The requests that one is taken apart into, each resumed with its answer, and the answer to all of it at the end. */
export type Parts = Generator<FileRequest, FileAnswer, FileAnswer>;

type Request<Op extends FileRequest['op']> = Extract<FileRequest, { readonly op: Op }>;

/** Takes a request apart; undefined if it is for one of the two as it is. */
export function partsOf(request: FileRequest): Parts | undefined {
  switch (request.op) {
    case 'digest-file':
      return digestFile(request);
    case 'copy':
      return copy(request);
    case 'write':
      return request.bytes.length > PIECE ? write(request) : undefined;
    default:
      return undefined;
  }
}

function* digestFile({ digest, file }: Request<'digest-file'>): Parts {
  const read = yield { op: 'read', file };
  if (read.op !== 'read') return read;
  if (read.value !== '') yield { op: 'digest-bytes', digest, bytes: read.value };
  return { op: 'digest-file', value: read.value.length };
}

function* copy({ digest, from, to }: Request<'copy'>): Parts {
  const read = yield { op: 'read', file: from };
  if (read.op !== 'read') return read;
  const { value: bytes } = read;
  if (bytes !== '') yield { op: 'digest-bytes', digest, bytes };
  const written = yield* write({ op: 'write', file: to, bytes });
  return written.op === 'error' ? written : { op: 'copy', value: bytes.length };
}

function* write({ file, bytes }: Request<'write'>): Parts {
  for (let at = 0; at < bytes.length; at += PIECE) {
    const written = yield { op: 'write', file, bytes: bytes.slice(at, at + PIECE) };
    if (written.op === 'error') return written;
  }
  return { op: 'write', value: undefined };
}
