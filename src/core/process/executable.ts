/** Where a command without a slash is looked for when the environment has no PATH: execvp(3). */
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The files that a command may be, in the order in which execvp(3) tries them: itself if it has a slash, else below
 * each directory of PATH, of which an empty one is the working directory.
 */
export function executableCandidates(command: string, path: string | undefined): readonly string[] {
  if (command.includes('/')) return [command];
  if (command === '') return [];
  return (path ?? DEFAULT_PATH)
    .split(':')
    .map((directory) => `${directory === '' ? '.' : directory}/${command}`);
}

/** Errors after which execvp(3) goes on to the next candidate. */
const TRY_NEXT = ['ENOENT', 'ENOTDIR', 'EACCES', 'ESTALE', 'ENODEV', 'ETIMEDOUT'];

/**
 * Tries the candidates one after the other.
 *
 * @param attempt starts one file; answers the name of the errno if that fails
 * @returns undefined once one has started, else the error: EACCES if any candidate was found but could not be executed
 */
export function tryCandidates(
  candidates: readonly string[],
  attempt: (file: string) => string | undefined,
): string | undefined {
  let denied = false;
  for (const candidate of candidates) {
    const errno = attempt(candidate);
    if (errno === undefined) return undefined;
    if (!TRY_NEXT.includes(errno)) return errno;
    denied ||= errno === 'EACCES';
  }
  return denied ? 'EACCES' : 'ENOENT';
}
