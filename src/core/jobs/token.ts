import type { FileSteps } from '../files/files.ts';
import { textOfBytes } from '../text/bytes.ts';
import { failure, type Result, success } from '../text/result.ts';

/** More than a token of a service account takes, bytes. */
const MOST_BYTES = 64 * 1024;

/** The token that a file holds now, less white space around it; it is told nowhere, whatever it is. */
export function* readToken(path: string): FileSteps<Result<string>> {
  const name = textOfBytes(path);
  const opened = yield { op: 'open', path };
  if (opened.op === 'error') return failure(`the token ${name} can't be read (${opened.errno})`);
  if (opened.op !== 'open') throw new Error(`internal error: the host answered open with ${opened.op}`);
  let text = '';
  let errno: string | undefined;
  while (text.length < MOST_BYTES) {
    const read = yield { op: 'read', file: opened.value };
    if (read.op === 'error') errno = read.errno;
    if (read.op !== 'read' || read.value === '') break;
    text += read.value;
  }
  yield { op: 'close', file: opened.value };
  if (errno !== undefined) return failure(`the token ${name} can't be read (${errno})`);
  const token = text.trim();
  // Anything else could begin a header field of somebody's choice.
  return /^[!-~]+$/.test(token)
    ? success(token)
    : failure(`the token ${name} is empty, or more than one word`);
}
