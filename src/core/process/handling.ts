import { isProcess, type Proc } from './proc.ts';
import type { Signal } from './signals.ts';

/**
 * What a process does with a signal that is sent to it. `caught`: it has a handler. `waited`: it has none, and a thread
 * of it waits for just this signal, sigwait(3). `blocked`: every thread keeps it for later, which is how signalfd(2)
 * works, and a thread that is just not waiting; but so does a program that executes itself anew meanwhile, and a
 * shell for a moment whenever it starts a command. `ignored`, `uncaught`: nobody takes it, and `uncaught` ends the process.
 * `unreadable`: it is one of these two, or `waited`; rehup may not see which.
 */
export type Handling = 'caught' | 'waited' | 'blocked' | 'ignored' | 'uncaught' | 'unreadable';

export type Handled = {
  readonly handling: Handling;
  /** The name of the program, a byte string. */
  readonly program: string;
};

/** What the thread that a `status` file is about does with a signal by itself. */
export type Disposition = 'caught' | 'blocked' | 'ignored' | 'default';

/** More threads than these are not looked at. */
const MOST_THREADS = 1_024;

/** By the signal masks of proc_pid_status(5); undefined if the text does not tell. */
export function dispositionOf(status: string, signal: Signal): Disposition | undefined {
  const caught = holds(status, 'SigCgt', signal);
  if (caught === undefined) return undefined;
  if (caught) return 'caught';
  if (holds(status, 'SigBlk', signal) === true) return 'blocked';
  return holds(status, 'SigIgn', signal) === true ? 'ignored' : 'default';
}

/** Whether a process is known to ignore a signal. */
export function ignores(proc: Proc, pid: number, signal: Signal): boolean {
  return holds(proc.read(`/proc/${pid}/status`) ?? '', 'SigIgn', signal) === true;
}

function holds(status: string, field: 'SigCgt' | 'SigBlk' | 'SigIgn', signal: Signal): boolean | undefined {
  const mask = fieldOf(status, field);
  if (mask === undefined || !/^[0-9a-f]{16}$/.test(mask)) return undefined;
  // Bit 0 is signal 1, and the last of the 16 digits holds bits 0 to 3.
  const digit = Number.parseInt(mask.charAt(15 - ((signal - 1) >> 2)), 16);
  return ((digit >> ((signal - 1) & 3)) & 1) === 1;
}

/** What stands behind a name in a text like proc_pid_status(5): found without a look at each character by an expression. */
function fieldOf(status: string, name: string): string | undefined {
  const head = `${name}:\t`;
  const at = status.startsWith(head) ? 0 : status.indexOf(`\n${head}`) + 1;
  if (at === 0 && !status.startsWith(head)) return undefined;
  const end = status.indexOf('\n', at);
  return status.slice(at + head.length, end < 0 ? undefined : end);
}

/**
 * What a process does with a signal, by all of its threads; undefined where /proc does not tell.
 *
 * The kernel gives a signal to the main thread if that does not block it, else to any thread that does not
 * (complete_signal in kernel/signal.c); and while a thread waits for a signal, its block of it is lifted
 * (do_sigtimedwait), so that the masks alone can't be told from those of one that would end.
 */
export function handlingOf(proc: Proc, pid: number, signal: Signal): Handled | undefined {
  const status = proc.read(`/proc/${pid}/status`);
  const own = status === undefined ? undefined : dispositionOf(status, signal);
  if (status === undefined || own === undefined) return undefined;
  const program = fieldOf(status, 'Name') ?? '';
  return { program, handling: own === 'caught' ? own : byThreads(proc, pid, signal) };
}

function byThreads(proc: Proc, pid: number, signal: Signal): Handling {
  const main = String(pid);
  const others = (proc.names(`/proc/${pid}/task`) ?? []).filter((name) => isProcess(name) && name !== main);
  if (others.length >= MOST_THREADS) return 'unreadable';
  let waiting = false;
  for (const thread of [main, ...others]) {
    const status = proc.read(`/proc/${pid}/task/${thread}/status`);
    // It has ended, and only the others are left.
    if (status === undefined || /^[ZX]/.test(fieldOf(status, 'State') ?? '')) continue;
    const disposition = dispositionOf(status, signal);
    if (disposition === 'caught') return 'caught';
    if (disposition === 'blocked') continue;
    const waits = waitsFor(proc, pid, thread, signal);
    if (waits === undefined) return 'unreadable';
    if (!waits) return disposition === 'ignored' ? 'ignored' : 'uncaught';
    if (thread === main) return 'waited';
    waiting = true;
  }
  return waiting ? 'waited' : 'blocked';
}

/** The numbers of rt_sigtimedwait(2), and of rt_sigtimedwait_time64, by `e_machine` and the class of elf(5). */
const SIGTIMEDWAIT: Readonly<Record<string, readonly string[]>> = {
  // x86-64, and its x32, whose numbers have bit 30 set.
  '62/2': ['128'],
  '62/1': ['1073742347'],
  // i386 and 32-bit ARM.
  '3/1': ['177', '421'],
  '40/1': ['177', '421'],
  // arm64 and riscv64 have the generic numbers.
  '183/2': ['137'],
  '243/2': ['137'],
};

/** The bytes of elf(5) up to `e_machine`, of which the fifth is the class. */
const ELF_BYTES = 20;

/** The bytes of a signal set of the kernel. */
const SET_BYTES = 8;

/** Whether a thread is in rt_sigtimedwait(2) with a signal in its set; undefined if rehup may not see it. */
function waitsFor(proc: Proc, pid: number, thread: string, signal: Signal): boolean | undefined {
  // By the thread, since a main thread that has ended has neither executable nor memory.
  const own = `/proc/${pid}/task/${thread}`;
  const call = proc.read(`${own}/syscall`);
  if (call === undefined) return undefined;
  // proc_pid_syscall(5): the number and the arguments, or `running`, or -1 outside of a call.
  const [number = '', set = ''] = call.trim().split(' ');
  if (!/^\d+$/.test(number)) return false;
  const header = proc.readAt(`${own}/exe`, 0, ELF_BYTES);
  if (header === undefined || header.length < ELF_BYTES) return undefined;
  const machine = header.charCodeAt(18) | (header.charCodeAt(19) << 8);
  const numbers = SIGTIMEDWAIT[`${machine}/${header.charCodeAt(4)}`];
  if (numbers === undefined) return undefined;
  if (!numbers.includes(number)) return false;
  const bytes = proc.readAt(`${own}/mem`, Number(set), SET_BYTES);
  if (bytes === undefined || bytes.length < SET_BYTES) return undefined;
  return ((bytes.charCodeAt((signal - 1) >> 3) >> ((signal - 1) & 7)) & 1) === 1;
}
