import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { Capability } from './machine.ts';

/** Groups of processes whose memory the kernel limits (cgroup v1, or v2 where that is all there is). */

const V1 = '/sys/fs/cgroup/memory';
const [ROOT, LIMIT] = existsSync(V1)
  ? [V1, 'memory.limit_in_bytes']
  : (['/sys/fs/cgroup', 'memory.max'] as const);

const made = new Set<string>();

afterEach(() => {
  for (const group of made) rmdirSync(group);
  made.clear();
});

/** Words before a command that give it so much memory, in bytes, and what it starts. */
export function limitedMemory(name: string, bytes: number): readonly string[] {
  const group = join(ROOT, `rehup-${process.pid}-${name}`);
  if (!made.has(group)) {
    mkdirSync(group);
    made.add(group);
    writeFileSync(join(group, LIMIT), `${bytes}`);
  }
  return ['sh', '-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', group];
}

function works(): boolean {
  const group = join(ROOT, `rehup-${process.pid}-tried`);
  try {
    mkdirSync(group);
    writeFileSync(join(group, LIMIT), '16777216');
    return true;
  } catch {
    return false;
  } finally {
    if (existsSync(group)) rmdirSync(group);
  }
}

export const MEMORY_GROUPS: Capability = {
  prefix: works() ? [] : undefined,
  remedy: 'groups with limited memory (run the tests as root, with the memory controller of cgroups)',
};
