import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { environmentValue } from '../../core/files/environment.ts';
import { executableCandidates, tryCandidates } from '../../core/process/executable.ts';
import type { ExitStatus } from '../../core/process/exit.ts';
import { isDescendant, type Proc } from '../../core/process/proc.ts';
import { SIGSTOP, SIGTTOU, type Signal } from '../../core/process/signals.ts';
import type { Gift, Processes } from '../../core/state/ports.ts';
import { errnoOf } from '../errno.ts';
import { libc, memory, signalSet } from './libc.ts';
import { signalExactly } from './pidfd.ts';
import { createReaper, type ForeignProcesses, hasChildren, stoppedChild } from './reaper.ts';
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
  /** Called if the orphans of the child can't be adopted. */
  readonly unadopted: () => void;
  /** Called when the child has ended. */
  readonly exited: (status: ExitStatus) => void;
  /** Called when the child, on a terminal, was stopped by a signal. */
  readonly stopped: (signal: Signal) => void;
  /** Called with each orphan that was reaped. */
  readonly orphan: (pid: number, status: ExitStatus) => void;
};

/** The Processes port: posix_spawn, kill, waitid and /proc. */
export function createProcesses(options: ProcessOptions): Processes {
  const { cwd, terminal, foreign, unadopted, exited, stopped, orphan } = options;
  let child = 0;
  let foreground = false;
  let reaped = 0;
  const reap = createReaper(foreign, (pid, status) => {
    if (pid !== child) {
      reaped += 1;
      orphan(pid, status);
      return;
    }
    child = 0;
    if (foreground) giveTerminal(libc.getpgrp());
    exited(status);
  });
  process.on('SIGCHLD', () => {
    const signal = terminal && child !== 0 ? stoppedChild(child) : 0;
    if (signal !== 0) stopped(signal);
    reap();
  });
  if (process.pid !== 1 && libc.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n) !== 0) unadopted();

  function start(
    command: readonly string[],
    environment: readonly string[],
    gift?: Gift,
    files?: readonly string[],
  ): { readonly pid: number } | { readonly errno: string } {
    // Only what is in the foreground itself can hand it over: in the background of a shell it would be taken from the shell.
    foreground = terminal && libc.tcgetpgrp(0) === libc.getpgrp();
    const path = environmentValue(environment, 'PATH');
    const errno = tryCandidates(files ?? executableCandidates(command[0] ?? '', path), (file) => {
      const request = { file, argv: command, environment, cwd, gift };
      let started = spawn({ ...request, foreground });
      if ('errno' in started && foreground && libc.tcgetpgrp(0) < 0) {
        // A terminal that has just hung up is no reason not to start.
        foreground = false;
        started = spawn({ ...request, foreground });
      }
      if ('errno' in started) return started.errno;
      child = started.pid;
      return undefined;
    });
    if (gift !== undefined) closeSync(gift.descriptor);
    // A file that could not be executed had taken the terminal already.
    if (errno !== undefined && foreground) giveTerminal(libc.getpgrp());
    return errno === undefined ? { pid: child } : { errno };
  }

  return {
    start,
    self: process.pid,
    proc,
    hasChildren,
    reaped: () => reaped,
    descends: (pid) => isDescendant(pid, process.pid, (one) => proc.read(`/proc/${one}/stat`)),
    jobs: () => [...foreign],
    signal: (pid, signal, to) => kill(to === 'group' ? -pid : pid, signal),
    signalExactly: (pid, signal, isStill) => signalExactly(pid, signal, isStill, kill),
    suspend(pid, whom) {
      if (foreground && libc.tcgetpgrp(0) === pid) giveTerminal(libc.getpgrp());
      kill(whom === 'self' ? process.pid : 0, SIGSTOP);
      // Woken: the shell that did so has given the terminal back if it wants the child in the foreground.
      if (terminal && libc.tcgetpgrp(0) === libc.getpgrp()) {
        foreground = true;
        giveTerminal(pid);
      }
      // That the child was stopped is no news.
      stoppedChild(pid);
    },
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

/** More than any file of /proc that is read whole. */
const PROC_SIZE = 64 * 1024;

const proc: Proc = {
  read: (path) => readAt(path, 0, PROC_SIZE),
  readAt,
  names(path) {
    try {
      return readdirSync(path, 'latin1');
    } catch {
      return undefined;
    }
  },
};

function readAt(path: string, position: number, length: number): string | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const bytes = Buffer.alloc(length);
    let done = 0;
    // A file of /proc may give less at once than it holds.
    for (let got = 1; got > 0 && done < length; done += got)
      got = readSync(file, bytes, done, length - done, position + done);
    return bytes.toString('latin1', 0, done);
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Makes a group the terminal's foreground one; SIGTTOU would stop a background process that asks. */
function giveTerminal(group: number): void {
  const before = memory(128);
  libc.pthread_sigmask(SIG_BLOCK, signalSet(SIGTTOU), before);
  libc.tcsetpgrp(0, group);
  libc.pthread_sigmask(SIG_SETMASK, before, null);
}
