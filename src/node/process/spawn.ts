import { readdirSync } from 'node:fs';
import type { Gift } from '../../core/state/ports.ts';
import { errnoName } from '../errno.ts';
import { cArray, cString, fullSignalSet, later, libc, memory, signalSet } from './libc.ts';

/** What a child is started with; byte strings. */
export type SpawnRequest = {
  readonly file: string;
  readonly argv: readonly string[];
  /** `NAME=value` entries. */
  readonly environment: readonly string[];
  /** undefined: the working directory of rehup itself. */
  readonly cwd: string | undefined;
  /** Whether the child's process group becomes the foreground one of the terminal on descriptor 0. */
  readonly foreground: boolean;
  /** One more descriptor that it gets. */
  readonly gift: Gift | undefined;
};

/** spawn.h of glibc. */
const POSIX_SPAWN_SETPGROUP = 0x02;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;

/** glibc needs 336 and 80 bytes; the rest is for the day when it needs more. */
const STRUCTURE_SIZE = 1_024;

/** The first descriptor that is not the child's own. */
const FIRST_FOREIGN = 3;

/**
 * Starts a process by posix_spawn(3): in a process group of its own, with default dispositions for all 64 signals, none
 * blocked, and no descriptors but 0–2. Unlike child_process it tells exec errors apart and never falls back on a shell.
 *
 * @returns the process id, or the name of the errno(3) that execve(2) or the preparation failed with
 */
export function spawn(request: SpawnRequest): { readonly pid: number } | { readonly errno: string } {
  const actions = memory(STRUCTURE_SIZE);
  const attributes = memory(STRUCTURE_SIZE);
  const file = cString(request.file);
  const strings = [...request.argv, ...request.environment].map(cString);
  const argv = cArray(strings.slice(0, request.argv.length));
  const environment = cArray(strings.slice(request.argv.length));
  const cwd = cString(request.cwd ?? '');
  const pid = memory(4);
  const flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
  libc.posix_spawnattr_init(attributes);
  libc.posix_spawnattr_setflags(attributes, flags);
  libc.posix_spawnattr_setpgroup(attributes, 0);
  libc.posix_spawnattr_setsigdefault(attributes, fullSignalSet());
  libc.posix_spawnattr_setsigmask(attributes, signalSet());
  libc.posix_spawn_file_actions_init(actions);
  // Node marks 0–2 close-on-exec; a duplicate onto itself clears that.
  for (const descriptor of [0, 1, 2]) libc.posix_spawn_file_actions_adddup2(actions, descriptor, descriptor);
  if (request.foreground) later.addTerminal?.(actions, 0);
  if (request.cwd !== undefined) later.addChdir?.(actions, cwd);
  const { gift } = request;
  // Beyond the limit on open files glibc takes no action, and says so only here.
  const unfit =
    gift === undefined ? 0 : libc.posix_spawn_file_actions_adddup2(actions, gift.descriptor, gift.number);
  closeOthers(actions, gift?.number);
  const error = unfit === 0 ? libc.posix_spawn(pid, file, actions, attributes, argv, environment) : unfit;
  libc.posix_spawn_file_actions_destroy(actions);
  libc.posix_spawnattr_destroy(attributes);
  // Referenced to the end, so that their memory stays while the call reads it.
  if (error !== 0 || strings.length === 0) return { errno: errnoName(error) };
  const child = pid.readInt32LE(0);
  if (request.foreground && later.addTerminal === undefined) libc.tcsetpgrp(0, child);
  return { pid: child };
}

/** All but what is the child's own, and the gift: a close of what is not open is no failure (posix_spawn of glibc). */
function closeOthers(actions: Buffer, gift: number | undefined): void {
  if (later.addCloseFrom !== undefined) {
    const from = gift === undefined ? FIRST_FOREIGN : gift + 1;
    for (let descriptor = FIRST_FOREIGN; descriptor < from - 1; descriptor++)
      libc.posix_spawn_file_actions_addclose(actions, descriptor);
    later.addCloseFrom(actions, from);
    return;
  }
  for (const name of readdirSync('/proc/self/fd')) {
    const descriptor = Number(name);
    if (descriptor >= FIRST_FOREIGN && descriptor !== gift)
      libc.posix_spawn_file_actions_addclose(actions, descriptor);
  }
}
