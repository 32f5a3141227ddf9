import type { Relative } from '../../src/core/process/family.ts';
import type { Effect } from '../../src/core/state/effect.ts';
import type { Occurrence } from '../../src/core/state/event.ts';

/** What is left of a child in a random life: members of its group, and now and then something that left it. */
export function randomFamily() {
  let lingering = false;
  /** Of this child and those before it all was seen to be gone. */
  let emptied = 0;
  /** The keys of processes that nobody need wait for: they are no descendants of the child, or can't be signalled. */
  const spared = new Set<string>();

  return {
    /** Whether something was seen that a start has to wait for. */
    get lingers() {
      return lingering;
    },
    /** These can't be signalled. */
    spare(refused: readonly Relative[]): void {
      for (const { pid, started } of refused) spared.add(`${pid}:${started}`);
      if (refused.length > 0) lingering = false;
    },
    /** What a look finds; `fair`: all is gone. */
    looked(
      { pid, why }: Extract<Effect, { type: 'check-group' }>,
      choice: number,
      fair: boolean,
      childThere: boolean,
    ): Occurrence {
      const number = 1_000 + (choice % 8);
      const key = `${number}:${choice % 8}`;
      const one = { pid: number, name: 'left', started: `${choice % 8}`, origin: key };
      const member = { pid, name: 'member', started: '1' };
      const some = !fair && (why === 'before' || pid > emptied);
      const members = some && why !== 'before' && (childThere || choice % 3 === 0) ? [member] : [];
      const leftovers = some && !childThere && choice % 5 === 0 ? [one] : [];
      const strangers = !fair && choice % 7 === 0 ? [key] : [];
      if (why === 'before') for (const { origin } of leftovers) spared.add(origin);
      for (const stranger of strangers) spared.add(stranger);
      if (why !== 'before')
        lingering = [...members, ...leftovers].some((left) => !spared.has(`${left.pid}:${left.started}`));
      if (!childThere && why !== 'before' && !lingering) emptied = Math.max(emptied, pid);
      const family = { members, leftovers, strangers };
      return { type: 'group', pid, why, family, ignoring: why === 'half' && choice % 2 === 0 ? members : [] };
    },
  };
}
