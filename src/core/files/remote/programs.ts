import { executableCandidates } from '../../process/executable.ts';
import { absolutePath } from '../../text/path.ts';
import { type FileSteps, isFailure, status } from '../files.ts';

/** The files that a command may be, of those that answer; or the name of the errno(3) if it can't be started. */
export type Programs = { readonly files: readonly string[] } | { readonly errno: string };

/** What lets a file be executed by anybody at all: inode(7). */
const EXECUTABLE = 0o111;

/** Of the words that begin commands, those for which there is no file; what can't be looked at may be there. */
export function* missingPrograms(
  programs: readonly string[],
  path: string | undefined,
  cwd: string | undefined,
): FileSteps<readonly string[]> {
  const missing: string[] = [];
  for (const program of programs) {
    let there = false;
    for (const candidate of executableCandidates(program, path)) {
      if (there) break;
      const found = yield* status(absolutePath(cwd ?? '/', candidate), true);
      there = isFailure(found) ? !ABSENT.includes(found.errno) : found.kind === 'file';
    }
    if (!there) missing.push(program);
  }
  return missing;
}

/** What stat(2) says where there is nothing. */
const ABSENT: readonly string[] = ['ENOENT', 'ENOTDIR'];

/**
 * Looks at what execve(2) will touch, so that it does not have to wait for a file server: the working directory, and of
 * the candidates in their order those up to the first that is a program. One whose server does not answer is passed
 * over, as execvp(3) does.
 */
export function* findPrograms(candidates: readonly string[], cwd: string | undefined): FileSteps<Programs> {
  const directory = cwd === undefined ? undefined : yield* status(cwd, true);
  if (isFailure(directory) && directory.errno === 'ETIMEDOUT') return { errno: directory.errno };
  const files: string[] = [];
  let silent = false;
  for (const candidate of candidates) {
    const found = yield* status(absolutePath(cwd ?? '/', candidate), true);
    if (isFailure(found) && found.errno === 'ETIMEDOUT') silent = true;
    else files.push(candidate);
    if (!isFailure(found) && found.kind === 'file' && (found.mode & EXECUTABLE) !== 0) return { files };
  }
  return silent && files.length === 0 ? { errno: 'ETIMEDOUT' } : { files };
}
