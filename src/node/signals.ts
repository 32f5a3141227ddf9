import { getCurrentEventLoop } from 'node:ffi';
import { constants } from 'node:os';
import {
  FAULT_SIGNALS,
  SIGCHLD,
  SIGKILL,
  SIGRTMAX,
  SIGRTMIN,
  SIGSTOP,
  type Signal,
} from '../core/signals.ts';
import { libc, memory, program, signalSet } from './libc.ts';

/** SIGPIPE comes from rehup's own writes to a closed log pipe too, and libuv does not tell who sent a signal. */
const NOT_FORWARDED: readonly Signal[] = [
  SIGKILL,
  SIGSTOP,
  SIGCHLD,
  constants.signals.SIGPIPE,
  ...FAULT_SIGNALS,
];

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
  const names = Object.entries(constants.signals) as [NodeJS.Signals, number][];
  for (const [name, number] of names) {
    if (NOT_FORWARDED.includes(number) || !numbers.delete(number)) continue;
    process.on(name, () => came(number));
  }
  // With --disable-sigusr1 Node leaves the signal blocked, and a handler does not change that.
  libc.pthread_sigmask(SIG_UNBLOCK, signalSet(constants.signals.SIGUSR1), null);
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
