import type { Signal } from './signals.ts';

/*
 * Room `process/`: what Linux says of processes: signals, exit statuses, /proc. May not know which process is the child,
 * or what is to become of it.
 */

/** What files of proc(5) tell, for a host to read. */

/**
 * What a process does with a signal. `blocked`: it has no handler, and keeps the signal for later, which is no proof that
 * nobody takes it: signalfd(2) works like that, a program that executes itself anew blocks it meanwhile (haproxy's
 * master), and a shell for a moment whenever it starts a command. One that sleeps in sigwait(3) does not show that: the
 * kernel lifts the block of what is waited for (do_sigtimedwait in kernel/signal.c).
 */
export type Handling = 'caught' | 'blocked' | 'uncaught';

/** By `SigCgt` and `SigBlk` of proc_pid_status(5); undefined if the text does not tell. */
export function handlingOf(status: string, signal: Signal): Handling | undefined {
  const caught = holds(status, 'SigCgt', signal);
  if (caught === undefined) return undefined;
  if (caught) return 'caught';
  return holds(status, 'SigBlk', signal) === true ? 'blocked' : 'uncaught';
}

function holds(status: string, field: 'SigCgt' | 'SigBlk', signal: Signal): boolean | undefined {
  const mask = new RegExp(`^${field}:\\s*([0-9a-f]{16})$`, 'm').exec(status)?.[1];
  if (mask === undefined) return undefined;
  // Bit 0 is signal 1, and the last of the 16 digits holds bits 0 to 3.
  const digit = Number.parseInt(mask.charAt(15 - ((signal - 1) >> 2)), 16);
  return ((digit >> ((signal - 1) & 3)) & 1) === 1;
}

/** execve(2): what arguments and environment may take is a quarter of the stack, from 128 KiB to 6 MiB. */
const LEAST_ARGUMENT_BYTES = 128 * 1024;
const MOST_ARGUMENT_BYTES = 6 * 1024 * 1024;
/** The usual limit of the stack, where /proc does not tell. */
const USUAL_STACK = 8 * 1024 * 1024;

/** The most bytes of arguments and environment for a process with these limits: proc_pid_limits(5). */
export function argumentBytes(limits: string | undefined): number {
  const stack = /^Max stack size\s+(\d+|unlimited)/m.exec(limits ?? '')?.[1] ?? String(USUAL_STACK);
  const quarter = stack === 'unlimited' ? MOST_ARGUMENT_BYTES : Number(stack) / 4;
  return Math.min(Math.max(quarter, LEAST_ARGUMENT_BYTES), MOST_ARGUMENT_BYTES);
}

/** Whether a process is in a group and no zombie: proc_pid_stat(5). Its fields stand behind the command, which may hold anything. */
export function isLiveMember(stat: string, group: number): boolean {
  const [state, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(processGroup) === group && state !== 'Z' && state !== 'X';
}

/** The process id of the parent: proc_pid_stat(5). */
export function parentOf(stat: string): number {
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
