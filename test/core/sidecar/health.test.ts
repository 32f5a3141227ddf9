import { describe, expect, test } from 'vitest';
import { ALARM } from '../../support/given.ts';
import {
  asks,
  count,
  events,
  HEALTH,
  type Life,
  MINUTE,
  POD,
  settledLife,
  sidecar,
} from '../../support/unhealthy.ts';

/** Specification 7: an application whose processes can be seen, and the health check that it had. */

describe('processes of a shared process namespace', () => {
  test('tell of the start where there is no hook', () => {
    const life = sidecar();
    life.send({ ...beginShared(life) });
    life.answers.others = ['process 7:1'];
    asks(life, '/livez');
    life.changes('two');
    expect(asks(life, '/livez')).toBe(503);
    life.elapses('group');
    expect(asks(life, '/livez')).toBe(503);
    life.answers.others = [];
    life.elapses('group');
    expect(asks(life, '/livez')).toBe(503);
    life.answers.others = ['process 9:5'];
    life.elapses('group');
    expect(asks(life, '/livez')).toBe(200);
    expect(count(life, 'reload.applied')).toBe(1);
    expect(events(life)).not.toContain('rehup.internal_error');
  });

  test('that never change do not have it restarted for ever', () => {
    const life = sidecar();
    life.send({ ...beginShared(life) });
    life.answers.others = ['process 7:1'];
    asks(life, '/livez');
    life.changes('two');
    for (let count = 0; count < 3; count++) asks(life, '/livez');
    life.elapses('start');
    expect(asks(life, '/livez')).toBe(200);
    expect(events(life)).toEqual(expect.arrayContaining(['reload.failed', ...ALARM]));
    expect(life.planned()).toEqual([]);
  });
});

function beginShared(_life: Life) {
  const identity = { version: '1', edition: 'static', uid: 0, host: 'web-1', ownName: true };
  const given = { terminal: false, environment: [], argumentBytes: 1e6, seed: 1, identity };
  return { type: 'begin', pid1: false, ...given } as const;
}

describe('--health', () => {
  const pod = { ...POD, health: HEALTH };
  const reply = (words: readonly string[]) =>
    words.flatMap((word) => /^reply 1: HTTP\/1.1 (\d+)/.exec(word)?.[1] ?? []);

  test.each([
    [200, '200'],
    [302, '200'],
    [399, '200'],
    [400, '503'],
    [500, '503'],
    [undefined, '503'],
  ])('that is answered with %j makes it %s', (status, answer) => {
    const life = settledLife({ pod });
    expect(asks(life, '/livez')).toBeUndefined();
    expect(reply(life.replies(status))).toEqual([answer]);
  });

  test('that hangs makes it 503 in time, and the next probe asks anew', () => {
    const life = settledLife({ pod });
    expect(asks(life, '/livez')).toBeUndefined();
    expect(reply(life.elapses('health'))).toEqual(['503']);
    life.send({ type: 'hung-up', connection: 1 });
    expect(asks(life, '/livez')).toBeUndefined();
    expect(reply(life.replies(200))).toEqual(['200']);
  });

  test('that fails is logged once, with the reason, until it is well again', () => {
    const life = settledLife({ pod });
    const told = () =>
      life.performed.flatMap((effect) =>
        effect.type === 'log' && effect.line.event.startsWith('sidecar.health_') ? [effect.line] : [],
      );
    const asked = (status: number | undefined) => {
      asks(life, '/livez');
      const lines = status === undefined ? life.elapses('health') : life.replies(status);
      life.send({ type: 'hung-up', connection: 1 });
      return lines;
    };
    asked(200);
    expect(told()).toEqual([]);
    asked(500);
    asked(undefined);
    expect(told()).toMatchObject([
      { level: 'warn', event: 'sidecar.health_failed', fields: { reason: 'answered 500' } },
    ]);
    asked(204);
    asked(200);
    asked(undefined);
    expect(told().slice(1)).toMatchObject([
      { level: 'info', event: 'sidecar.health_recovered' },
      { event: 'sidecar.health_failed', fields: { reason: 'no answer within 800 ms' } },
    ]);
  });

  test('is not asked while the application is to be restarted anyhow', () => {
    const life = settledLife({ pod });
    life.changes('two');
    expect(asks(life, '/livez')).toBe(503);
    expect(life.jobs).toEqual([]);
  });

  test('that changes meanwhile is told by what is known at its end', () => {
    const life = settledLife({ pod });
    expect(asks(life, '/livez')).toBeUndefined();
    life.changes('two');
    expect(reply(life.replies(200))).toEqual(['503']);
  });

  test('whose 503 leads to a restart has what was seen before read by that', () => {
    const life = settledLife({ pod, minInterval: MINUTE });
    life.changes('two');
    expect(asks(life, '/livez')).toBe(503);
    asks(life, '/started');
    life.changes('three');
    expect(life.timers.has('min-interval')).toBe(true);
    asks(life, '/livez');
    life.replies(500);
    life.send({ type: 'hung-up', connection: 1 });
    asks(life, '/started');
    expect(life.timers.has('min-interval')).toBe(false);
    expect(count(life, 'sidecar.unhealthy')).toBe(1);
    expect(count(life, 'reload.applied')).toBe(2);
    expect(events(life)).not.toContain('rehup.internal_error');
  });
});
