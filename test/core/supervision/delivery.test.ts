import { describe, expect, test } from 'vitest';
import type { Effect } from '../../../src/core/state/effect.ts';
import type { Processes } from '../../../src/core/state/ports.ts';
import { deliverSignal, lookAtGroup, signalEach, suspend } from '../../../src/core/supervision/delivery.ts';
import { sig } from '../../support/given.ts';
import { type FakeProcess, proc } from '../../support/procs.ts';

/** Who gets a signal: specification 1, `--signal-to`, and 2.5. */

type Sent = readonly [pid: number, signal: number, to: string];

/** Processes 1 (rehup) and 10 (the child), and others; `errno` answers for each signal. */
function processes(
  others: Readonly<Record<number, FakeProcess>> = {},
  errno: (pid: number, signal: number, to: string) => string | undefined = () => undefined,
) {
  const sent: Sent[] = [];
  const child = { parent: 1, group: 10, session: 1 };
  const port: Processes = {
    start: () => ({ pid: 10 }),
    signal(pid, signal, to) {
      if (signal !== 0) sent.push([pid, signal, to]);
      return errno(pid, signal, to);
    },
    self: 1,
    proc: proc({ 1: { group: 1, session: 1 }, 10: child, ...others }),
    hasChildren: () => true,
    reaped: () => 0,
    descends: () => true,
    jobs: () => [],
    suspend: (pid, whom) => void sent.push([pid, 0, whom]),
    signalExactly: () => undefined,
  };
  return { port, sent };
}

const CATCHES = { parent: 1, group: 10, session: 1, caught: 'ffffffffffffffff' };

function signal(
  change: Partial<Extract<Effect, { type: 'signal' }>> = {},
): Extract<Effect, { type: 'signal' }> {
  const to = { pid: 10, signal: 15, to: 'auto', purpose: 'stop', wake: false } as const;
  return { type: 'signal', ...to, onlyIf: undefined, childEnded: false, ...change };
}

describe('auto', () => {
  test('is the child where it catches the signal, else the group', () => {
    const caught = processes({ 10: CATCHES });
    deliverSignal(caught.port, signal());
    expect(caught.sent).toEqual([[10, 15, 'child']]);
    const uncaught = processes({ 10: { group: 10, threads: [{}] } });
    deliverSignal(uncaught.port, signal());
    expect(uncaught.sent).toEqual([[10, 15, 'group']]);
  });

  test('is the group for INT, whoever catches it, as a terminal has it', () => {
    const { port, sent } = processes({ 10: CATCHES });
    deliverSignal(port, signal({ signal: sig('INT') }));
    expect(sent).toEqual([[10, 2, 'group']]);
  });
});

test('CONT goes to the whole group, after a stop and when it comes from outside, whatever is asked for', () => {
  const { port, sent } = processes({ 10: CATCHES });
  deliverSignal(port, signal({ wake: true }));
  deliverSignal(port, signal({ signal: sig('CONT'), to: 'child', purpose: 'forward' }));
  expect(sent).toEqual([
    [10, 15, 'child'],
    [10, 18, 'group'],
    [10, 18, 'group'],
  ]);
});

describe('a child that left its group', () => {
  const left = { parent: 1, group: 1, session: 1 };

  test('gets by itself what is meant for the group, whether or not that is empty', () => {
    for (const errno of ['ESRCH', undefined]) {
      const { port, sent } = processes({ 10: left }, (_, __, to) => (to === 'group' ? errno : undefined));
      expect(deliverSignal(port, signal({ to: 'group' })).kind).toBe('sent');
      expect(sent).toEqual([
        [10, 15, 'group'],
        [10, 15, 'child'],
      ]);
    }
  });

  test('and has ended is not looked for: its number may be another’s', () => {
    const { port, sent } = processes({ 10: left }, () => 'ESRCH');
    deliverSignal(port, signal({ to: 'group', childEnded: true }));
    expect(sent).toEqual([[10, 15, 'group']]);
  });
});

