import { closeSync, readdirSync, readFileSync } from 'node:fs';
import { environmentMap } from '../../core/files/environment.ts';
import { executableCandidates, tryCandidates } from '../../core/process/executable.ts';
import type { ExitStatus } from '../../core/process/exit.ts';
import {
  type Handling,
  handlingOf,
  isDescendant,
  isLiveMember,
  isProcess,
  parentOf,
} from '../../core/process/proc.ts';
import { SIGSTOP, SIGTTOU } from '../../core/process/signals.ts';
import type { Gift, Processes } from '../../core/state/ports.ts';
import { errnoOf } from '../errno.ts';
import { libc, memory, signalSet } from './libc.ts';
import { createReaper, type ForeignProcesses, hasChildren } from './reaper.ts';
import { spawn } from './spawn.ts';

/** prctl.h and signal.h of Linux. */
const PR_SET_CHILD_SUBREAPER = 36;
const SIG_BLOCK = 0;
const SIG_SETMASK = 2;

export type ProcessOptions = {
  readonly cwd: string | undefined;
  /** Whether descriptor 0 is a terminal; the child is then put in the foreground if rehup is there. */
  readonly terminal: boolean;
  /** Processes that libuv waits for. */
  readonly foreign: ForeignProcesses;
  /** Processes that wait for file servers on rehup's behalf: none of the children that anybody asks for. */
  readonly helping: ReadonlySet<number>;
  /** Called if the orphans of the child can't be adopted. */
  readonly unadopted: () => void;
  /** Called when the child has ended. */
  readonly exited: (status: ExitStatus) => void;
};

/** The Processes port: posix_spawn, kill, waitid and /proc. */
export function createProcesses({
  cwd,
  terminal,
  foreign,
  helping,
  unadopted,
  exited,
}: ProcessOptions): Processes {
  let child = 0;
  let foreground = false;
  let reaped = 0;
  const reap = createReaper(foreign, (pid, status) => {
    if (pid !== child) {
      reaped += 1;
      return;
    }
    child = 0;
    if (foreground) takeTerminal();
    exited(status);
  });
  process.on('SIGCHLD', reap);
  if (process.pid !== 1 && libc.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n) !== 0) unadopted();

  function start(
    command: readonly string[],
    environment: readonly string[],
    gift?: Gift,
    files?: readonly string[],
  ): { readonly pid: number } | { readonly errno: string } {
    // Only what is in the foreground itself can hand it over: in the background of a shell it would be taken from the shell.
    foreground = terminal && libc.tcgetpgrp(0) === libc.getpgrp();
    const path = environmentMap(environment).get('PATH');
    const errno = tryCandidates(files ?? executableCandidates(command[0] ?? '', path), (file) => {
      const request = { file, argv: command, environment, cwd, gift };
      let started = spawn({ ...request, foreground });
      if ('errno' in started && foreground && libc.tcgetpgrp(0) !== libc.getpgrp()) {
        // A terminal that has just hung up is no reason not to start.
        foreground = false;
        started = spawn({ ...request, foreground });
      }
      if ('errno' in started) return started.errno;
      child = started.pid;
      return undefined;
    });
    if (gift !== undefined) closeSync(gift.descriptor);
    return errno === undefined ? { pid: child } : { errno };
  }

  return {
    start,
    handling,
    groupAlive,
    hasChildren: () => hasChildren() && (helping.size === 0 || hasOtherChildren(helping)),
    reaped: () => reaped,
    descends: (pid) => isDescendant(pid, process.pid, statOf),
    signal: (pid, signal, to) => kill(to === 'group' ? -pid : pid, signal),
    suspend: () => void kill(process.pid, SIGSTOP),
  };
}

function kill(pid: number, signal: number): string | undefined {
  try {
    process.kill(pid, signal);
    return undefined;
  } catch (error) {
    return errnoOf(error);
  }
}

function handling(pid: number, signal: number): Handling | undefined {
  try {
    return handlingOf(readFileSync(`/proc/${pid}/status`, 'latin1'), signal);
  } catch {
    return undefined;
  }
}

function groupAlive(group: number): boolean {
  const errno = kill(-group, 0);
  if (errno !== undefined) return errno !== 'ESRCH';
  // Zombies whose parent does not wait for them count as members for kill(2), and may stay for ever.
  try {
    return readdirSync('/proc').some((name) => isProcess(name) && isMember(name, group));
  } catch {
    return true;
  }
}

function isMember(pid: string, group: number): boolean {
  const stat = statOf(pid);
  return stat !== undefined && isLiveMember(stat, group);
}

/** What /proc says of a process; undefined if there is none. */
function statOf(pid: number | string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
}

/** Whether rehup has a child that is none of these; so too where /proc does not tell. */
function hasOtherChildren(helping: ReadonlySet<number>): boolean {
  try {
    return readdirSync('/proc').some(
      (name) => isProcess(name) && !helping.has(Number(name)) && isChild(name),
    );
  } catch {
    return true;
  }
}

function isChild(pid: string): boolean {
  try {
    return parentOf(readFileSync(`/proc/${pid}/stat`, 'latin1')) === process.pid;
  } catch {
    return false;
  }
}

/** Makes rehup's own group the terminal's foreground one again; SIGTTOU would stop a background process that asks. */
function takeTerminal(): void {
  const before = memory(128);
  libc.pthread_sigmask(SIG_BLOCK, signalSet(SIGTTOU), before);
  libc.tcsetpgrp(0, libc.getpgrp());
  libc.pthread_sigmask(SIG_SETMASK, before, null);
}
