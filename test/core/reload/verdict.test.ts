import { describe, expect, test } from 'vitest';
import { ALARM, watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';
import { CHECK, FRESH, SIGNAL, STAGE, supervisor } from '../../support/supervisor.ts';

/** What is known of what the application was told (specification 3 and 5), as sequences of events. */

const READY = {
  ready: { kind: 'tcp', endpoint: { host: '127.0.0.1', port: 80, text: 'tcp://127.0.0.1:80' } },
} as const;

describe('an action without an answer', () => {
  const CALL = 'http://127.0.0.1/-/reload';
  const NO_ANSWER = { kind: 'failed', reason: 'reset (ECONNRESET)' } as const;
  const ANSWER = { kind: 'answered', status: 200 } as const;

  function caller(change = {}) {
    return supervisor({ watches: [watch('/v', CALL)], ...change });
  }

  test('leaves unknown what the application runs on: what was applied before is told anew', () => {
    const run = caller();
    run.changes('two');
    expect(run.ends(NO_ANSWER)).toEqual(['reload.failed', ...ALARM]);
    // It may have taken two; that one is mounted again says nothing.
    expect(run.changes('one')).toEqual(['config.changed', `job 2: ${CALL}`]);
    expect(run.ends(NO_ANSWER)).toEqual(['reload.failed']);
    expect(run.send({ type: 'hint' })).toEqual([]);
    expect(run.elapses('retry')).toEqual([`job 3: ${CALL}`]);
    expect(run.ends(ANSWER)).toEqual(['reload.applied', ...FRESH]);
    expect(run.send({ type: 'hint' })).toEqual([]);
  });

  test.each([
    ['answered by a no', CALL, { kind: 'answered', status: 500 }],
    ['run, and ends with 1', 'exec:tell', { kind: 'exited', status: { kind: 'code', code: 1 }, output: '' }],
  ] as const)('that is made again and is then %s is not made a third time', (_, action, no) => {
    const run = supervisor({ watches: [watch('/v', action)] });
    run.changes('two');
    run.ends(NO_ANSWER);
    run.elapses('retry');
    expect(run.ends(no)).toEqual(['reload.failed']);
    expect(run.send({ type: 'hint' })).toEqual([]);
    expect(run.timers.has('retry')).toBe(false);
    // What was applied before is not what it runs on for certain.
    expect(run.changes('one')).toEqual(['config.changed', expect.stringMatching(/^job 3: /)]);
  });

  test('beside a signal that can not be sent is no reason to send that again and again', () => {
    const run = supervisor({ watches: [watch('/v', CALL), watch('/w', 'SIGHUP')] });
    run.changes('two');
    run.ends(NO_ANSWER);
    run.answers.signalErrno = 'EPERM';
    run.elapses('retry');
    const told = run.ends(ANSWER);
    expect(told).toContain('reload.failed');
    expect(told.filter((line) => line.startsWith('job'))).toEqual([]);
  });

  test('of staged content too', () => {
    const run = caller(STAGE);
    run.changes('two');
    run.ends(NO_ANSWER);
    expect(run.changes('one')).toEqual(['config.changed', 'prepare', 'publish', `job 10: ${CALL}`]);
    expect(run.ends(ANSWER)).toEqual(['keep', 'reload.applied', ...FRESH]);
  });

  test('names the files of the first try again, and asks for their actions', () => {
    const run = caller();
    run.changes('two');
    run.ends(NO_ANSWER);
    run.elapses('retry');
    run.ends(ANSWER);
    const applied = run.performed.findLast(
      (effect) => effect.type === 'log' && effect.line.event === 'reload.applied',
    );
    const digests = { '/v': expect.stringMatching(/^digest of/) };
    expect(applied).toMatchObject({ line: { fields: { paths: ['/v/k'], changed: 1, digests } } });
  });

  test('is forgotten by a child that starts, which reads what is there', () => {
    const run = caller({ onExit: 'restart', verify: 5_000 });
    run.elapses('verify-start');
    run.changes('two');
    run.ends(NO_ANSWER);
    run.exits(1);
    run.elapses('back-off');
    expect(run.timers.has('retry')).toBe(false);
    expect(run.elapses('verify-start')).toEqual(FRESH);
    expect(run.changes('one')).toContain('config.changed');
  });

  test('keeps no newer content waiting for --min-interval', () => {
    const run = caller({ minInterval: 10_000 });
    run.changes('two');
    run.ends(NO_ANSWER);
    expect(run.changes('three')).toEqual(['config.changed', `job 2: ${CALL}`]);
  });
});

describe('the alarm of a start on the last good generation', () => {
  const LIFE = { ...STAGE, ...CHECK, watches: [watch('/v', 'SIGHUP')], verify: 5_000 };

  test('ends when good content is back', () => {
    const run = scenario({ ...LIFE, onExit: 'restart' });
    run.begin();
    run.ran(0);
    run.elapses('verify-start');
    run.changes('bad');
    expect(run.ran(1)).toEqual(['reload.rejected', ...ALARM]);
    run.exits(1);
    run.elapses('back-off');
    run.elapses('verify-start');
    expect(run.state.configuration.degraded).toBeDefined();
    expect(run.changes('one')).toEqual(FRESH);
  });

  test('ends when the good content came back before that start was verified', () => {
    const run = scenario({ ...LIFE, onExit: 'restart' });
    run.begin();
    run.ran(0);
    run.elapses('verify-start');
    run.changes('bad');
    run.ran(1);
    run.exits(1);
    run.elapses('back-off');
    expect(run.changes('one')).toEqual(FRESH);
    expect(run.elapses('verify-start')).toEqual([]);
  });

  test('stays while a child runs on what failed its check', () => {
    const run = scenario({ ...CHECK, watches: [watch('/v', 'SIGHUP')], verify: 5_000, onExit: 'restart' });
    run.begin();
    run.ran(0);
    run.elapses('verify-start');
    run.changes('bad');
    run.ran(1);
    run.exits(1);
    run.elapses('back-off');
    run.ran(1);
    expect(run.elapses('verify-start')).toEqual([]);
    expect(run.state.configuration.degraded).toBeDefined();
  });
});

describe('in order', () => {
  test('with --ready the next reload waits for the verdict on the one before it, and says so', () => {
    const run = supervisor({ ...READY, verify: 5_000 });
    run.ends({ kind: 'connected' });
    run.elapses('verify-start');
    expect(run.changes('two')).toEqual(['config.changed', SIGNAL, 'reload.started']);
    expect(run.changes('three')).toEqual(['config.changed', 'reload.held']);
    expect(run.elapses('verify-reload')).toEqual([]);
    run.elapses('probe');
    expect(run.ends({ kind: 'connected' })).toEqual(['reload.applied', SIGNAL, 'reload.started']);
  });

  test('and goes on when that is a bad one', () => {
    const run = supervisor({ ...READY, verify: 5_000 });
    run.ends({ kind: 'connected' });
    run.elapses('verify-start');
    run.changes('two');
    run.changes('three');
    run.elapses('verify-reload');
    run.elapses('probe');
    expect(run.elapses('ready')).toEqual([
      'cancel job 2',
      'reload.failed',
      ...ALARM,
      SIGNAL,
      'reload.started',
    ]);
  });

  test('what could be rolled back waits for the start before it, so that there is something to go back to', () => {
    const run = scenario({ watches: [watch('/v', 'SIGHUP')], ...STAGE, verify: 5_000 });
    run.begin();
    expect(run.changes('bad')).toEqual(['config.changed', 'reload.held']);
    expect(run.elapses('verify-start')).toEqual(['keep', 'prepare', 'publish', SIGNAL, 'reload.started']);
    expect(run.exits(1)).toContain('reload.rolling_back');
  });

  test('without a verdict to wait for, newer content supersedes at once', () => {
    const run = supervisor({ verify: 5_000 });
    run.changes('two');
    expect(run.changes('three')).toEqual(['config.changed', 'reload.superseded', SIGNAL, 'reload.started']);
  });
});

describe('what is told', () => {
  function fieldsOf(run: ReturnType<typeof supervisor>, event: string) {
    return run.performed.flatMap((effect) =>
      effect.type === 'log' && effect.line.event === event ? [effect.line.fields] : [],
    );
  }

  test('of a reload that waited are the digests and files that it used, not the first ones seen', () => {
    const run = supervisor({ minInterval: 10_000 });
    run.changes('two');
    run.passes(1_000);
    run.changes('three');
    run.changes('four');
    run.elapses('min-interval');
    expect(fieldsOf(run, 'reload.applied').at(-1)).toMatchObject({
      digests: { '/v': 'digest of fo' },
      changed: 1,
    });
  });

  test('of a restart are those that its start read', () => {
    const run = supervisor({ watches: [watch('/v', 'restart')], verify: 5_000 });
    run.elapses('verify-start');
    run.changes('two');
    run.changes('three');
    run.exits(0);
    run.elapses('verify-start');
    expect(fieldsOf(run, 'reload.started').at(-1)).toMatchObject({ digests: { '/v': 'digest of tw' } });
    expect(fieldsOf(run, 'reload.applied').at(-1)).toMatchObject({ digests: { '/v': 'digest of th' } });
  });

  test('of a wait is its reason and its length', () => {
    const run = supervisor({ minInterval: 10_000 });
    run.changes('two');
    run.passes(1_000);
    run.changes('three');
    expect(fieldsOf(run, 'reload.held')).toEqual([{ reason: 'min-interval', ms: 9_000 }]);
  });
});
