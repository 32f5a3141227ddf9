import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';

/** What a process takes, by what the kernel says of it. */

/** Ticks of /proc are hundredths of a second on every architecture of Linux. */
const TICK_MS = 10;

const MEBI = 1024;

/** Memory now and at most, MiB (proc_pid_status(5): VmRSS, VmHWM). */
export function memoryOf(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / MEBI;
  return { now: of('VmRSS'), peak: of('VmHWM') };
}

/** Processor time since its start, ms. */
export function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

export function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}

/** Median and longest. */
export function spread(values: readonly number[], digits = 0): string {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (index: number) => (sorted.at(index) ?? Number.NaN).toFixed(digits);
  return `${at(Math.floor(sorted.length / 2))} (${at(-1)})`;
}
