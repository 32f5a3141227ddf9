import type { Proc } from '../../src/core/process/proc.ts';

/** What /proc tells of a process, for a {@link proc} made of these. */
export type FakeProcess = {
  readonly parent?: number;
  readonly group?: number;
  readonly session?: number;
  readonly state?: string;
  readonly threads?: readonly FakeThread[];
  readonly name?: string;
  readonly ignored?: string;
  readonly caught?: string;
  /** The first bytes of its executable; undefined: it may not be read. */
  readonly exe?: string | undefined;
  /** The signal set that is at every address of its memory; undefined: it may not be read. */
  readonly memory?: string | undefined;
};

export type FakeThread = {
  readonly blocked?: string;
  /** The line of `syscall`; undefined: it may not be read. */
  readonly call?: string | undefined;
  readonly state?: string;
};

export const NO_SIGNALS = '0000000000000000';

/** An executable for x86-64: elf(5). */
export const X86_64 = `\x7fELF\x02${'\0'.repeat(13)}\x3e\0`;

/** A /proc of processes by their numbers, as PID `self` sees it; threads are numbered from that of the process on. */
export function proc(processes: Readonly<Record<number, FakeProcess>>, self = 1): Proc {
  const file = (path: string): string | undefined => {
    if (path === '/proc/self/stat') return stat(self);
    const [, pid = '', name = '', thread = '', inner = ''] = path.slice(1).split('/');
    const process = processes[Number(pid)];
    if (process === undefined) return undefined;
    if (name === 'stat') return stat(Number(pid));
    if (name === 'status') return status(process, process.threads?.[0] ?? {});
    const one = process.threads?.[Number(thread) - Number(pid)];
    if (one === undefined) return undefined;
    // One that has ended has neither.
    if (inner === 'exe') return one.state === 'Z' ? undefined : process.exe;
    if (inner === 'mem') return one.state === 'Z' ? undefined : process.memory;
    return inner === 'status' ? status(process, one) : one.call;
  };

  function stat(pid: number): string {
    const {
      parent = 0,
      group = pid,
      session = group,
      state = 'S',
      name = 'app',
      threads,
    } = processes[pid] ?? {};
    const before = `${parent} ${group} ${session} 0 -1 0 0 0 0 0 0 0 0 0 20 0`;
    return `${pid} (${name}) ${state} ${before} ${threads?.length ?? 1} 0 ${pid}00 0 0\n`;
  }

  return {
    read: file,
    readAt: (path, position, length) =>
      path.endsWith('/mem') ? file(path)?.slice(0, length) : file(path)?.slice(position, position + length),
    names(path) {
      if (path === '/proc') return ['self', 'sys', ...Object.keys(processes)];
      const pid = Number(path.split('/')[2]);
      return processes[pid]?.threads?.map((_, index) => String(pid + index));
    },
  };
}

function status(process: FakeProcess, { blocked = NO_SIGNALS, state = 'S' }: FakeThread): string {
  const { name = 'app', ignored = NO_SIGNALS, caught = NO_SIGNALS } = process;
  return `Name:\t${name}\nState:\t${state} (sleeping)\nSigBlk:\t${blocked}\nSigIgn:\t${ignored}\nSigCgt:\t${caught}\n`;
}

/** One whose process 2 and all others catch every signal. */
export const CATCHING: Proc = {
  read: (path) => (path.endsWith('/status') ? status({ caught: 'ffffffffffffffff' }, {}) : undefined),
  readAt: () => undefined,
  names: () => undefined,
};
