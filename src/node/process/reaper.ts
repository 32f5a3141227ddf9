import { getRawPointer } from 'node:ffi';
import { constants } from 'node:os';
import type { ExitStatus } from '../../core/process/exit.ts';
import { libc, memory } from './libc.ts';

/** wait.h of Linux. */
const P_ALL = 0;
const P_PID = 1;
const WNOHANG = 0x1;
const WSTOPPED = 0x2;
const WEXITED = 0x4;
const WNOWAIT = 0x0100_0000;

/** `siginfo_t`: its size, and where waitid(2) leaves what it found. */
const SIGINFO_SIZE = 128;
const SI_CODE = 8;
const SI_PID = 16;
const SI_STATUS = 24;
const CLD_EXITED = 1;
/** Of the reasons that waitid(2) tells, those up to here are an end. */
const CLD_DUMPED = 3;

/** A stop that is none of being traced. */
const CLD_STOPPED = 5;

/** ptrace.h and signal.h of Linux. */
const PTRACE_DETACH = 17;
const PTRACE_GETSIGINFO = 0x4202;
const SI_USER = 0;

/** A turn of reaping ends after this many zombies or this long, to let in what else has happened. */
const ZOMBIES_PER_TURN = 200;
const MILLISECONDS_PER_TURN = 4;

/** Process ids of the commands that libuv started and waits for itself. */
export type ForeignProcesses = ReadonlySet<number>;

/**
 * Takes the exit status of every zombie that is ours to take: one loop until none is left, since SIGCHLDs merge. One
 * of libuv's that is found first hides all others (waitid(2) goes on to give it), until libuv has taken it, in another
 * turn of the loop.
 *
 * @param exited is called with each, the supervised child and orphans alike
 */
export function createReaper(
  foreign: ForeignProcesses,
  exited: (pid: number, status: ExitStatus) => void,
): () => void {
  const info = memory(SIGINFO_SIZE);

  /** The process id of a zombie, which is taken away unless only `WNOWAIT` is asked for; 0 if there is none. */
  function wait(type: number, pid: number, options: number): number {
    info.writeInt32LE(0, SI_PID);
    const result = libc.waitid(type, pid, info, options | WEXITED | WNOHANG);
    return result === 0 ? info.readInt32LE(SI_PID) : 0;
  }

  return function reap(): void {
    const until = performance.now() + MILLISECONDS_PER_TURN;
    for (let count = 0; count < ZOMBIES_PER_TURN; count++) {
      const pid = wait(P_ALL, 0, WNOWAIT);
      if (pid === 0) return;
      if (foreign.has(pid) && hasEnded(info)) break;
      if (wait(P_PID, pid, 0) === pid) {
        if (hasEnded(info)) exited(pid, statusOf(info));
        else release(pid, info.readInt32LE(SI_STATUS));
      }
      if (performance.now() >= until) break;
    }
    setImmediate(reap);
  };
}

/** The signal that a child was stopped by since it was last asked; 0 if it was not. One that stopped as traced is let go. */
export function stoppedChild(pid: number): number {
  const info = memory(SIGINFO_SIZE);
  const result = libc.waitid(P_PID, pid, info, WSTOPPED | WNOHANG);
  if (result !== 0 || info.readInt32LE(SI_PID) !== pid) return 0;
  const signal = info.readInt32LE(SI_STATUS);
  if (info.readInt32LE(SI_CODE) === CLD_STOPPED) return signal;
  release(pid, signal);
  return 0;
}

/** Whether there is any child, ended or not. */
export function hasChildren(): boolean {
  return libc.waitid(P_ALL, 0, memory(SIGINFO_SIZE), WNOHANG | WEXITED | WNOWAIT) === 0;
}

function hasEnded(info: Buffer): boolean {
  return info.readInt32LE(SI_CODE) <= CLD_DUMPED;
}

/**
 * A child that wants to be traced by its parent (PTRACE_TRACEME, as programs do that look for a debugger) stops at each
 * signal and tells waitid(2) so. It is let go, with the signal, as if it had never asked. The SIGTRAP of its exec, which
 * it has from itself, is part of being traced.
 */
function release(pid: number, stoppedBy: number): void {
  const cause = memory(SIGINFO_SIZE);
  const isTrap = stoppedBy === constants.signals.SIGTRAP;
  const known = isTrap && libc.ptrace(PTRACE_GETSIGINFO, pid, 0n, getRawPointer(cause)) === 0n;
  const ofExec = known && cause.readInt32LE(SI_CODE) === SI_USER && cause.readInt32LE(SI_PID) === pid;
  // It fails where somebody's SIGKILL came first, which is told as well.
  libc.ptrace(PTRACE_DETACH, pid, 0n, ofExec ? 0n : BigInt(stoppedBy));
}

function statusOf(info: Buffer): ExitStatus {
  const status = info.readInt32LE(SI_STATUS);
  return info.readInt32LE(SI_CODE) === CLD_EXITED
    ? { kind: 'code', code: status }
    : { kind: 'signal', signal: status };
}
