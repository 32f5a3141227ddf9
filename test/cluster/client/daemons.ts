import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import type { Place } from '../engine/place.ts';
import { awaited } from './waiting.ts';

/** The programs of a cluster, from the outside. */

/** Runs a command among the processes, mounts and links of the cluster; what it wrote. */
export async function inside({ prefix }: Place, ...words: readonly string[]): Promise<string> {
  const [nsenter = '', ...rest] = prefix;
  return (await promisify(execFile)(nsenter, [...rest, ...words])).stdout;
}

/** Asks the runtime, whose images and tasks are those of the kubelet. */
export function ctr(place: Place, ...words: readonly string[]): Promise<string> {
  const program = join(place.programs.containerd, 'ctr');
  const at = ['--address', join(place.folder, 'containerd.sock'), '--namespace', 'k8s.io'];
  return inside(place, program, ...at, ...words);
}

/** The process id of one; it changes when that is started anew. */
export function pidOf({ folder }: Place, program: string): number {
  return Number(readFileSync(join(folder, `${program}.pid`), 'utf8'));
}

/** Stops a program for as long as something takes, without ending it. */
export async function whileStopped(place: Place, program: string, act: () => Promise<void>): Promise<void> {
  const pid = pidOf(place, program);
  process.kill(pid, 'SIGSTOP');
  try {
    await act();
  } finally {
    // nsenter(1), which waits for it, has stopped itself as well, and would never notice its end.
    const [, parent = ''] = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    process.kill(Number(parent), 'SIGCONT');
    process.kill(pid, 'SIGCONT');
  }
}

/** Ends a program, and waits until it has been started anew. */
export async function restart(place: Place, program: string): Promise<void> {
  const pid = pidOf(place, program);
  process.kill(pid, 'SIGTERM');
  await awaited(`a new ${program}`, () => (pidOf(place, program) !== pid ? true : undefined));
}