test('a stop of which the child itself gets nothing has failed, though others of its group got it', () => {
  const { port } = processes({}, (_, __, to) => (to === 'child' ? 'EPERM' : undefined));
  expect(deliverSignal(port, signal({ to: 'group' }))).toEqual({ kind: 'failed', errno: 'EPERM' });
  expect(deliverSignal(port, signal({ to: 'group', purpose: 'forward' })).kind).toBe('sent');
});

test('each of some processes is signalled if it still is what it was', () => {
  const { port, sent } = processes({ 20: {}, 21: {} }, (pid) => (pid === 21 ? 'EPERM' : undefined));
  const one = (pid: number, started: string) => ({ pid, name: 'app', started });
  const asked = [one(20, '2000'), one(20, '1'), one(21, '2100'), one(22, '2200')];
  const effect = { type: 'signal-each', processes: asked, signal: 15, purpose: 'stop', wake: true } as const;
  expect(signalEach(port, effect)).toMatchObject({ sent: [{ pid: 20 }], refused: [{ pid: 21 }] });
  expect(sent.filter(([, number]) => number === 15).map(([pid]) => pid)).toEqual([20, 21]);
});

describe('a look at what is left', () => {
  const look = { type: 'check-group', pid: 10, childEnded: true, why: 'end', ignoring: undefined } as const;

  test('finds a member whose main thread has ended, and what has a session of its own', () => {
    const { port } = processes({
      10: { parent: 1, group: 10, session: 1, state: 'Z' },
      11: { parent: 1, group: 10, session: 1, state: 'Z', threads: [{}, {}] },
      12: { parent: 1, session: 12 },
    });
    expect(lookAtGroup(port, look)).toMatchObject({
      family: { members: [{ pid: 11 }], leftovers: [{ pid: 12 }] },
    });
  });

  test('costs nothing where there is nothing', () => {
    const { port } = processes({}, () => 'ESRCH');
    const names = () => {
      throw new Error('/proc was looked at');
    };
    const lonely = { ...port, hasChildren: () => false, proc: { ...port.proc, names } };
    expect(lookAtGroup(lonely, look)).toMatchObject({ family: { members: [], leftovers: [] } });
  });

  test('without /proc knows of the group by kill(2)', () => {
    const nothing = { read: () => undefined, readAt: () => undefined, names: () => undefined };
    const { port } = processes();
    expect(lookAtGroup({ ...port, proc: nothing }, look)).toMatchObject({
      family: { members: [{ pid: 10 }] },
    });
    const gone = processes({}, () => 'ESRCH');
    expect(lookAtGroup({ ...gone.port, proc: nothing }, look)).toMatchObject({ family: { members: [] } });
  });

  test('finds who ignores the stop signal', () => {
    const { port } = processes({ 11: { parent: 10, group: 10, session: 1, ignored: '0000000000000004' } });
    const answer = lookAtGroup(port, { ...look, childEnded: false, why: 'half', ignoring: sig('QUIT') });
    expect(answer).toMatchObject({ ignoring: [{ pid: 11 }] });
  });
});

describe('a terminal that stops the child', () => {
  const effect = { type: 'suspend', pid: 10, whom: 'group', goOn: true } as const;

  test('stops rehup where a shell of the same session and another group waits for a member of its group', () => {
    const shell = { parent: 0, group: 5, session: 5 };
    const { port, sent } = processes({
      1: { parent: 6, group: 6, session: 5 },
      5: shell,
      6: { parent: 5, group: 6, session: 5 },
    });
    suspend(port, effect);
    expect(sent).toEqual([[10, 0, 'group']]);
  });

  test('makes it go on where there is none', () => {
    const { port, sent } = processes();
    suspend(port, effect);
    suspend(port, { ...effect, goOn: false });
    expect(sent).toEqual([[10, 18, 'group']]);
  });
});
