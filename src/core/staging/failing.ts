import { close, type Directory, openIn } from '../files/below/handles.ts';
import { splitPath, wayBelow } from '../files/below/way.ts';
import { beginDigest, endDigest, type FileFailure, type FileSteps, isFailure } from '../files/files.ts';
import { failedOn } from './failures.ts';
import { enterIntact } from './generations.ts';
import { withKey, writeRecord } from './record.ts';
import type { StageResult } from './stage.ts';
import type { Held, Target } from './target.ts';

/*
 * The content that failed last is remembered over restarts of the container, so that a start does not try it again
 * (specification 5, stage): by a digest with a key of its own, since that of this process is gone with it.
 */

/** Remembers what a generation holds as having failed. */
export function* rememberFailed(target: Target, held: Held): FileSteps<StageResult> {
  const record = yield* withKey(target.record);
  const failed = yield* digestWith(record.key, target, held);
  // What can't be read any more can't be told again either.
  if (typeof failed !== 'string') return { op: 'noted' };
  const failure = yield* writeRecord(target.directory, { ...record, failed });
  if (failure !== undefined) return failedOn(`remember what failed in ${target.place.stage.target}`, failure);
  target.record = { ...record, failed };
  return { op: 'noted' };
}

/** Whether what a generation holds is what failed last. */
export function* hasFailed(target: Target, held: Held): FileSteps<boolean> {
  const { failed, key } = target.record;
  return failed !== undefined && (yield* digestWith(key, target, held)) === failed;
}

/** Forgets what failed, if it is what a generation holds that did well. */
export function* forgetFailed(target: Target, held: Held): FileSteps<FileFailure | undefined> {
  if (!(yield* hasFailed(target, held))) return undefined;
  const record = { ...target.record, failed: undefined };
  const failure = yield* writeRecord(target.directory, record);
  if (failure === undefined) target.record = record;
  return failure;
}

function* digestWith(key: string, target: Target, held: Held): FileSteps<string | FileFailure | undefined> {
  const root = yield* enterIntact(target, held);
  if (root === undefined || isFailure(root)) return root;
  const digest = yield* digestOf(key, root, held);
  yield* close(root);
  return digest;
}

/** SHA-256 of the key and of all files that count, each with its path and its length. */
function* digestOf(key: string, root: Directory, held: Held): FileSteps<string | FileFailure> {
  const digest = yield* beginDigest(false);
  yield { op: 'digest-bytes', digest, bytes: `${key}\n` };
  const way = wayBelow(root);
  let failure: FileFailure | undefined;
  for (const [path, { size, second }] of held.content.files) {
    const what = second === undefined ? size : `-> ${second}`;
    yield { op: 'digest-bytes', digest, bytes: `${path.length}:${path}${what}:` };
    failure = second === undefined ? yield* feed(digest, path) : undefined;
    if (failure !== undefined) break;
  }
  yield* way.leave();
  const hexadecimal = yield* endDigest(digest);
  return failure ?? hexadecimal;

  function* feed(to: number, path: string): FileSteps<FileFailure | undefined> {
    const { parent, name } = splitPath(path);
    const directory = yield* way.at(parent);
    if (isFailure(directory)) return directory;
    const file = yield* openIn(directory, name);
    if (isFailure(file)) return file;
    for (;;) {
      const fed = yield { op: 'digest-file', digest: to, file };
      if (fed.op === 'digest-file' && fed.value > 0) continue;
      yield { op: 'close', file };
      return fed.op === 'error' ? { failed: 'digest-file', path, errno: fed.errno } : undefined;
    }
  }
}
