import { shortage } from '../text/shortage.ts';
import { type Signal, signalName } from './signals.ts';

/** How a process ended: wait(2). */
export type ExitStatus =
  | { readonly kind: 'code'; readonly code: number }
  | {
      readonly kind: 'signal';
      readonly signal: Signal;
      /** Whether the kernel killed it because the container is out of memory, as far as that is known. */
      readonly outOfMemory?: true;
    };

/** rehup's own exit codes; everything else is the child's. */
export const EXIT_FAILED = 125;
export const EXIT_NOT_EXECUTABLE = 126;
export const EXIT_NOT_FOUND = 127;

/** The exit code that tells of a death by a signal, as shells do. */
export function signalCode(signal: Signal): number {
  return 128 + signal;
}

export function exitCode(status: ExitStatus): number {
  return status.kind === 'code' ? status.code : signalCode(status.signal);
}

export function describeStatus(status: ExitStatus): string {
  if (status.kind === 'code') return `exited with ${status.code}`;
  const ended = `was ended by ${signalName(status.signal)}`;
  return status.outOfMemory === true
    ? `${ended}, since the container is out of memory; raise its limit (memory.max)`
    : ended;
}

/** The errors of execve(2) that speak of the file and not of the system. */
const NOT_EXECUTABLE = [
  'EACCES',
  'EPERM',
  'ENOEXEC',
  'EISDIR',
  'ELIBBAD',
  'EINVAL',
  'ETXTBSY',
  'ELOOP',
  'ENAMETOOLONG',
];

/** The exit code that tells why a command could not be started. */
export function startFailureCode(errno: string): number {
  if (errno === 'ENOENT' || errno === 'ENOTDIR') return EXIT_NOT_FOUND;
  return NOT_EXECUTABLE.includes(errno) ? EXIT_NOT_EXECUTABLE : EXIT_FAILED;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'not found (or its interpreter is not)',
  ENOTDIR: 'not found',
  EACCES: 'not executable, or a directory',
  ENOEXEC: 'not a program (a script needs a #! line)',
  ETIMEDOUT: 'its file server does not answer',
  E2BIG: 'its arguments and environment are too long',
};

/** Why a command could not be started, in words and with the errno. */
export function startFailureReason(errno: string): string {
  const known = REASONS[errno];
  const reason = known === undefined ? errno : `${known} (${errno})`;
  const help = shortage(errno);
  return help === undefined ? reason : `${reason}; ${help}`;
}
