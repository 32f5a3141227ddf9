import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { childrenOf } from '../test/support/rehup.ts';

/** A command under measurement, and the lines of its child. */
export type Running = {
  readonly pid: number;
  readonly lines: readonly string[];
  /** Waits until the child has written this many lines; fails after 30 s. */
  said(count: number): Promise<void>;
  stop(): Promise<void>;
};

export function start(words: readonly string[]): Running {
  const [program = '', ...args] = words;
  const { reader, writer } = pipe();
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', writer, 'ignore'], detached: true });
  closeSync(writer);
  const lines: string[] = [];
  let rest = '';
  let wake = () => {};
  reader.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    wake();
  });
  const closed = new Promise<void>((resolve) => reader.on('close', () => resolve()));
  return {
    pid: child.pid ?? 0,
    lines,
    said(count) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`waited in vain for line ${count} of ${words.join(' ')}`)),
          30_000,
        );
        wake = () => {
          if (lines.length < count) return;
          clearTimeout(timer);
          resolve();
        };
        wake();
      });
    },
    async stop() {
      if (child.pid !== undefined && child.exitCode === null) endTree(child.pid);
      await closed;
    },
  };
}

/** A pipe, since those that Node makes are sockets, which can't be opened by /dev/fd as supervisord does. */
function pipe(): { readonly reader: Socket; readonly writer: number } {
  const folder = mkdtempSync(join(tmpdir(), 'rehup-bench-'));
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writer = openSync(path, constants.O_WRONLY);
  rmSync(folder, { recursive: true });
  return { reader: new Socket({ fd, readable: true, writable: false }), writer };
}

function endTree(pid: number): void {
  try {
    const children = childrenOf(pid);
    process.kill(pid, 'SIGKILL');
    for (const child of children) endTree(child);
  } catch {
    // Ended by itself.
  }
}

/** A process and all below it, but for the child that is supervised, which is no cost of the supervisor. */
export function tree(pid: number, except: string): readonly number[] {
  const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  return name === except ? [] : [pid, ...childrenOf(pid).flatMap((child) => tree(child, except))];
}

export type Cost = {
  readonly rss: number;
  readonly anonymous: number;
  readonly pss: number;
  readonly threads: number;
};

/** KiB of the processes together, and their threads: proc_pid_smaps_rollup(5). */
export function costOf(pids: readonly number[]): Cost {
  const sum = (name: string) =>
    pids.reduce((total, pid) => {
      const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
      return total + Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1] ?? 0);
    }, 0);
  const threads = pids.reduce((total, pid) => total + readdirSync(`/proc/${pid}/task`).length, 0);
  return { rss: sum('Rss'), anonymous: sum('Anonymous'), pss: sum('Pss'), threads };
}

export type Activity = { readonly wakeups: number; readonly ticks: number };

/** Voluntary context switches and CPU ticks of all threads so far. */
export function activityOf(pids: readonly number[]): Activity {
  let wakeups = 0;
  let ticks = 0;
  for (const pid of pids) {
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      const status = readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8');
      wakeups += Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1] ?? 0);
      const stat = readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    }
  }
  return { wakeups, ticks };
}

/** Milliseconds of CPU of all threads so far, to the nanosecond: proc_pid_schedstat. */
export function cpuOf(pids: readonly number[]): number {
  let nanoseconds = 0;
  for (const pid of pids)
    for (const task of readdirSync(`/proc/${pid}/task`))
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
  return nanoseconds / 1e6;
}
