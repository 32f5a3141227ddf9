import { joinPath } from '../../text/path.ts';
import {
  type FileAnswer,
  type FileFailure,
  type FileOperation,
  type FileRequest,
  type FileStatus,
  type FileSteps,
  isFailure,
} from '../files.ts';
import { sortedStrings } from '../unhurried.ts';

/*
 * Files below a directory that others may write in: each operation is on one name in a directory that is open, and
 * follows nothing. So whatever is exchanged meanwhile, nothing outside of the directory is read or changed.
 */

/** A directory that is open, to be closed by {@link close}; its path is for people, and for nothing else. */
export type Directory = { readonly handle: number; readonly path: string };

/** The most names of one directory that are kept at once: twice what a watch may hold. */
export const MOST_NAMES = 20_000;

type Answered<Op extends FileOperation> = Extract<FileAnswer, { readonly op: Op }>;

/** Asks the host; what fails is told as having failed on `path`. */
function* ask<Op extends FileOperation>(
  op: Op,
  path: string,
  request: Extract<FileRequest, { readonly op: Op }>,
): FileSteps<Answered<Op> | FileFailure> {
  const answer = yield request;
  if (answer.op === 'error') return { failed: op, path, errno: answer.errno };
  if (!isAnswerTo(op, answer)) throw new Error(`internal error: the host answered ${op} with ${answer.op}`);
  return answer;
}

function isAnswerTo<Op extends FileOperation>(op: Op, answer: FileAnswer): answer is Answered<Op> {
  return answer.op === op;
}

/** Asks for something of which only the success counts. */
function* act<Op extends FileOperation>(
  op: Op,
  path: string,
  request: Extract<FileRequest, { readonly op: Op }>,
): FileSteps<FileFailure | undefined> {
  const answer = yield* ask(op, path, request);
  return isFailure(answer) ? answer : undefined;
}

/** Opens a directory by its path, links followed: once, for all that is done below it. */
export function* enterPath(path: string): FileSteps<Directory | FileFailure> {
  const answer = yield* ask('enter', path, { op: 'enter', path });
  return isFailure(answer) ? answer : { handle: answer.value, path };
}

export function* enter(directory: Directory, name: string): FileSteps<Directory | FileFailure> {
  const path = joinPath(directory.path, name);
  const answer = yield* ask('enter', path, { op: 'enter', in: directory.handle, path: name });
  return isFailure(answer) ? answer : { handle: answer.value, path };
}

export function* close({ handle }: Directory): FileSteps<void> {
  yield { op: 'close', file: handle };
}

/** What a name is; the directory itself for an empty one. */
export function* inspect(directory: Directory, name: string): FileSteps<FileStatus | FileFailure> {
  const path = joinPath(directory.path, name);
  const answer = yield* ask('status', path, { op: 'status', in: directory.handle, path: name });
  return isFailure(answer) ? answer : answer.value;
}

/** What an open file is. */
export function* inspectOpen(file: number, path: string): FileSteps<FileStatus | FileFailure> {
  const answer = yield* ask('status', path, { op: 'status', in: file, path: '' });
  return isFailure(answer) ? answer : answer.value;
}

export function* readLink(directory: Directory, name: string): FileSteps<string | FileFailure> {
  const path = joinPath(directory.path, name);
  const answer = yield* ask('readlink', path, { op: 'readlink', in: directory.handle, path: name });
  return isFailure(answer) ? answer : answer.value;
}

/** Opens a file for reading; the handle is to be closed. */
export function* openIn(directory: Directory, name: string): FileSteps<number | FileFailure> {
  const path = joinPath(directory.path, name);
  const answer = yield* ask('open', path, { op: 'open', in: directory.handle, path: name });
  return isFailure(answer) ? answer : answer.value;
}

/** Some names in a directory, from the beginning if `anew`; none at the end. */
export function* listSome(directory: Directory, anew: boolean): FileSteps<readonly string[] | FileFailure> {
  const request = { op: 'entries', directory: directory.handle, anew } as const;
  const answer = yield* ask('entries', directory.path, request);
  return isFailure(answer) ? answer : answer.value;
}

