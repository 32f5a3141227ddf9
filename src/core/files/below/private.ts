import { type FileFailure, type FileSteps, isFailure } from '../files.ts';
import { clearWay, renameOver } from './clearing.ts';
import { changeMode, createIn, type Directory, inspectOpen, openIn, removeFile, writeTo } from './handles.ts';

/* Small files that one user keeps for himself, where others may write as well: mode 0600. */

const MODE = 0o600;
const PERMISSIONS = 0o777;

/** The longest that is read, bytes: the names of a thousand files and a digest of each. */
const MOST = 2 * 1024 * 1024;

const TEMPORARY = 'rehup-tmp';

/** A file that this user made and nobody else may read; undefined if it is none. */
export function* readPrivate(directory: Directory, name: string, uid: number): FileSteps<string | undefined> {
  const file = yield* openIn(directory, name);
  if (isFailure(file)) return undefined;
  const found = yield* inspectOpen(file, name);
  let text: string | undefined;
  const mine = !isFailure(found) && found.kind === 'file' && found.owner === uid;
  if (mine && (found.mode & PERMISSIONS) === MODE) {
    const pieces: string[] = [];
    for (let size = 0; size <= MOST; ) {
      const read = yield { op: 'read', file };
      if (read.op !== 'read' || read.value === '') break;
      pieces.push(read.value);
      size += read.value.length;
    }
    text = pieces.join('');
  }
  yield { op: 'close', file };
  return text;
}

/** Puts a file in the place of the one of that name, whole or not at all. */
export function* writePrivate(
  directory: Directory,
  name: string,
  text: string,
): FileSteps<FileFailure | undefined> {
  const cleared = yield* clearWay(directory, TEMPORARY);
  if (cleared !== undefined) return cleared;
  const file = yield* createIn(directory, TEMPORARY, MODE);
  if (isFailure(file)) return file;
  const failure = (yield* changeMode(file, TEMPORARY, MODE)) ?? (yield* writeTo(file, TEMPORARY, text));
  yield { op: 'close', file };
  const late = failure ?? (yield* renameOver(directory, TEMPORARY, name));
  if (late === undefined) return undefined;
  yield* removeFile(directory, TEMPORARY);
  return late;
}
