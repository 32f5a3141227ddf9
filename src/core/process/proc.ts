/*
 * Room `process/`: what Linux says of processes: signals, exit statuses, /proc. May not know which process is the child,
 * or what is to become of it.
 */

/** What files of proc(5) tell; a host reads them. */
export type Proc = {
  /** A whole file, a byte string of at most 64 KiB; undefined if it can't be read. */
  read(path: string): string | undefined;
  /** So many bytes of a file from a position on, fewer at its end; undefined if it can't be read there. */
  readAt(path: string, position: number, length: number): string | undefined;
  /** The names in a directory; undefined if it can't be listed. */
  names(path: string): readonly string[] | undefined;
};

/** execve(2): what arguments and environment may take is a quarter of the stack, from 128 KiB to 6 MiB. */
const LEAST_ARGUMENT_BYTES = 128 * 1024;
const MOST_ARGUMENT_BYTES = 6 * 1024 * 1024;
/** The usual limit of the stack, where /proc does not tell. */
const USUAL_STACK = 8 * 1024 * 1024;

/** Where the limits of a process stand. */
export const LIMITS = '/proc/self/limits';

/** The most bytes of arguments and environment for a process with these limits: proc_pid_limits(5). */
export function argumentBytes(limits: string | undefined): number {
  const stack = /^Max stack size\s+(\d+|unlimited)/m.exec(limits ?? '')?.[1] ?? String(USUAL_STACK);
  const quarter = stack === 'unlimited' ? MOST_ARGUMENT_BYTES : Number(stack) / 4;
  return Math.min(Math.max(quarter, LEAST_ARGUMENT_BYTES), MOST_ARGUMENT_BYTES);
}

/** A process, as proc_pid_stat(5) tells of it. */
export type ProcessEntry = {
  readonly pid: number;
  /** Its name as the kernel keeps it, a byte string of at most 15 bytes. */
  readonly name: string;
  /** 0 where the parent is outside of this PID namespace. */
  readonly parent: number;
  readonly group: number;
  /** 0 where the session's leader is outside of this PID namespace. */
  readonly session: number;
  /** When it was started, in ticks since the machine was: with the process id a name that is never given twice. */
  readonly started: string;
  /** False for a zombie; one whose main thread has ended lives on in its other threads. */
  readonly alive: boolean;
};

/** Reads the text of a `stat` file. Its fields stand behind the name, which may hold anything; undefined if it is none. */
export function parseStat(text: string): ProcessEntry | undefined {
  const opened = text.indexOf('(');
  const closed = text.lastIndexOf(')');
  const fields = text.slice(closed + 2).split(' ');
  const [state = '', parent = '', group = '', session = ''] = fields;
  const started = fields[19] ?? '';
  if (opened < 0 || started === '') return undefined;
  const dead = state === 'X' || (state === 'Z' && Number(fields[17]) <= 1);
  return {
    pid: Number(text.slice(0, opened)),
    name: text.slice(opened + 1, closed),
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    started,
    alive: !dead,
  };
}

export function processEntry(proc: Proc, pid: number): ProcessEntry | undefined {
  const text = proc.read(`/proc/${pid}/stat`);
  return text === undefined ? undefined : parseStat(text);
}

/** The process id of the parent: proc_pid_stat(5). */
function parentOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
}

/** So many parents are looked at: more than a tree of processes has that nobody built to be deep. */
const MOST_GENERATIONS = 64;

/**
 * Whether a process descends from another, by its parent's parents at the moment. One that came from outside of a PID
 * namespace has the parent 0 there.
 *
 * @param statOf the text of /proc/PID/stat; undefined if there is no such process
 */
export function isDescendant(
  pid: number,
  ancestor: number,
  statOf: (pid: number) => string | undefined,
): boolean {
  let current = pid;
  for (let generation = 0; generation < MOST_GENERATIONS && current > 0; generation++) {
    const stat = statOf(current);
    if (stat === undefined) return false;
    current = parentOf(stat);
    if (current === ancestor) return true;
  }
  return false;
}

/** Whether a name in /proc is that of a process. */
export function isProcess(name: string): boolean {
  return /^\d+$/.test(name);
}
