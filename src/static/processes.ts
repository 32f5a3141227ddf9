import { environmentValue } from '../core/files/environment.ts';
import { executableCandidates, tryCandidates } from '../core/process/executable.ts';
import type { ExitStatus } from '../core/process/exit.ts';
import { isDescendant, type Proc } from '../core/process/proc.ts';
import { SIGSTOP, type Signal } from '../core/process/signals.ts';
import type { Gift, Processes } from '../core/state/ports.ts';
import { errnoOf } from './native.ts';

export type ProcessOptions = {
  readonly cwd: string | undefined;
  /** Whether descriptor 0 is a terminal; the child is then put in the foreground if rehup is there. */
  readonly terminal: boolean;
  /** Called when the child has ended. */
  readonly exited: (status: ExitStatus) => void;
  /** Called when the child, on a terminal, was stopped by a signal. */
  readonly stopped: (signal: Signal) => void;
  /** Called with each orphan that was reaped. */
  readonly orphan: (pid: number, status: ExitStatus) => void;
};

/** The Processes port, and what a SIGCHLD is for. */
export type ReapingProcesses = Processes & {
  /** Has the end of a process that was just started told, once. */
  onEnd(pid: number, ended: (status: ExitStatus) => void): void;
  /** Takes the exit statuses of zombies, the child and orphans alike; false if there may be more. */
  reap(): boolean;
};

/** A turn of reaping ends after this many zombies, to let in what else has happened. */
const ZOMBIES_PER_TURN = 200;

/** More than any file of /proc that is read here holds. */
const PROC_SIZE = 64 * 1024;

/** `-1` of spawn: the descriptor of rehup itself, and of descriptor 3 that there is none. */
const OWN = -1;
export const NONE = -1;

export function createProcesses({
  cwd,
  terminal,
  exited,
  stopped,
  orphan,
}: ProcessOptions): ReapingProcesses {
  const owners = new Map<number, (status: ExitStatus) => void>();
  let foreground = false;
  let child = 0;

  function start(
    command: readonly string[],
    environment: readonly string[],
    gift?: Gift,
    files?: readonly string[],
  ): { readonly pid: number } | { readonly errno: string } {
    // Only what is in the foreground itself can hand it over: in the background of a shell it would be taken from the shell.
    foreground = terminal && native.foreground() === native.group();
    const { descriptor = -1, number = -1 } = gift ?? {};
    const begin = (file: string) =>
      native.spawn(file, command, environment, cwd, foreground, OWN, OWN, OWN, descriptor, number);
    const started = spawn(command, environment, begin, files);
    if (gift !== undefined) native.close(gift.descriptor);
    if ('pid' in started) {
      child = started.pid;
      owners.set(child, ended);
    }
    return started;
  }

  let reaped = 0;

  function ended(status: ExitStatus): void {
    child = 0;
    if (foreground) attempt(() => native.giveForeground(native.group()));
    exited(status);
  }

  return {
    start,
    onEnd: (pid, told) => void owners.set(pid, told),
    self: native.processId(),
    proc,
    hasChildren: () => native.hasChildren(),
    reaped: () => reaped,
    descends: (pid) => isDescendant(pid, native.processId(), (one) => readProc(`/proc/${one}/stat`)),
    jobs: () => [...owners.keys()].filter((pid) => pid !== child),
    signal: (pid, signal, to) => kill(to === 'group' ? -pid : pid, signal),
    signalExactly(pid, signal, isStill) {
      let opened = NONE;
      const errno = attempt(() => {
        opened = native.openProcess(pid);
      });
      // Some sandboxes and old kernels have no such descriptors.
      if (errno !== undefined) return errno !== 'ENOSYS' || !isStill() ? errno : kill(pid, signal);
      const failed = isStill() ? attempt(() => native.signalOpened(opened, signal)) : 'ESRCH';
      native.close(opened);
      return failed;
    },
    suspend(pid, whom) {
      if (foreground && native.foreground() === pid) attempt(() => native.giveForeground(native.group()));
      kill(whom === 'self' ? native.processId() : 0, SIGSTOP);
      // Woken: the shell that did so has given the terminal back if it wants the child in the foreground.
      if (terminal && native.foreground() === native.group()) {
        foreground = true;
        attempt(() => native.giveForeground(pid));
      }
      // That the child was stopped is no news.
      native.stopped(pid);
    },
    reap() {
      const signal = terminal && child !== 0 ? native.stopped(child) : 0;
      if (signal !== 0) stopped(signal);
      const zombies = native.reap(ZOMBIES_PER_TURN);
      for (let index = 0; index < zombies.length; index += 3) {
        const [pid = 0, byItself, status = 0] = zombies.slice(index, index + 3);
        const owner = owners.get(pid);
        owners.delete(pid);
        const how: ExitStatus =
          byItself === 1 ? { kind: 'code', code: status } : { kind: 'signal', signal: status };
        if (owner === undefined) reaped += 1;
        if (owner === undefined) orphan(pid, how);
        else owner(how);
      }
      return zombies.length < 3 * ZOMBIES_PER_TURN;
    },
  };
}

/**
 * Starts a command by the first file that it may be; `start` starts one file and answers its process id.
 *
 * @param files the files that it may be, where they are known
 */
export function spawn(
  command: readonly string[],
  environment: readonly string[],
  start: (file: string) => number,
  files?: readonly string[],
): { readonly pid: number } | { readonly errno: string } {
  let pid = 0;
  const path = environmentValue(environment, 'PATH');
  const errno = tryCandidates(files ?? executableCandidates(command[0] ?? '', path), (file) =>
    attempt(() => {
      pid = start(file);
    }),
  );
  return errno === undefined ? { pid } : { errno };
}

/** Does something that may fail; answers the name of the errno if it does. */
export function attempt(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return errnoOf(error);
  }
}

export function kill(pid: number, signal: number): string | undefined {
  return attempt(() => native.kill(pid, signal));
}

const proc: Proc = {
  read: readProc,
  readAt: (path, position, length) => withFile(path, (file) => native.readAt(file, String(position), length)),
  names(path) {
    try {
      return native.names(path);
    } catch (error) {
      errnoOf(error);
      return undefined;
    }
  },
};

/** A file of /proc; undefined if it is not there, any more or at all. */
export function readProc(path: string): string | undefined {
  return withFile(path, (file) => native.read(file, PROC_SIZE));
}

function withFile(path: string, read: (file: number) => string): string | undefined {
  try {
    const file = native.open(path);
    try {
      return read(file);
    } finally {
      native.close(file);
    }
  } catch (error) {
    errnoOf(error);
    return undefined;
  }
}
