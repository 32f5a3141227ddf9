import { expect, test } from 'vitest';
import { hear, startChild } from '../../../src/core/readiness/channel.ts';
import type { Gift, Message, Notifications, Processes } from '../../../src/core/state/ports.ts';
import { begin, settings } from '../../support/given.ts';
import { CATCHING } from '../../support/procs.ts';
import { scenario } from '../../support/scenario.ts';

/** Ports of which only what a channel needs does something. */
function ports(messages: readonly Message[] = [], opens = true) {
  const left = [...messages];
  const started: { environment: readonly string[]; gift: Gift | undefined }[] = [];
  const processes: Processes = {
    start(_command, environment, gift) {
      started.push({ environment, gift });
      return { pid: 7 };
    },
    signal: () => undefined,
    self: 1,
    proc: CATCHING,
    jobs: () => [],
    hasChildren: () => true,
    reaped: () => 0,
    descends: (pid) => pid === 7,
    suspend: () => {},
    signalExactly: () => undefined,
  };
  const notifications: Notifications = {
    openSocket: () => (opens ? { address: '@here' } : { errno: 'EPERM' }),
    openPipe: () => (opens ? { descriptor: 9 } : { errno: 'EMFILE' }),
    take: () => left.shift(),
    close: () => {},
  };
  return { processes, notifications, started, left };
}

const whole = { whole: true, sender: 7 };

test('the child gets the address, in the place of any other', () => {
  const used = ports();
  const ready = { kind: 'notify' } as const;
  const answer = startChild(used, settings({ ready }), ['NOTIFY_SOCKET=/run/outer', 'A=1']);
  expect(answer).toEqual({ type: 'spawned', pid: 7 });
  expect(used.started).toEqual([{ environment: ['A=1', 'NOTIFY_SOCKET=@here'], gift: undefined }]);
});

test('or the descriptor, and then what it was given stays', () => {
  const used = ports();
  const ready = { kind: 'notify-fd', descriptor: 5 } as const;
  startChild(used, settings({ ready }), ['NOTIFY_SOCKET=/run/outer']);
  expect(used.started).toEqual([
    { environment: ['NOTIFY_SOCKET=/run/outer'], gift: { descriptor: 9, number: 5 } },
  ]);
});

test('without --ready notify nothing is opened', () => {
  const used = ports([], false);
  expect(startChild(used, settings(), ['NOTIFY_SOCKET=/run/outer'])).toEqual({ type: 'spawned', pid: 7 });
  expect(used.started).toEqual([{ environment: ['NOTIFY_SOCKET=/run/outer'], gift: undefined }]);
});

test.each([
  [{ kind: 'notify' } as const, 'EPERM'],
  [{ kind: 'notify-fd', descriptor: 3 } as const, 'EMFILE'],
])('nothing is started where %j can not be had', (ready, errno) => {
  const used = ports([], false);
  expect(startChild(used, settings({ ready }), [])).toEqual({ type: 'spawn-failed', errno, channel: true });
  expect(used.started).toEqual([]);
});

test('only descendants are heard, and only what is whole', () => {
  const used = ports([
    { bytes: 'READY=1', whole: true, sender: 99 },
    { bytes: 'STATUS=cut', whole: false, sender: 7 },
    { bytes: 'READY=1', whole: true, sender: 0 },
    { bytes: 'RELOADING=1', ...whole },
    { bytes: 'a\n', whole: true, sender: undefined },
  ]);
  expect(hear(used)).toEqual({
    type: 'messages',
    messages: ['RELOADING=1', 'a\n'],
    strangers: 2,
    more: false,
  });
});

test('sixteen are taken at once, whoever sends them', () => {
  const flood = Array.from({ length: 100 }, (_, index) => ({
    bytes: 'X=1',
    whole: true,
    sender: index % 2 === 0 ? 7 : 99,
  }));
  const used = ports(flood);
  expect(hear(used)).toMatchObject({ strangers: 8, more: true });
  expect(used.left).toHaveLength(84);
});

test('what rehup was given itself reaches no check and no command either', () => {
  const given = begin({ environment: ['NOTIFY_SOCKET=/run/outer', 'PATH=/bin'] });
  const run = scenario({ ready: { kind: 'notify' }, check: [['check']] });
  run.send(given);
  expect(environmentOfCheck(run)).not.toContain('NOTIFY_SOCKET=/run/outer');
  const other = scenario({ check: [['check']] });
  other.send(given);
  expect(environmentOfCheck(other)).toContain('NOTIFY_SOCKET=/run/outer');
});

function environmentOfCheck({ performed }: ReturnType<typeof scenario>): readonly string[] {
  const [task] = performed.flatMap((effect) => (effect.type === 'begin-job' ? [effect.task] : []));
  if (task?.kind !== 'command') throw new Error('no check was run');
  return task.environment;
}
