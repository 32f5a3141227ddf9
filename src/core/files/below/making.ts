import { type FileFailure, type FileStatus, type FileSteps, isFailure } from '../files.ts';
import {
  changeMode,
  changeOwner,
  close,
  type Directory,
  enter,
  grant,
  inspect,
  inspectOpen,
  makeDirectory,
} from './handles.ts';

/**
 * Makes a directory and opens it; its mode is this one, whatever the umask.
 *
 * @param isMine tells whether what was opened may be what was made: somebody may have exchanged it. If not, it is left as
 * it is, and EEXIST says so
 */
export function* makeAndEnter(
  directory: Directory,
  name: string,
  mode: number,
  isMine: (found: FileStatus) => boolean = () => true,
): FileSteps<Directory | FileFailure> {
  const failure = yield* makeDirectory(directory, name, mode);
  if (failure !== undefined) return failure;
  let made = yield* enter(directory, name);
  if (isFailure(made) && made.errno === 'EACCES') {
    const refused = yield* grant(directory, name, mode);
    if (refused !== undefined) return refused;
    made = yield* enter(directory, name);
  }
  if (isFailure(made)) return made;
  const found = yield* inspect(made, '');
  const wrong: FileFailure | undefined = isFailure(found)
    ? found
    : isMine(found)
      ? yield* changeMode(made.handle, made.path, mode)
      : { failed: 'mkdir', path: made.path, errno: 'EEXIST' };
  if (wrong === undefined) return made;
  yield* close(made);
  return wrong;
}

/** Owner, group and mode that something made is to get. */
export type Likeness = Pick<FileStatus, 'mode'> & Partial<Pick<FileStatus, 'owner' | 'group'>>;

/** The set-id bits, which chown(2) takes away. */
const SET_ID = 0o6000;

/** Gives what is open these; whether owner and group could be given where there are any. */
export function* makeAlike(
  made: number,
  path: string,
  { mode, owner, group }: Likeness,
): FileSteps<boolean | FileFailure> {
  const failure = yield* changeMode(made, path, mode);
  if (failure !== undefined) return failure;
  if (owner === undefined || group === undefined) return true;
  const found = yield* inspectOpen(made, path);
  if (isFailure(found)) return found;
  if (found.owner === owner && found.group === group) return true;
  let given = true;
  const kept = yield* changeOwner(made, path, owner, group);
  if (kept !== undefined) {
    if (!isForbidden(kept)) return kept;
    if (found.owner !== owner) given = false;
    const grouped = found.group === group ? undefined : yield* changeOwner(made, path, -1, group);
    if (grouped !== undefined) {
      if (!isForbidden(grouped)) return grouped;
      given = false;
    }
  }
  const late = (mode & SET_ID) === 0 ? undefined : yield* changeMode(made, path, mode);
  return late ?? given;
}

/** EINVAL: an owner that this user namespace does not know. */
function isForbidden({ errno }: FileFailure): boolean {
  return errno === 'EPERM' || errno === 'EINVAL';
}
