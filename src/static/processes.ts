import { environmentMap } from '../core/files/environment.ts';
import { executableCandidates, tryCandidates } from '../core/process/executable.ts';
import type { ExitStatus } from '../core/process/exit.ts';
import {
  type Handling,
  handlingOf,
  isDescendant,
  isLiveMember,
  isProcess,
  parentOf,
} from '../core/process/proc.ts';
import { SIGSTOP } from '../core/process/signals.ts';
import type { Gift, Processes } from '../core/state/ports.ts';
import { errnoOf } from './native.ts';

export type ProcessOptions = {
  readonly cwd: string | undefined;
  /** Whether descriptor 0 is a terminal; the child is then put in the foreground if rehup is there. */
  readonly terminal: boolean;
  /** Processes that wait for file servers on rehup's behalf: none of the children that anybody asks for. */
  readonly helping: ReadonlySet<number>;
  /** Called when the child has ended. */
  readonly exited: (status: ExitStatus) => void;
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

export function createProcesses({ cwd, terminal, helping, exited }: ProcessOptions): ReapingProcesses {
  const owners = new Map<number, (status: ExitStatus) => void>();
  let foreground = false;

  function start(
    command: readonly string[],
    environment: readonly string[],
    gift?: Gift,
    files?: readonly string[],
  ): { readonly pid: number } | { readonly errno: string } {
    // Only what is in the foreground itself can hand it over: in the background of a shell it would be taken from the shell.
    foreground = terminal && native.inForeground();
    const { descriptor = -1, number = -1 } = gift ?? {};
    const begin = (file: string) =>
      native.spawn(file, command, environment, cwd, foreground, OWN, OWN, OWN, descriptor, number);
    const started = spawn(command, environment, begin, files);
    if (gift !== undefined) native.close(gift.descriptor);
    if ('pid' in started) owners.set(started.pid, ended);
    return started;
  }

  let reaped = 0;

  function ended(status: ExitStatus): void {
    if (foreground) attempt(() => native.takeForeground());
    exited(status);
  }

  return {
    start,
    onEnd: (pid, told) => void owners.set(pid, told),
    handling,
    groupAlive,
    hasChildren: () => native.hasChildren() && (helping.size === 0 || hasOtherChildren(helping)),
    reaped: () => reaped,
    descends: (pid) => isDescendant(pid, native.processId(), (one) => readProc(`/proc/${one}/stat`)),
    signal: (pid, signal, to) => kill(to === 'group' ? -pid : pid, signal),
    suspend: () => void kill(native.processId(), SIGSTOP),
    reap() {
      const zombies = native.reap(ZOMBIES_PER_TURN);
      for (let index = 0; index < zombies.length; index += 3) {
        const [pid = 0, byItself, status = 0] = zombies.slice(index, index + 3);
        const owner = owners.get(pid);
        owners.delete(pid);
        if (owner === undefined) reaped += 1;
        owner?.(byItself === 1 ? { kind: 'code', code: status } : { kind: 'signal', signal: status });
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
  const path = environmentMap(environment).get('PATH');
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

function handling(pid: number, signal: number): Handling | undefined {
  const status = readProc(`/proc/${pid}/status`);
  return status === undefined ? undefined : handlingOf(status, signal);
}

function groupAlive(group: number): boolean {
  const errno = kill(-group, 0);
  if (errno !== undefined) return errno !== 'ESRCH';
  // Zombies whose parent does not wait for them count as members for kill(2), and may stay for ever.
  try {
    return native.names('/proc').some((name) => isProcess(name) && isMember(name, group));
  } catch (error) {
    errnoOf(error);
    return true;
  }
}

function isMember(pid: string, group: number): boolean {
  const stat = readProc(`/proc/${pid}/stat`);
  return stat !== undefined && isLiveMember(stat, group);
}

/** Whether rehup has a child that is none of these; so too where /proc does not tell. */
function hasOtherChildren(helping: ReadonlySet<number>): boolean {
  const own = native.processId();
  try {
    return native
      .names('/proc')
      .some((name) => isProcess(name) && !helping.has(Number(name)) && isChildOf(own, name));
  } catch (error) {
    errnoOf(error);
    return true;
  }
}

function isChildOf(parent: number, pid: string): boolean {
  const stat = readProc(`/proc/${pid}/stat`);
  return stat !== undefined && parentOf(stat) === parent;
}

/** A file of /proc; undefined if it is not there, any more or at all. */
export function readProc(path: string): string | undefined {
  try {
    const file = native.open(path);
    try {
      return native.read(file, PROC_SIZE);
    } finally {
      native.close(file);
    }
  } catch (error) {
    errnoOf(error);
    return undefined;
  }
}
