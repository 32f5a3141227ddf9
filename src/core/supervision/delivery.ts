import { familyOf, NO_FAMILY, processTable, type Relative } from '../process/family.ts';
import { handlingOf, ignores } from '../process/handling.ts';
import { processEntry } from '../process/proc.ts';
import { SIGCONT, SIGINT, type Signal } from '../process/signals.ts';
import type { Effect } from '../state/effect.ts';
import type { Occurrence, SignalOutcome } from '../state/event.ts';
import type { Processes } from '../state/ports.ts';

/* How the effects on processes are done with what a host offers, each at once. */

type EffectOf<Type extends Effect['type']> = Extract<Effect, { type: Type }>;
type Whom = 'child' | 'group';

/** Signals the child or its group, by the guard that the effect asks for. */
export function deliverSignal(processes: Processes, effect: EffectOf<'signal'>): SignalOutcome {
  const { pid, signal, onlyIf } = effect;
  const asked = onlyIf !== undefined || (effect.to === 'auto' && !forGroup(signal));
  const handled = asked ? handlingOf(processes.proc, pid, signal) : undefined;
  const handling = handled?.handling;
  if (onlyIf !== undefined && handled !== undefined) {
    const { program } = handled;
    switch (handled.handling) {
      case 'ignored':
      case 'uncaught':
      case 'unreadable':
        return { kind: 'held', handling: handled.handling, program };
      case 'blocked':
        if (onlyIf === 'caught') return { kind: 'held', handling: 'blocked', program };
        break;
      case 'caught':
      case 'waited':
        break;
      default:
        return handled.handling satisfies never;
    }
  }
  const takes = handling === 'caught' || handling === 'waited';
  const auto = takes && !forGroup(signal) ? 'child' : 'group';
  const to = signal === SIGCONT ? 'group' : effect.to === 'auto' ? auto : effect.to;
  const errno = sendTo(processes, effect, signal, to);
  if (errno !== undefined) return { kind: 'failed', errno };
  if (effect.wake) sendTo(processes, effect, SIGCONT, 'group');
  return { kind: 'sent', to, handled };
}

/**
 * Those that a terminal gives to a whole group: what catches an INT (a shell, npm, make) relies on its children having
 * got it too; and a CONT is for whatever was stopped.
 */
function forGroup(signal: Signal): boolean {
  return signal === SIGINT || signal === SIGCONT;
}

/** Signals the child, or its group and the child itself if that has left it. */
function sendTo(
  processes: Processes,
  { pid, purpose, childEnded }: EffectOf<'signal'>,
  signal: Signal,
  to: Whom,
): string | undefined {
  const errno = processes.signal(pid, signal, to);
  if (to === 'child' || childEnded) return errno;
  const group = processEntry(processes.proc, pid)?.group;
  if (errno === 'ESRCH' || (group !== undefined && group !== pid))
    return processes.signal(pid, signal, 'child');
  // Of a group the kernel tells only whether any member could be signalled.
  const mattersToChild = purpose === 'stop' || purpose === 'kill';
  return errno ?? (mattersToChild && processes.signal(pid, 0, 'child') === 'EPERM' ? 'EPERM' : undefined);
}

/** Signals each of some processes that still is what it was. */
export function signalEach(
  { proc, signal: kill }: Processes,
  { processes, signal, purpose, wake }: EffectOf<'signal-each'>,
): Occurrence {
  const sent: Relative[] = [];
  const refused: Relative[] = [];
  for (const one of processes) {
    if (one.started !== '' && processEntry(proc, one.pid)?.started !== one.started) continue;
    const errno = kill(one.pid, signal, 'child');
    if (errno === undefined) sent.push(one);
    else if (errno !== 'ESRCH') refused.push(one);
    if (wake && errno === undefined) kill(one.pid, SIGCONT, 'child');
  }
  return { type: 'each-signalled', signal, purpose, sent, refused };
}

/** Looks at the child's group and its other descendants. */
export function lookAtGroup(processes: Processes, effect: EffectOf<'check-group'>): Occurrence {
  const { pid, why, ignoring, childEnded } = effect;
  const { proc, self } = processes;
  const errno = why === 'before' ? 'ESRCH' : processes.signal(pid, 0, 'group');
  const nothing = { type: 'group', pid, why, family: NO_FAMILY, ignoring: [] } as const;
  if (errno === 'ESRCH' && !processes.hasChildren()) return nothing;
  const table = processTable(proc, self);
  if (table === undefined) {
    // Zombies whose parent does not wait for them count as members here, and may stay for ever.
    const unknown = [{ pid, name: '', started: '' }];
    return { ...nothing, family: { ...NO_FAMILY, members: errno === 'ESRCH' ? [] : unknown } };
  }
  const family = familyOf(table, self, pid, processes.jobs());
  const own = childEnded ? undefined : table.find((entry) => entry.pid === pid && entry.group !== pid);
  const members = own === undefined ? family.members : [own, ...family.members];
  const ignore = members.filter((one) => ignoring !== undefined && ignores(proc, one.pid, ignoring));
  return { ...nothing, family: { ...family, members }, ignoring: ignore };
}

/** Stops rehup as job control asks; where nobody could make it go on again, the child goes on. */
export function suspend(processes: Processes, { pid, whom, goOn }: EffectOf<'suspend'>): void {
  if (whom === 'self' || isContinued(processes)) processes.suspend(pid, whom);
  else if (goOn) processes.signal(pid, SIGCONT, 'group');
}

/**
 * Whether somebody can make rehup's own group go on after it was stopped: a shell, which is a parent of a member, in the same
 * session and another group (setpgid(2), "orphaned process group").
 */
function isContinued({ proc, self }: Processes): boolean {
  const table = processTable(proc, self) ?? [];
  const byPid = new Map(table.map((entry) => [entry.pid, entry]));
  const own = byPid.get(self);
  return table.some((entry) => {
    const parent = entry.group === own?.group ? byPid.get(entry.parent) : undefined;
    return parent !== undefined && parent.group !== own?.group && parent.session === own?.session;
  });
}
