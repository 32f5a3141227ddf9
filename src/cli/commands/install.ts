import { EXECUTABLE, type Installed } from '../../core/files/below/installing.ts';
import type { FileFailure } from '../../core/files/files.ts';
import { EXIT_FAILED } from '../../core/process/exit.ts';
import { textOfBytes } from '../../core/text/bytes.ts';
import { pathToFollow } from '../../core/text/path.ts';
import type { Given, Invocation } from '../invocation.ts';

/* `rehup install`: what it was given, and what it says. */

const HELP = `Usage: rehup install PATH

Copies this executable to PATH: for an init container, which brings rehup into an image that nobody may rebuild.

  PATH             a file, which is replaced in one step, or a directory, in which it is called rehup
  -h, --help       print this help and exit

Exit code: 0; 125 where it is not there afterwards.
`;

/** Parses the words after `install`. */
export function parseInstall(given: Given): Invocation {
  const words = given.words[0] === '--' ? given.words.slice(1) : given.words;
  const [path, more] = words;
  if (words === given.words && path?.startsWith('-')) {
    if (path === '-h' || path === '--help') return { kind: 'print', text: HELP };
    return refuse(`install ${textOfBytes(path)}: no such option; see rehup install --help`);
  }
  if (path === undefined || path === '')
    return refuse('install: its PATH is missing; use for example: rehup install /rehup/rehup');
  if (more !== undefined)
    return refuse(`install ${textOfBytes(path)} ${textOfBytes(more)}: more than one PATH; give one`);
  if (given.cwd === undefined && !path.startsWith('/'))
    return refuse(`install ${textOfBytes(path)}: the working directory is gone; give an absolute path`);
  return { kind: 'install', path: pathToFollow(given.cwd ?? '/', path), inside: path.endsWith('/') };
}

function refuse(message: string): Invocation {
  return { kind: 'refuse', message };
}

/** What is written to stdout or stderr in the end, and the exit code. */
export type InstallOutcome = { readonly code: number; readonly out: string; readonly error?: string };

export function installOutcome(installed: Installed, version: string): InstallOutcome {
  switch (installed.kind) {
    case 'installed':
      return { code: 0, out: `${version} is ${textOfBytes(installed.path)}\n` };
    case 'refused':
      return failed(installed.path, installed.reason);
    case 'failed': {
      const { path, errno } = installed.failure;
      if (path !== EXECUTABLE) return failed(path, reasonOf(installed.failure));
      return failed(
        path,
        `${errno}; rehup has to read itself: mount /proc, and give the executable mode 0755`,
      );
    }
    default:
      return installed satisfies never;
  }
}

/** Of the edition that is run by a Node which lies beside it: there is nothing that could be copied as one file. */
export function notOneFile(path: string): InstallOutcome {
  return failed(
    path,
    'the npm package is no single executable that could be copied; take the static one of a release, or of its image',
  );
}

function failed(path: string, reason: string): InstallOutcome {
  return { code: EXIT_FAILED, out: '', error: `install ${textOfBytes(path)}: ${reason}` };
}

function reasonOf({ failed: operation, errno }: FileFailure): string {
  const help = HELPS[errno];
  return help === undefined ? `${operation} failed with ${errno}` : `${errno}; ${help}`;
}

/** What helps, by errno(3). */
const HELPS: Readonly<Record<string, string>> = {
  ENOENT: 'the directory is not there; mount an emptyDir there, or make it',
  ENOTDIR: 'a part of the path is no directory; mount an emptyDir there',
  ENOSPC: 'the file system is full; give the volume room for this executable',
  EDQUOT: 'the quota is used up; give the volume room for this executable',
  EFBIG: 'a limit on the size of files is in the way; raise it (ulimit -f)',
  EROFS: 'the file system is read-only; mount an emptyDir there',
  EACCES: 'this user may not write there; mount an emptyDir there, or set fsGroup or runAsUser',
  EPERM: 'this user may not write there; mount an emptyDir there, or set fsGroup or runAsUser',
  EBUSY: 'something is mounted there; install beside it',
};
