import { keyOf, processTable } from '../process/family.ts';
import type { Proc } from '../process/proc.ts';
import type { OwnPlace } from '../state/effect.ts';
import type { Processes } from '../state/ports.ts';

/* What tells that another container of the pod is still the one that it was: a process, or a socket that it listens on. */

/** So many of each kind are told: one that is left is proof enough. */
const MOST = 64;

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

/** In a shared process namespace the first process of each container has no parent there, or that of the pod. */
function firstProcesses(proc: Proc, self: number): readonly string[] {
  if (self === 1) return [];
  const table = processTable(proc, self) ?? [];
  const first = table.filter(({ pid, parent }) => parent <= 1 && pid !== 1 && pid !== self);
  return first.slice(0, MOST).map((entry) => `process ${keyOf(entry)}`);
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
