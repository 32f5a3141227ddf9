import { processTable, type Relative } from '../process/family.ts';
import { handlingOf } from '../process/handling.ts';
import { type Proc, type ProcessEntry, processEntry } from '../process/proc.ts';
import type { Effect } from '../state/effect.ts';
import type { Occurrence, Refused } from '../state/event.ts';
import type { Processes } from '../state/ports.ts';

/* Signals to processes of other containers, found by their name: in a shared process namespace they can be seen. */

/** The kernel keeps so many bytes of a name: TASK_COMM_LEN of sched.h, less the end. */
const NAME_KEPT = 15;

/** So many are signalled at once: more than a program has processes of which none is the parent of another. */
const MOST = 256;

/** Signals each process of a name whose parent has another name, if it takes the signal, or whatever it does if forced. */
export function signalNamed(
  processes: Processes,
  { signal, name, forced }: Extract<Effect, { type: 'signal-named' }>,
): Occurrence {
  const { proc, self } = processes;
  const sent: Relative[] = [];
  const refused: Refused[] = [];
  for (const entry of namedIn(proc, self, name)) {
    const { pid } = entry;
    const handled = forced ? undefined : handlingOf(proc, pid, signal);
    const handling = handled?.handling;
    const takes = handling === undefined || handling === 'caught' || handling === 'waited';
    if (!takes && handling !== undefined) {
      refused.push({ process: entry, why: handling });
      continue;
    }
    const isStill = () => processEntry(proc, pid)?.started === entry.started;
    const errno = processes.signalExactly(pid, signal, isStill);
    if (errno === undefined) sent.push(entry);
    else if (errno !== 'ESRCH') refused.push({ process: entry, why: errno });
  }
  return { type: 'named-signalled', signal, alone: self === 1, sent, refused };
}

/** The living processes of a name, by their main threads, whose parents have another one. */
function namedIn(proc: Proc, self: number, name: string): readonly ProcessEntry[] {
  const table = processTable(proc, self) ?? [];
  const named = new Map<number, ProcessEntry>();
  for (const entry of table)
    if (entry.pid !== self && isCalled(proc, entry, name)) named.set(entry.pid, entry);
  return [...named.values()].filter(({ parent }) => !named.has(parent)).slice(0, MOST);
}

/** By the name that the kernel keeps, or the file name of what the process was started as. */
function isCalled(proc: Proc, { pid, name: kept }: ProcessEntry, name: string): boolean {
  if (kept === name) return true;
  if (name.length <= NAME_KEPT && kept !== name.slice(0, NAME_KEPT) && kept.length === NAME_KEPT)
    return false;
  const [program = ''] = (proc.read(`/proc/${pid}/cmdline`) ?? '').split('\0');
  return program.slice(program.lastIndexOf('/') + 1) === name;
}
