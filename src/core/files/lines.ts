import { createLineReader } from '../text/lines.ts';
import type { FileError, FileSteps } from './files.ts';
import { unhurried } from './unhurried.ts';

export type LineLimits = {
  /** What stands behind so many bytes is not read. */
  readonly bytes: number;
  /** Of a longer line only so many bytes are told. */
  readonly line: number;
};

/**
 * Tells the lines of a file, one after the other and with pauses; never more of it than a piece is in memory.
 *
 * @returns undefined, or the error that ended it
 */
export function* forEachLine(
  path: string,
  limits: LineLimits,
  each: (line: string) => void,
): FileSteps<string | undefined> {
  const opened = yield { op: 'open', path };
  if (opened.op !== 'open') return errnoOf(opened);
  const reader = createLineReader(limits.line);
  let errno: string | undefined;
  for (let size = 0; size < limits.bytes; ) {
    const read = yield { op: 'read', file: opened.value };
    if (read.op !== 'read') errno = errnoOf(read);
    if (read.op !== 'read' || read.value === '') break;
    size += read.value.length;
    yield* unhurried(reader.take(read.value), each);
  }
  yield { op: 'close', file: opened.value };
  if (errno === undefined && reader.rest() !== '') each(reader.rest());
  return errno;
}

function errnoOf(answer: { readonly op: string } | FileError): string {
  return 'errno' in answer ? answer.errno : 'EIO';
}
