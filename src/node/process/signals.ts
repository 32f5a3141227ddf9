import { getCurrentEventLoop } from 'node:ffi';
import { closeSync, openSync, readSync } from 'node:fs';
import { constants } from 'node:os';
import { type Disposition, dispositionOf } from '../../core/process/handling.ts';
import {
  FAULT_SIGNALS,
  SIGCHLD,
  SIGINT,
  SIGKILL,
  SIGRTMAX,
  SIGRTMIN,
  SIGSTOP,
  SIGTERM,
  type Signal,
} from '../../core/process/signals.ts';
import { libc, memory, program, signalSet } from './libc.ts';

/**
 * PIPE and XFSZ come from rehup's own writes (to a closed log pipe, beyond RLIMIT_FSIZE) too, and libuv does not tell who
 * sent a signal. Node has them ignored, so that the write fails with EPIPE or EFBIG.
 */
const NOT_FORWARDED: readonly Signal[] = [
  SIGKILL,
  SIGSTOP,
  SIGCHLD,
  constants.signals.SIGPIPE,
  constants.signals.SIGXFSZ,
  ...FAULT_SIGNALS,
];

/** Whether a signal that comes to rehup is reported. */
export function isForwarded(signal: Signal): boolean {
  return !NOT_FORWARDED.includes(signal);
}

/** Those for which Node has handlers of its own until they are ours: see `listenForStops`. */
const STOPS = [
  ['SIGTERM', SIGTERM],
  ['SIGINT', SIGINT],
] as const;

/** More than proc_pid_status(5) takes. */
const STATUS_SIZE = 16 * 1024;

/** resource.h of Linux. */
const RLIMIT_CPU = 0;

/** uv.h and signal.h. */
const UV_SIGNAL = 16;
const SIG_UNBLOCK = 1;

/** Handles and callbacks that libuv holds by address: they must never be collected. */
const kept: unknown[] = [];

/**
 * Has every signal that can be caught and is not about rehup itself reported by its number, from now on.
 *
 * Node knows the signals up to 31 by name; the real-time ones are asked of libuv through `node:ffi`.
 */
export function listenForSignals(came: (signal: Signal) => void): void {
  const numbers = new Set(Object.values(constants.signals));
  const isOwnTime = askingForOwnTime();
  const names = Object.entries(constants.signals) as [NodeJS.Signals, number][];
  for (const [name, number] of names) {
    if (NOT_FORWARDED.includes(number) || !numbers.delete(number)) continue;
    if (STOPS.some(([stop]) => stop === name)) continue;
    process.on(name, () => {
      if (number !== constants.signals.SIGXCPU || !isOwnTime()) came(number);
    });
  }
  listenForStops(came);
  // With --disable-sigusr1 Node leaves the signal blocked, and a handler does not change that.
  libc.pthread_sigmask(SIG_UNBLOCK, signalSet(constants.signals.SIGUSR1), null);
}

/**
 * Answers at each SIGXCPU whether it is one of the kernel's, about what rehup itself has used: with each the kernel raises
 * the soft RLIMIT_CPU by a second (setrlimit(2)), so that it is not what it was.
 */
function askingForOwnTime(): () => boolean {
  let before = limitOfTime();
  return () => {
    const last = before;
    before = limitOfTime();
    return before !== last;
  };
}

/** The soft RLIMIT_CPU, seconds. */
function limitOfTime(): bigint {
  const limits = memory(16);
  libc.getrlimit(RLIMIT_CPU, limits);
  return limits.readBigUInt64LE(0);
}

/**
 * The same for TERM and INT, and reports one that has come already. Some 10 ms after the exec Node installs handlers for
 * these two that give way to the default (SA_RESETHAND) and raise the signal again, which PID 1 ignores; so one that came
 * is missing from the caught signals. Both missing is taken for a Node without such handlers: a stop that nobody asked for
 * would be worse than one that is lost. Between the reading and the new handlers lie some 30 µs.
 */
function listenForStops(came: (signal: Signal) => void): void {
  const status = Buffer.alloc(STATUS_SIZE);
  const length = process.pid === 1 ? readStatus(status) : 0;
  for (const [name, number] of STOPS) process.on(name, () => came(number));
  const text = status.toString('latin1', 0, length);
  const missing = STOPS.filter(([, number]) => isLost(dispositionOf(text, number)));
  if (missing.length < STOPS.length) for (const [, number] of missing) came(number);
}

function isLost(disposition: Disposition | undefined): boolean {
  return disposition === 'default' || disposition === 'ignored';
}

/** Reads /proc/self/status; answers how much of it there is, nothing where there is no /proc. */
function readStatus(buffer: Buffer): number {
  try {
    const file = openSync('/proc/self/status', 'r');
    const length = readSync(file, buffer);
    closeSync(file);
    return length;
  } catch {
    return 0;
  }
}

/**
 * The same for the real-time signals; apart, because it costs a few milliseconds of a start.
 *
 * @returns why they can't be received, if they can't: a Node that does not show libuv's functions
 */
export function listenForRealTimeSignals(came: (signal: Signal) => void): string | undefined {
  try {
    startRealTimeHandles(came);
    return undefined;
  } catch (error) {
    return String(error);
  }
}

function startRealTimeHandles(came: (signal: Signal) => void): void {
  const pointer = program.registerCallback(
    { arguments: ['pointer', 'int32'], return: 'void' },
    (_handle, signal) => {
      came(signal);
    },
  );
  const size = program.getFunction('uv_handle_size', { arguments: ['int32'], return: 'uint64' });
  const init = program.getFunction('uv_signal_init', { arguments: ['pointer', 'pointer'], return: 'int32' });
  const start = program.getFunction('uv_signal_start', {
    arguments: ['pointer', 'pointer', 'int32'],
    return: 'int32',
  });
  const loop = getCurrentEventLoop();
  const bytes = Number(size(UV_SIGNAL));
  kept.push(pointer);
  for (let signal = SIGRTMIN; signal <= SIGRTMAX; signal++) {
    const handle = memory(bytes);
    kept.push(handle);
    init(loop, handle);
    start(handle, pointer, signal);
  }
}
