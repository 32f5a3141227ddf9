import { describe, expect, test } from 'vitest';
import { fleet, watch } from '../../support/given.ts';
import { type Change, SIGNAL, supervisor } from '../../support/supervisor.ts';

/** The slot of a replica among its fleet (specification 5.2), as sequences of events. */

const FLEET: Change = { fleet: fleet(), verify: 5_000 };
const ASKS = (job: number) => `job ${job}: pre-reboot`;
const RETURNS = (job: number) => `job ${job}: steady-state`;
const FULL = '{"kind":"all_slots_full","value":"web-2 holds it"}';

/** One whose first life is verified, and whose earlier lives hold nothing any more. */
function settled(change: Change = {}) {
  const run = supervisor({ ...FLEET, ...change });
  expect(run.elapses('verify-start')).toContainEqual(expect.stringContaining('steady-state'));
  run.replies(200);
  return run;
}

/** The message and the fields of the last line of an event. */
function lastOf(run: ReturnType<typeof supervisor>, event: string) {
  const lines = run.performed.flatMap((effect) => (effect.type === 'log' ? [effect.line] : []));
  return lines.filter((line) => line.event === event).at(-1);
}

describe('a slot', () => {
  test('is asked for before the child is told, and given back when the content is applied', () => {
    const run = settled();
    expect(run.changes('two')).toEqual(['config.changed', ASKS(2)]);
    expect(run.replies(200)).toEqual(['fleet.granted', SIGNAL, 'reload.started']);
    expect(run.state.slot.phase).toBe('held');
    expect(run.elapses('verify-reload')).toEqual(['reload.applied', RETURNS(3)]);
    expect(run.replies(200)).toEqual(['fleet.returned']);
    expect(run.state.slot.phase).toBe('free');
  });

  test('is asked for by the protocol', () => {
    const run = settled({ fleet: fleet({ token: '/token', id: 'web-"1' }) });
    run.changes('two');
    const task = run.performed.flatMap((effect) => (effect.type === 'begin-job' ? [effect.task] : [])).at(-1);
    expect(task).toMatchObject({
      kind: 'post',
      endpoint: { resource: '/v1/pre-reboot', authority: 'lock' },
      fields: ['fleet-lock-protocol: true', 'Content-Type: application/json'],
      body: '{"client_params":{"id":"web-\\"1","group":"web"}}',
      token: '/token',
    });
  });

  test('that is refused is asked for again, ever more rarely, and what the server says is told once', () => {
    const run = settled();
    run.changes('two');
    expect(run.replies(423, FULL)).toEqual(['reload.held']);
    expect(lastOf(run, 'reload.held')?.fields).toMatchObject({
      reason: 'fleet-lock',
      value: 'web-2 holds it (423)',
    });
    const pauses: number[] = [];
    for (let round = 0; round < 8; round++) {
      pauses.push((run.timers.get('fleet') ?? 0) - run.now);
      expect(run.elapses('fleet')).toHaveLength(1);
      // 202 is not yet.
      expect(run.replies(round === 7 ? 202 : 423, FULL)).toEqual(round === 7 ? ['reload.held'] : []);
    }
    for (const [round, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(Math.min(1_000 * 2 ** round, 15_000));
      expect(pause).toBeLessThanOrEqual(Math.min(2_000 * 2 ** round, 30_000));
    }
    run.elapses('fleet');
    expect(run.replies(200)).toContain(SIGNAL);
  });

  test('whose server is silent is asked for again', () => {
    const run = settled();
    run.changes('two');
    expect(run.elapses('fleet-answer')).toEqual(['cancel job 2', 'reload.held']);
    expect(run.elapses('fleet')).toEqual([ASKS(3)]);
    expect(run.replies(undefined)).toEqual(['reload.held']);
    expect(lastOf(run, 'reload.held')?.level).toBe('warn');
  });

  test('is kept when the content fails, over the end too, and given back when newer content is applied', () => {
    const run = settled({ onExit: 'restart' });
    run.changes('two');
    run.replies(200);
    expect(run.exits(3)).toContain('reload.failed');
    expect(run.state.slot.phase).toBe('held');
    run.elapses('back-off');
    // Newer content asks for no other slot.
    expect(run.changes('three')).not.toContain(ASKS(3));
    run.elapses('verify-start');
    expect(run.elapses('verify-reload')).toContain(RETURNS(3));
  });

  test('is kept at a stop whose reload has failed', () => {
    const run = settled({ onExit: 'restart' });
    run.changes('two');
    run.replies(200);
    run.exits(3);
    run.elapses('back-off');
    expect(run.signal('TERM')).toContain('fleet.kept');
    expect(run.jobs).toEqual([]);
    expect(run.exits(0)).toContain('exit 0');
  });

  test('is given back beside the stop of the child, and rehup waits for the answer', () => {
    const run = settled();
    run.changes('two');
    run.replies(200);
    expect(run.signal('TERM')).toContain(RETURNS(3));
    expect(run.exits(0)).not.toContain('exit 0');
    expect(run.state.child.phase).toBe('parting');
    expect(run.replies(200)).toEqual(['fleet.returned', 'exit 0']);
  });

  test('that nobody takes back holds up a stop for a second', () => {
    const run = settled();
    run.changes('two');
    run.replies(200);
    run.signal('TERM');
    const before = run.now;
    run.exits(0);
    expect(run.elapses('parting')).toEqual(['exit 0']);
    expect(run.now - before).toBe(1_000);
  });

  test('that is being asked for at a stop is given back, since it may have been given', () => {
    const run = settled();
    run.changes('two');
    expect(run.signal('TERM')).toEqual(expect.arrayContaining(['cancel job 2', RETURNS(3)]));
  });

  test('holds up no stop where none is held', () => {
    const run = settled();
    run.signal('TERM');
    expect(run.exits(0)).toContain('exit 0');
  });

  test('that was granted for content that is gone is given back at once, and asked for anew', () => {
    const run = settled();
    run.changes('two');
    expect(run.changes('three')).toEqual(['reload.superseded', 'config.changed']);
    // The answer to what was asked for will do.
    expect(run.replies(200)).toEqual(['fleet.granted', SIGNAL, 'reload.started']);
    run.elapses('verify-reload');
    run.replies(200);
    run.changes('four');
    expect(run.changes('three')).toEqual(['reload.superseded']);
    expect(run.replies(200)).toEqual([RETURNS(5)]);
    expect(run.replies(200)).toEqual(['fleet.returned']);
  });

  test('is not waited for longer than --fleet-timeout', () => {
    const run = settled({ fleet: fleet({ timeout: 60_000 }) });
    run.changes('two');
    run.replies(423, FULL);
    expect(run.elapses('fleet-timeout')).toEqual(['fleet.timeout', RETURNS(3), SIGNAL, 'reload.started']);
    expect(run.state.slot.phase).toBe('returning');
  });

  test('is not needed by what touches nothing, nor by a reload that is asked for without', () => {
    const run = settled();
    run.changes('two');
    run.replies(423, FULL);
    expect(askedFor(run, true)).toEqual([
      'reload.requested',
      'reload.superseded',
      RETURNS(3),
      SIGNAL,
      'reload.started',
    ]);
    run.replies(200);
    run.elapses('verify-reload');
    expect(askedFor(run, false)).toContain(ASKS(4));
    const idle = settled({ watches: [watch('/v', 'none')] });
    expect(idle.changes('two')).toEqual(['config.changed', 'reload.applied']);
  });

  test('is given back by a life only once that is verified on the content that is there', () => {
    const run = supervisor(FLEET);
    expect(run.state.slot.phase).toBe('unknown');
    run.signal('TERM');
    // What an earlier life held is not this one's to give back.
    expect(run.exits(0)).toContain('exit 0');
  });

  test('that is not taken back is let go, with what the server said', () => {
    const run = settled();
    run.changes('two');
    run.replies(200);
    run.elapses('verify-reload');
    expect(run.replies(500, 'error uncordoning node')).toEqual(['fleet.not_returned']);
    expect(lastOf(run, 'fleet.not_returned')).toMatchObject({
      level: 'warn',
      fields: { value: 'error uncordoning node (500)' },
    });
    expect(run.state.slot.phase).toBe('free');
  });

  test('whose server does not answer is given back again and again, and a new wish goes before', () => {
    const run = settled();
    run.changes('two');
    run.replies(200);
    run.elapses('verify-reload');
    expect(run.replies(undefined)).toEqual(['fleet.not_returned']);
    expect(run.elapses('fleet')).toEqual([RETURNS(4)]);
    expect(run.replies(undefined)).toEqual([]);
    expect(run.changes('three')).toEqual(['config.changed', ASKS(5)]);
  });
});

/** `rehup reload`, with or without a slot. */
function askedFor(run: ReturnType<typeof supervisor>, unlocked: boolean): readonly string[] {
  run.send({ type: 'accepted', connection: 1, peer: { kind: 'socket', uid: 0 } });
  const bytes = `POST /reload${unlocked ? '?no-fleet-lock' : ''} HTTP/1.1\r\n\r\n`;
  const host = { wall: 0, reaped: 0, dropped: 0 };
  const words = run.send({ type: 'received', connection: 1, bytes, host });
  run.send({ type: 'hung-up', connection: 1 });
  return words;
}
