import { describe, expect, test } from 'vitest';
import { act, type settings, sig, watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';

/** The guard of specification 3, as sequences of events: a signal goes only to a child that was seen to catch it. */

const SIGNALLED = ['config.changed', 'reload 1 to child 101 if caught'];

function reloader(change: Parameters<typeof settings>[0] = {}, world = {}) {
  const run = scenario({ watches: [watch('/v', 'SIGHUP')], onChange: act('SIGHUP'), ...change }, world);
  run.begin();
  return run;
}

test('a signal that the child does not catch is not sent: it is restarted instead', () => {
  const run = reloader({}, { catches: false });
  expect(run.changes('two')).toEqual([
    ...SIGNALLED,
    'reload.restart_instead',
    'reload.started',
    'stop 15 to auto 101 and CONT',
  ]);
  expect(run.exits(0)).toEqual(['child.exited', 'start', 'child.started', 'reload.applied']);
});

test('a young child that does not catch the signal yet is given until its start is verified', () => {
  const run = reloader({ verify: 5_000 }, { catches: false });
  expect(run.changes('two')).toEqual([...SIGNALLED, 'reload.held']);
  run.answers.catches = true;
  expect(run.elapses('verify-start')).toEqual(['reload 1 to child 101 if caught', 'reload.started']);
  expect(run.elapses('verify-reload')).toEqual(['reload.applied']);
});

test('where /proc does not tell, the signal is sent and the log says so', () => {
  const run = reloader({}, { catches: undefined });
  expect(run.changes('two')).toEqual([...SIGNALLED, 'reload.unchecked', 'reload.applied']);
});

describe('a signal that the child blocks without a handler', () => {
  const LOOK = 'reload 1 to child 101 if caught';

  test('is not sent before it was seen to take or to block it for long', () => {
    const run = reloader({}, { catches: 'blocked' });
    expect(run.changes('two')).toEqual(SIGNALLED);
    expect(run.elapses('action-timeout')).toEqual([LOOK]);
    run.answers.catches = true;
    expect(run.elapses('action-timeout')).toEqual([LOOK, 'reload.applied']);
  });

  test('is sent unchecked when it has been blocked at each of ten looks', () => {
    const run = reloader({}, { catches: 'blocked' });
    run.changes('two');
    for (let look = 2; look <= 10; look++) expect(run.elapses('action-timeout')).toEqual([LOOK]);
    expect(run.elapses('action-timeout')).toEqual([
      'reload 1 to child 101 if caught or blocked',
      'reload.unchecked',
      'reload.applied',
    ]);
  });

  test('is not sent to one that only blocked it for a moment, as a shell does that starts a command', () => {
    const run = reloader({}, { catches: 'blocked' });
    run.changes('two');
    run.answers.catches = false;
    expect(run.elapses('action-timeout')).toEqual([
      LOOK,
      'reload.restart_instead',
      'reload.started',
      'stop 15 to auto 101 and CONT',
    ]);
  });

  test('is looked at again when a QUIT that came meanwhile was no stop', () => {
    const run = reloader({}, { catches: 'blocked' });
    run.changes('two');
    run.signal('QUIT');
    expect(run.elapses('action-timeout')).toEqual([]);
    run.answers.catches = true;
    expect(run.elapses('quit')).toEqual(['stop.outlived', LOOK, 'reload.applied']);
  });

  test('is not sent twice when a QUIT turns out to be no stop while it is looked at again', () => {
    const run = reloader({}, { catches: 'blocked' });
    run.changes('two');
    run.answers.signalsAnswered = false;
    expect(run.elapses('action-timeout')).toEqual([LOOK]);
    run.signal('QUIT');
    expect(run.elapses('quit')).toEqual(['stop.outlived']);
    run.send({
      type: 'signalled',
      signal: sig('HUP'),
      purpose: 'reload',
      outcome: { kind: 'sent', to: 'child', handled: { handling: 'caught', program: 'app' } },
    });
    expect(run.timers.has('action-timeout')).toBe(false);
  });

  test('is waited for no longer when a stop comes, or the child ends', () => {
    const stopped = reloader({}, { catches: 'blocked' });
    stopped.changes('two');
    stopped.signal('TERM');
    expect(stopped.timers.has('action-timeout')).toBe(false);
    const ended = reloader({ onExit: 'restart' }, { catches: 'blocked' });
    ended.changes('two');
    expect(ended.exits(1)).toContain('reload.failed');
    expect(ended.timers.has('action-timeout')).toBe(false);
  });
});

describe('what was found', () => {
  const levels = (run: ReturnType<typeof reloader>, event: string) =>
    run.performed.flatMap((effect) =>
      effect.type === 'log' && effect.line.event === event ? [effect.line.level] : [],
    );

  test('is told once, with the name of the program', () => {
    const run = reloader({}, { catches: false });
    run.changes('two');
    run.exits(0);
    run.changes('three');
    run.exits(0);
    expect(levels(run, 'reload.restart_instead')).toEqual(['warn', 'debug']);
    const line = run.performed.find(
      (one) => one.type === 'log' && one.line.event === 'reload.restart_instead',
    );
    expect(line).toMatchObject({ line: { fields: { program: 'app', signal: 'SIGHUP' } } });
  });

  test('is no warning where a program takes what it blocks, which is not waited for again', () => {
    const run = reloader({}, { catches: 'blocked' });
    run.changes('two');
    for (let look = 2; look <= 11; look++) run.elapses('action-timeout');
    expect(levels(run, 'reload.unchecked')).toEqual(['info']);
    expect(run.changes('three')).toEqual([
      'config.changed',
      'reload 1 to child 101 if caught',
      'reload 1 to child 101 if caught or blocked',
      'reload.applied',
    ]);
    expect(levels(run, 'reload.unchecked')).toEqual(['info', 'debug']);
  });

  test.each(['ignored', 'unreadable'] as const)('restarts one that is %s as well', (handling) => {
    const run = reloader({}, { catches: handling });
    expect(run.changes('two')).toContain('reload.restart_instead');
  });
});

test('SIGHUP! is sent whatever is found, and restarts nothing', () => {
  const forced = { watches: [watch('/v', 'SIGHUP!')], onChange: act('SIGHUP!'), verify: 1_000 };
  const run = reloader(forced, { catches: false });
  run.elapses('verify-start');
  expect(run.changes('two')).toEqual(['config.changed', 'reload 1 to child 101', 'reload.started']);
  expect(run.dies('HUP')).toContain('start');
  run.elapses('verify-start');
  expect(run.changes('three')).toContain('reload 1 to child 102');
});

describe('a child that ends with 0', () => {
  const told = () => {
    const run = reloader({ verify: 5_000 });
    run.elapses('verify-start');
    run.changes('two');
    return run;
  };

  test('within a second of the signal took it for a wish to shut down: it is started again, and restarted from then on', () => {
    const run = told();
    run.passes(1_000);
    expect(run.exits(0)).toEqual(['child.exited', 'reload.restart_instead', 'start', 'child.started']);
    expect(run.elapses('verify-start')).toEqual(['reload.applied']);
    expect(run.changes('three')).toContain('stop 15 to auto 102 and CONT');
  });

  test('later did not', () => {
    const run = told();
    run.passes(1_001);
    expect(run.exits(0)).toContain('reload.failed');
  });
});
