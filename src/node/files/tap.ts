import { getCurrentEventLoop } from 'node:ffi';
import { readFileSync, readlinkSync } from 'node:fs';
import { libc, memory, program } from '../process/libc.ts';

/** epoll_ctl(2). */
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;

/** `struct epoll_event` is packed on x86-64 alone. */
const DATA_AT = process.arch === 'x64' ? 4 : 8;

/** What libuv waits with, and what it waits for there: its inotify(7) instance, as it asked for that. */
type Line = { readonly queue: number; readonly notifier: number; readonly event: Buffer };

/** Between the kernel's events on files and libuv. */
export type Tap = {
  /** libuv is not woken by them any more; the kernel keeps them. */
  readonly close: () => void;
  readonly open: () => void;
};

/**
 * libuv reads events on files as they come, and Node has no word to keep it from that; but what it waits for stands in
 * an epoll(7) instance, from where the one descriptor can be taken out and put in again. libuv asks for it once, when the
 * first file is watched (`uv__inotify_init` and `uv__io_start`), and never looks whether it is there. Where that can't be
 * found out (no /proc, a Node that does not show libuv's functions) nothing is done.
 */
export function createTap(): Tap {
  let line: Line | undefined;
  let closed = false;
  return {
    close() {
      line ??= findLine();
      if (closed || line === undefined) return;
      closed = libc.epoll_ctl(line.queue, EPOLL_CTL_DEL, line.notifier, line.event) === 0;
    },
    open() {
      if (!closed || line === undefined) return;
      libc.epoll_ctl(line.queue, EPOLL_CTL_ADD, line.notifier, line.event);
      closed = false;
    },
  };
}

/** `tfd: N events: HEX data: HEX …` is said of each descriptor in an epoll instance (proc_pid_fdinfo(5)). */
function findLine(): Line | undefined {
  try {
    const backend = program.getFunction('uv_backend_fd', { arguments: ['pointer'], return: 'int32' });
    const queue = backend(getCurrentEventLoop());
    for (const text of readFileSync(`/proc/self/fdinfo/${queue}`, 'latin1').split('\n')) {
      const [, descriptor, events, data] =
        /^tfd:\s*(\d+) events:\s*([0-9a-f]+) data:\s*([0-9a-f]+)/.exec(text) ?? [];
      if (descriptor === undefined || events === undefined || data === undefined) continue;
      if (readlinkSync(`/proc/self/fd/${descriptor}`) !== 'anon_inode:inotify') continue;
      const event = memory(DATA_AT + 8);
      event.writeUInt32LE(Number.parseInt(events, 16));
      event.writeBigUInt64LE(BigInt(`0x${data}`), DATA_AT);
      return { queue, notifier: Number(descriptor), event };
    }
  } catch {
    // Nothing of it is needed: it only costs less.
  }
  return undefined;
}