/** All names in a directory, sorted; EOVERFLOW if there are more than {@link MOST_NAMES}. */
export function* listAll(directory: Directory): FileSteps<readonly string[] | FileFailure> {
  const all: string[] = [];
  for (let anew = true; ; anew = false) {
    const some = yield* listSome(directory, anew);
    if (isFailure(some)) return some;
    if (some.length === 0) return yield* sortedStrings(all);
    if (all.length + some.length > MOST_NAMES)
      return { failed: 'entries', path: directory.path, errno: 'EOVERFLOW' };
    for (const name of some) all.push(name);
  }
}

/** Whom belongs what this process makes. */
export function* effectiveUser(): FileSteps<number | FileFailure> {
  const answer = yield* ask('user', '/', { op: 'user' });
  return isFailure(answer) ? answer : answer.value;
}

/** Whether this process has the lock of a directory by now. */
export function* lock(directory: Directory): FileSteps<boolean | FileFailure> {
  const answer = yield* ask('lock', directory.path, { op: 'lock', file: directory.handle });
  return isFailure(answer) ? answer : answer.value;
}

export function* makeDirectory(directory: Directory, name: string, mode: number) {
  const path = joinPath(directory.path, name);
  return yield* act('mkdir', path, { op: 'mkdir', in: directory.handle, path: name, mode });
}

/** Makes a new file for writing; the handle is to be closed. */
export function* createIn(directory: Directory, name: string, mode: number): FileSteps<number | FileFailure> {
  const path = joinPath(directory.path, name);
  const answer = yield* ask('create', path, { op: 'create', in: directory.handle, path: name, mode });
  return isFailure(answer) ? answer : answer.value;
}

export function* writeTo(file: number, path: string, bytes: string) {
  return yield* act('write', path, { op: 'write', file, bytes });
}

/** Has what was written to a file or done to a directory's names outlive a crash of the machine, where that can be. */
export function* sync(file: number, path: string): FileSteps<FileFailure | undefined> {
  const failure = yield* act('sync', path, { op: 'sync', file });
  // EINVAL: not every file system has an fsync(2) for directories.
  return failure?.errno === 'EINVAL' ? undefined : failure;
}

export function* changeMode(file: number, path: string, mode: number) {
  return yield* act('chmod', path, { op: 'chmod', file, mode });
}

/** -1 leaves owner or group as it is. */
export function* changeOwner(file: number, path: string, owner: number, group: number) {
  return yield* act('chown', path, { op: 'chown', file, owner, group });
}

/** Gives a directory a mode that lets it be entered. */
export function* grant(directory: Directory, name: string, mode: number) {
  const path = joinPath(directory.path, name);
  return yield* act('grant', path, { op: 'grant', in: directory.handle, path: name, mode });
}

export function* makeLink(directory: Directory, name: string, target: string) {
  const path = joinPath(directory.path, name);
  return yield* act('symlink', path, { op: 'symlink', in: directory.handle, path: name, target });
}

export function* rename(directory: Directory, from: string, to: string) {
  const path = joinPath(directory.path, to);
  return yield* act('rename', path, { op: 'rename', in: directory.handle, from, to });
}

/** Removes a name that is no directory; one that is gone already is no failure. */
export function* removeFile(directory: Directory, name: string): FileSteps<FileFailure | undefined> {
  const path = joinPath(directory.path, name);
  const failure = yield* act('unlink', path, { op: 'unlink', in: directory.handle, path: name });
  return failure?.errno === 'ENOENT' ? undefined : failure;
}

/** Removes an empty directory; one that is gone already is no failure. */
export function* removeDirectory(directory: Directory, name: string): FileSteps<FileFailure | undefined> {
  const path = joinPath(directory.path, name);
  const failure = yield* act('rmdir', path, { op: 'rmdir', in: directory.handle, path: name });
  return failure?.errno === 'ENOENT' ? undefined : failure;
}
