import { keyOf, processTable } from '../process/family.ts';
import type { Proc, ProcessEntry } from '../process/proc.ts';
import type { OwnPlace } from '../state/effect.ts';
import type { Processes } from '../state/ports.ts';

/* What tells that another container of the pod is still the one that it was: a process, or a socket that it listens on. */

/** So many of each kind are told: one that is left is proof enough. */
const MOST = 64;

/** With what the name of a process begins. */
export const PROCESS = 'process';

/** proc_net(5): the sockets of the pod, those that listen first. */
const SOCKETS = ['/proc/net/tcp', '/proc/net/tcp6'];

/** TCP_LISTEN of include/net/tcp_states.h. */
const LISTENING = '0A';

/** Names of what others in the pod have, each of which is given but once while the machine runs. */
export function othersInPod(
  { proc, self }: Pick<Processes, 'proc' | 'self'>,
  own: OwnPlace,
): readonly string[] {
  return [...firstProcesses(proc, self), ...(own.network ? listeners(proc, own.port) : [])];
}

/**
 * In a shared process namespace the first process of a container has no parent there, or that of the pod; what entered it
 * later (`kubectl exec`) has none either, but is of the same control group.
 */
function firstProcesses(proc: Proc, self: number): readonly string[] {
  if (self === 1) return [];
  const groupOf = (pid: number) => proc.read(`/proc/${pid}/cgroup`) ?? '';
  const table = processTable(proc, self) ?? [];
  const entered = table.filter(({ pid, parent }) => parent <= 1 && pid !== 1 && pid !== self);
  const own = groupOf(self);
  const grouped = entered.map((entry) => ({ entry, group: groupOf(entry.pid) }));
  const others = grouped.filter(({ group }) => group !== own);
  const oldest = new Map<string, ProcessEntry>();
  // Where all are of one group, nothing tells containers apart but their processes.
  for (const { entry, group } of others.length > 0 ? others : grouped) {
    const container = others.length > 0 ? group : keyOf(entry);
    const known = oldest.get(container);
    if (known === undefined || Number(entry.started) < Number(known.started)) oldest.set(container, entry);
  }
  return [...oldest.values()].slice(0, MOST).map((entry) => `${PROCESS} ${keyOf(entry)}`);
}

function listeners(proc: Proc, own: number | undefined): readonly string[] {
  return SOCKETS.flatMap((path) => {
    const [, ...lines] = (proc.read(path) ?? '').split('\n');
    const found = lines.flatMap((line) => {
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/ +/);
      const port = Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16);
      return state === LISTENING && port !== own ? [`socket ${port} ${inode}`] : [];
    });
    return found.slice(0, MOST);
  });
}
