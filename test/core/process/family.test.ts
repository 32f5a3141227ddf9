import { describe, expect, test } from 'vitest';
import { familyOf, processTable } from '../../../src/core/process/family.ts';
import { type FakeProcess, proc } from '../../support/procs.ts';

/** Specification 3, "descendants that left the child's group", as PID 1 of a session of its own sees them. */

function family(processes: Readonly<Record<number, FakeProcess>>, jobs: readonly number[] = [], self = 1) {
  const table = processTable(
    proc({ [self]: { parent: 0, group: self, session: self }, ...processes }, self),
    self,
  );
  const { members, leftovers, strangers } = familyOf(table ?? [], self, 10, jobs);
  const pids = (list: readonly { readonly pid: number }[]) => list.map(({ pid }) => pid);
  return { members: pids(members), leftovers: pids(leftovers), strangers };
}

const NONE = { members: [], leftovers: [], strangers: [] };

describe('what is left of a child', () => {
  test('are the living members of its group', () => {
    const found = family({
      11: { parent: 1, group: 10, session: 1 },
      12: { parent: 1, group: 10, session: 1, state: 'Z' },
      13: { parent: 1, group: 10, session: 1, state: 'Z', threads: [{}, {}] },
    });
    expect(found).toEqual({ ...NONE, members: [11, 13] });
  });

  test('is what has a session of its own, with all below it', () => {
    const found = family({
      20: { parent: 1, session: 20 },
      21: { parent: 20, group: 21, session: 20 },
      22: { parent: 21, group: 21, session: 20 },
      23: { parent: 1, session: 9 },
    });
    expect(found).toEqual({ ...NONE, leftovers: [20, 21, 22, 23] });
  });

  test('is no command beside it', () => {
    const found = family({ 20: { parent: 1, session: 1 }, 21: { parent: 20, session: 21 } }, [20]);
    expect(found).toEqual(NONE);
  });

  test('is not what entered from outside, nor what that started, its orphans too', () => {
    const found = family({
      // By `kubectl exec`: a session of its own.
      30: { parent: 0, session: 30 },
      31: { parent: 30, group: 31, session: 30 },
      32: { parent: 1, group: 32, session: 30 },
      // By nsenter(1): the session is one outside, also that of an orphan.
      33: { parent: 1, session: 0 },
    });
    expect(found.leftovers).toEqual([]);
    expect(found.strangers.map((key) => key.split(':')[0])).toEqual(['30', '31', '32', '33']);
  });

  test('is not what was in the group of rehup itself before it', () => {
    expect(family({ 40: { parent: 1, group: 1, session: 1 } }).leftovers).toEqual([]);
  });

  test('is, in a namespace whose session is outside, still what descends from rehup', () => {
    const processes = {
      1: { group: 0, session: 0 },
      20: { parent: 1, session: 0 },
      30: { parent: 0, session: 0 },
    };
    expect(family(processes).leftovers).toEqual([20]);
  });
});

describe('where rehup is not PID 1', () => {
  test('only its own descendants count', () => {
    const processes = {
      1: { parent: 0, session: 1 },
      50: { parent: 1, session: 50 },
      61: { parent: 60, session: 61 },
    };
    expect(family(processes, [], 60).leftovers).toEqual([61]);
  });
});

describe('a /proc', () => {
  test('of another namespace, or none, is not looked at', () => {
    expect(processTable(proc({ 5: {} }, 5), 1)).toBeUndefined();
    expect(
      processTable({ read: () => undefined, readAt: () => undefined, names: () => undefined }, 1),
    ).toBeUndefined();
  });
});
