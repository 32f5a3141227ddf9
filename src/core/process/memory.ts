import type { ExitStatus } from './exit.ts';
import type { Proc } from './proc.ts';
import { SIGKILL } from './signals.ts';

/*
 * Deaths for want of memory: cgroup v2's `memory.events` and v1's `memory.oom_control` count the processes that the kernel
 * has killed because the container was at its limit, and counts one before it kills it.
 */

const MOUNT = '/sys/fs/cgroup';

/** Where that is told of the cgroup that a process is in: cgroups(7). A container may see its own cgroup as the root. */
function countersOf(cgroups: string): readonly string[] {
  return cgroups.split('\n').flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) return [];
    const own = path === '/' ? [''] : [path, ''];
    if (controllers === '') return own.map((place) => `${MOUNT}${place}/memory.events`);
    if (!controllers.split(',').includes('memory')) return [];
    return own.map((place) => `${MOUNT}/memory${place}/memory.oom_control`);
  });
}

function killedSoFar(proc: Proc): number {
  for (const file of countersOf(proc.read('/proc/self/cgroup') ?? '')) {
    const count = /^oom_kill (\d+)$/m.exec(proc.read(file) ?? '')?.[1];
    if (count !== undefined) return Number(count);
  }
  return 0;
}

/**
 * What adds to the status of a process that SIGKILL ended whether the kernel did that for want of memory: it did if it has
 * killed more processes of the container than when that was last asked.
 */
export function createAutopsy(proc: Proc): (status: ExitStatus) => ExitStatus {
  let known = 0;
  return (status) => {
    if (status.kind !== 'signal' || status.signal !== SIGKILL) return status;
    const killed = killedSoFar(proc);
    const isMore = killed > known;
    known = killed;
    return isMore ? { ...status, outOfMemory: true } : status;
  };
}
