import { describe, expect, test } from 'vitest';
import { ALARM, volumeReading, watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';
import { type Change, FRESH, SIGNAL, STAGE, supervisor } from '../../support/supervisor.ts';

/** From the action to the outcome of a reload (specification 3 and 5), as sequences of events. The world passes what it is not told to refuse. */

describe('a roll-back', () => {
  const STAGED: Change = { ...STAGE, verify: 5_000 };

  function verified(change: Change = {}) {
    const run = supervisor({ ...STAGED, ...change });
    run.elapses('verify-start');
    return run;
  }

  test('of a child that exits within the verify time starts it on the last good content', () => {
    const run = verified();
    run.changes('bad');
    expect(run.exits(1)).toEqual([
      'child.exited',
      'reload.rolling_back',
      'publish',
      'reload.started',
      'start',
      'child.started',
    ]);
    expect(run.state.gate.staged?.[0]?.active?.content.digest).toBe('digest of one');
    expect(run.elapses('verify-start')).toEqual(['keep', 'reload.rolled_back', ...ALARM]);
  });

  test('marks the content, which is not tried again until it changes', () => {
    const run = verified();
    run.changes('bad');
    run.exits(1);
    run.elapses('verify-start');
    expect(run.send({ type: 'hint' })).toEqual([]);
    expect(run.changes('one')).toEqual([...FRESH]);
    expect(run.changes('bad').slice(0, 1)).toEqual(['config.changed']);
  });

  test('raises no alarm if good content came back before it was verified', () => {
    const run = verified();
    run.changes('bad');
    run.exits(1);
    run.changes('one');
    expect(run.elapses('verify-start')).toEqual(['keep', 'reload.rolled_back']);
    expect(run.state.configuration.degraded).toBeUndefined();
  });

  test('is done by the same action where the child lives on', () => {
    const run = verified({ watches: [watch('/v', 'http://127.0.0.1/-/reload')] });
    expect(run.changes('bad')).toEqual([
      'config.changed',
      'prepare',
      'publish',
      'job 7: http://127.0.0.1/-/reload',
    ]);
    expect(run.ends({ kind: 'answered', status: 500 })).toEqual([
      'reload.rolling_back',
      'publish',
      'job 9: http://127.0.0.1/-/reload',
    ]);
    run.ends({ kind: 'answered', status: 200 });
    expect(run.elapses('verify-reload')).toEqual(['keep', 'reload.rolled_back', ...ALARM]);
  });

  test('is not rolled back: if it fails as well the reload has failed, and the policy decides', () => {
    const run = verified({ onExit: 'restart' });
    run.changes('bad');
    run.exits(1);
    const words = run.exits(1);
    expect(words).toContain('reload.failed');
    expect(words).not.toContain('publish');
    expect(words.at(-1)).toBe('child.back_off');
  });

  test('is done at a start of the container that does not live on new content', () => {
    const run = verified({ onExit: 'restart' });
    run.exits(1);
    run.answers.readings = [volumeReading('bad')];
    run.elapses('back-off');
    expect(run.exits(1)).toContain('reload.rolling_back');
  });

  test('is ended by a stop', () => {
    const run = verified();
    run.changes('bad');
    run.answers.looksAnswered = false;
    run.exits(1);
    expect(run.signal('TERM')).toEqual(['stop.requested', 'reload.superseded', 'exit 1']);
  });

  test('where nothing was good yet there is none', () => {
    const run = scenario({ watches: [watch('/v', 'SIGHUP')], ...STAGED });
    run.begin();
    expect(run.exits(1)).toEqual(['child.exited', 'exit 1']);
  });
});

describe('--ready', () => {
  const READY = {
    ready: { kind: 'tcp', endpoint: { host: '127.0.0.1', port: 1, text: 'tcp://127.0.0.1:1' } },
  } as const;
  const PROBE = /^job \d+: tcp:/;
  const refused = { kind: 'failed', reason: 'refused (ECONNREFUSED)' } as const;

  test('is asked until it succeeds, later and later; a start is not verified before', () => {
    const run = scenario({ watches: [watch('/v', 'restart')], verify: 5_000, ...READY });
    expect(run.begin().at(-1)).toMatch(PROBE);
    const pauses = Array.from({ length: 6 }, () => {
      run.ends(refused);
      const pause = (run.timers.get('probe') ?? 0) - run.now;
      expect(run.elapses('probe').at(-1)).toMatch(PROBE);
      return pause;
    });
    expect(pauses).toEqual([50, 100, 200, 400, 800, 1_000]);
    run.elapses('verify-start');
    expect(run.changes('two')).toEqual(['config.changed', 'reload.held']);
    expect(run.ends({ kind: 'connected' })).toEqual(['reload.started', 'stop 15 to auto 101 and CONT']);
  });

  test('a try that hangs is ended and tried anew', () => {
    const run = scenario({ watches: [watch('/v', 'restart')], ...READY });
    run.begin();
    expect(run.elapses('probe')).toEqual(['cancel job 1']);
    expect(run.elapses('probe')).toEqual(['job 2: tcp://127.0.0.1:1']);
  });

  test('that does not succeed in its time makes a reload a failed one', () => {
    const run = supervisor({ ...READY });
    run.ends({ kind: 'connected' });
    run.changes('two');
    run.elapses('probe');
    expect(run.elapses('ready')).toEqual(['cancel job 2', 'reload.failed', ...ALARM]);
  });

  test('that does not succeed in its time has staged content rolled back', () => {
    const run = supervisor({ ...READY, ...STAGE });
    run.ends({ kind: 'connected' });
    run.changes('bad');
    run.elapses('probe');
    expect(run.elapses('ready')).toEqual([
      'cancel job 8',
      'reload.rolling_back',
      'publish',
      SIGNAL,
      'reload.started',
    ]);
    run.elapses('probe');
    expect(run.ends({ kind: 'connected' })).toEqual(['keep', 'reload.rolled_back', ...ALARM]);
  });

  test('is asked only after the verify time of a reload: what answers before may be what ran before', () => {
    const run = supervisor({ ...READY, verify: 5_000 });
    run.ends({ kind: 'connected' });
    run.elapses('verify-start');
    run.changes('two');
    expect(run.jobs).toEqual([]);
    expect((run.timers.get('probe') ?? 0) - run.now).toBe(5_000);
  });
});

describe('an action', () => {
  const URL = 'http://127.0.0.1/-/reload';

  test('that nobody answers is tried again, with back-off, until it is answered', () => {
    const run = supervisor({ watches: [watch('/v', URL)] });
    expect(run.changes('two')).toEqual(['config.changed', `job 1: ${URL}`]);
    const delays = Array.from({ length: 10 }, () => {
      run.ends({ kind: 'failed', reason: 'refused (ECONNREFUSED)' });
      const delay = (run.timers.get('retry') ?? 0) - run.now;
      expect(run.elapses('retry').at(-1)).toMatch(/^job \d+: http/);
      return delay / 1_000;
    });
    expect(delays).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    expect(run.ends({ kind: 'answered', status: 204 })).toEqual(['reload.applied', ...FRESH]);
  });

  test('that takes too long is one that nobody answered', () => {
    const run = supervisor({ watches: [watch('/v', URL)] });
    run.changes('two');
    expect(run.elapses('action-timeout')).toEqual(['cancel job 1', 'reload.failed', ...ALARM]);
    expect(run.timers.has('retry')).toBe(true);
  });

  test('that is answered by an error is not tried again', () => {
    const run = supervisor({ watches: [watch('/v', URL)] });
    run.changes('two');
    expect(run.ends({ kind: 'answered', status: 404 })).toEqual(['reload.failed', ...ALARM]);
    expect(run.planned()).toEqual([]);
  });

  test('several are done one after the other, in the order of the command line', () => {
    const run = scenario({ watches: [watch('/v', URL), watch('/w', 'exec:tell it'), watch('/x', 'SIGHUP')] });
    run.begin();
    expect(run.changes('two')).toEqual(['config.changed', `job 1: ${URL}`]);
    expect(run.ends({ kind: 'answered', status: 200 })).toEqual(['job 2: tell it']);
    expect(run.ran(0)).toEqual([SIGNAL, 'reload.applied']);
  });

  test('that fails ends its reload', () => {
    const run = scenario({ watches: [watch('/v', 'exec:tell it'), watch('/x', 'SIGHUP')] });
    run.begin();
    run.changes('two');
    expect(run.ran(1)).toEqual(['reload.failed', 'watch.stale', 'watch.stale', 'rehup.degraded']);
  });

  test('is ended by a stop', () => {
    const run = supervisor({ watches: [watch('/v', URL)] });
    run.changes('two');
    expect(run.signal('TERM')).toContain('cancel job 1');
    expect(run.jobs).toEqual([]);
  });
});

describe('a signal that ends a child which has a handler', () => {
  for (const [name, death] of [
    ['by itself', { kind: 'signal', signal: 1 }],
    ['in an exit code', { kind: 'code', code: 129 }],
  ] as const) {
    test(`${name}: it is started again within the same reload, and restarted from then on`, () => {
      const run = supervisor({ verify: 5_000 });
      run.elapses('verify-start');
      run.changes('two');
      expect(run.send({ type: 'child-exited', status: death })).toEqual([
        'child.exited',
        'reload.restart_instead',
        'start',
        'child.started',
      ]);
      expect(run.elapses('verify-start')).toEqual(['reload.applied']);
      expect(run.changes('three')).toEqual([
        'config.changed',
        'reload.started',
        'stop 15 to auto 102 and CONT',
      ]);
    });
  }

  test('a death of something else is a failed reload', () => {
    const run = supervisor({ verify: 5_000 });
    run.elapses('verify-start');
    run.changes('two');
    expect(run.dies('SEGV')).toEqual(['child.exited', 'reload.failed', 'exit 139']);
    const told = run.performed.findLast(
      (effect) => effect.type === 'log' && effect.line.event === 'reload.failed',
    );
    expect(told).toMatchObject({
      line: { fields: { reason: 'the child was ended by SIGSEGV, and rehup ends with it' } },
    });
  });
});

describe('calm', () => {
  test('--splay waits a random part of it, whatever asked for the reload, and reads afterwards', () => {
    const run = supervisor({ splay: 60_000 });
    expect(run.changes('two')).toEqual(['config.changed', 'reload.held']);
    const delay = (run.timers.get('splay') ?? -1) - run.now;
    expect(delay).toBeGreaterThanOrEqual(0);
    expect(delay).toBeLessThan(60_000);
    run.answers.readings = [volumeReading('three')];
    expect(run.elapses('splay')).toEqual([SIGNAL, 'reload.applied']);
    expect(run.state.configuration.told.get('/v')?.digest).toBe('digest of three');
    expect(run.signal('HUP')).toEqual(['reload.requested']);
    expect(run.timers.has('splay')).toBe(true);
  });

  test('what goes back while it is splayed is no reload', () => {
    const run = supervisor({ splay: 60_000 });
    run.changes('two');
    expect(run.changes('one')).toEqual(['config.reverted']);
    expect(run.timers.has('splay')).toBe(false);
  });

  test('six reloads within ten minutes are flapping, which is said once', () => {
    const run = supervisor();
    const words = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((text) => run.changes(text));
    expect(words.map((said) => said.includes('watch.flapping'))).toEqual([
      false,
      false,
      false,
      false,
      false,
      true,
      false,
    ]);
  });
});
