import type { FileFailure, FileOperation, FileSteps } from '../files/files.ts';
import { textOfBytes } from '../text/bytes.ts';
import { shortage } from '../text/shortage.ts';
import type { StageResult } from './stage.ts';

/** What only a user can mend; anything else may be gone with the next try. */
const LASTING = ['EROFS', 'EACCES', 'EPERM', 'ENAMETOOLONG'];

/**
 * A task that failed on a file: `can't publish ..rehup_3 in /etc/app: symlink of /etc/app/..data_tmp failed (ENOSPC)`.
 *
 * @param lasting told by the errno, if it is not given
 */
export function failedOn(
  what: string,
  { failed, path, errno }: FileFailure,
  lasting = LASTING.includes(errno),
): Extract<StageResult, { op: 'failed' }> {
  const reason = `can't ${textOfBytes(what)}: ${callOf(failed)} of ${textOfBytes(path)} failed (${errno})`;
  const helped = lasting || shortage(errno) !== undefined || isFull(errno);
  return { op: 'failed', reason: helped ? `${reason}; ${remedy(errno)}` : reason, lasting };
}

/** What an operation is called in an error. */
export function callOf(operation: FileOperation): string {
  return operation === 'memory' ? 'statfs' : operation;
}

export function isFull(errno: string): boolean {
  return errno === 'ENOSPC' || errno === 'EDQUOT';
}

/** What helps against an errno of a target. */
export function remedy(errno: string): string {
  if (isFull(errno)) return 'give it room for its content three times over';
  if (errno === 'ETIMEDOUT') return 'its file server does not answer; mount an emptyDir there';
  if (errno === 'EROFS') return 'mount an emptyDir there';
  if (errno === 'ENAMETOOLONG') return 'use a shorter path';
  return shortage(errno) ?? 'make it one that this user may write in';
}

/** Whether a path lies in memory; unlike `liesInMemory` it tells when that is not known. */
export function* memoryOf(path: string): FileSteps<boolean | FileFailure> {
  const answer = yield { op: 'memory', path };
  if (answer.op === 'memory') return answer.value;
  return { failed: 'memory', path, errno: answer.op === 'error' ? answer.errno : answer.op };
}
