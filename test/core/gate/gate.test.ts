import { describe, expect, test } from 'vitest';
import type { Content } from '../../../src/core/files/content.ts';
import { ALARM, act, sig, volumeReading, watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';
import { CHECK, FRESH, SIGNAL, STAGE, supervisor } from '../../support/supervisor.ts';

/** What checks and stages promise (specification 5), as sequences of events. The world passes what it is not told to refuse. */

const CHECKED = ['config.changed', 'job 2: check /v'];

describe('a check', () => {
  test('runs before the first start, and before a change is told', () => {
    const run = scenario({ watches: [watch('/v', 'SIGHUP')], ...CHECK });
    expect(run.begin()).toEqual(['job 1: check /v']);
    expect(run.ran(0)).toEqual(['start', 'child.started']);
    expect(run.changes('two')).toEqual(CHECKED);
    expect(run.ran(0)).toEqual([SIGNAL, 'reload.applied']);
  });

  test('gets the environment of the child, and the paths that changed', () => {
    const run = supervisor({ ...CHECK });
    run.changes('two');
    const begun = run.performed.filter((effect) => effect.type === 'begin-job').at(-1);
    expect(begun?.task.kind === 'command' && begun.task.environment).toEqual([
      'PATH=/bin',
      'REHUP_CHANGED=/v/k',
      'REHUP_CHANGED_FILE=/proc/self/fd/3',
    ]);
  });

  test('that fails before the first start ends rehup, naming the check and its code', () => {
    const run = scenario({ watches: [watch('/v', 'SIGHUP')], ...CHECK });
    run.begin();
    expect(run.ran(3)).toEqual(['start.refused', 'exit 125: the check check exited with 3']);
  });

  test('that fails before a later start lets the child start all the same, degraded', () => {
    const run = supervisor({ ...CHECK, onExit: 'restart' });
    run.exits(1);
    run.answers.readings = [volumeReading('bad')];
    expect(run.elapses('back-off')).toEqual(['config.changed', 'job 2: check /v']);
    expect(run.ran(1)).toEqual(['start.degraded', ...ALARM, 'start', 'child.started']);
    expect(run.planned()).toEqual([]);
  });

  test('is not run again for a start on content that passed it', () => {
    const run = supervisor({ ...CHECK, onExit: 'restart' });
    run.exits(1);
    expect(run.elapses('back-off')).toEqual(['start', 'child.started']);
  });

  test('that rejects leaves the application as it is, and is not run again until the content changes', () => {
    const run = supervisor({ ...CHECK });
    run.changes('bad');
    expect(run.ran(1)).toEqual(['reload.rejected', ...ALARM]);
    expect(run.send({ type: 'hint' })).toEqual([]);
    expect(run.changes('worse')).toEqual(['config.changed', 'job 3: check /v']);
    expect(run.ran(1)).toEqual(['reload.rejected']);
    expect(run.planned()).toEqual([]);
  });

  test('good content that comes back after bad was rejected clears the alarm at once', () => {
    const run = supervisor({ ...CHECK, minInterval: 10_000 });
    run.changes('bad');
    run.ran(1);
    expect(run.changes('one')).toEqual(FRESH);
  });

  for (const code of [126, 127]) {
    test(`that ends with ${code} says nothing about the content: it is run again, later and later`, () => {
      const run = supervisor({ ...CHECK });
      run.changes('two');
      const delays = Array.from({ length: 7 }, () => {
        run.ran(code);
        const delay = (run.timers.get('retry') ?? 0) - run.now;
        expect(run.elapses('retry').at(-1)).toMatch(/^job \d+: check/);
        return delay;
      });
      expect(delays).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
      expect(run.ran(0)).toEqual([SIGNAL, 'reload.applied', ...FRESH]);
    });
  }

  test('that is killed or could not start says nothing either', () => {
    const run = supervisor({ ...CHECK });
    run.changes('two');
    expect(run.ends({ kind: 'failed', reason: 'not found (ENOENT)' })).toEqual(['reload.failed', ...ALARM]);
    run.elapses('retry');
    const killed = { kind: 'exited', status: { kind: 'signal', signal: sig('KILL') }, output: '' } as const;
    expect(run.ends(killed)).toEqual(['reload.failed']);
    expect(run.timers.has('retry')).toBe(true);
  });

  test('that takes too long is ended and says nothing', () => {
    const run = supervisor({ ...CHECK });
    run.changes('two');
    expect(run.elapses('check-timeout')).toEqual(['cancel job 2', 'reload.failed', ...ALARM]);
    expect(run.jobs).toEqual([]);
    expect(run.timers.has('retry')).toBe(true);
  });

  test('newer content replaces one that could not be checked, at once', () => {
    const run = supervisor({ ...CHECK });
    run.changes('two');
    run.ran(127);
    expect(run.changes('three')).toEqual(['config.changed', 'job 3: check /v']);
    expect(run.timers.has('retry')).toBe(false);
  });

  test('content that changes under the check supersedes it', () => {
    const run = supervisor({ ...CHECK });
    run.changes('two');
    expect(run.changes('three')).toEqual([
      'cancel job 2',
      'reload.superseded',
      'config.changed',
      'job 3: check /v',
    ]);
    expect(run.changes('one')).toEqual(['cancel job 3', 'reload.superseded']);
    expect(run.jobs).toEqual([]);
  });

  test('content that changes under the check of a start is checked in its stead', () => {
    const run = scenario({ watches: [watch('/v', 'SIGHUP')], ...CHECK });
    run.begin();
    expect(run.changes('two')).toEqual(['cancel job 1', 'job 2: check /v']);
    expect(run.ran(0)).toEqual(['start', 'child.started']);
  });

  test('is ended by a stop, which is not held up', () => {
    const run = supervisor({ ...CHECK });
    run.changes('two');
    expect(run.signal('TERM')).toEqual([
      'stop 15 to auto 101 and CONT',
      'stop.requested',
      'cancel job 2',
      'reload.superseded',
    ]);
    expect(run.exits(0)).toEqual(['child.exited', 'exit 0']);
  });

  test('of a start is ended by a stop', () => {
    const run = scenario({ watches: [watch('/v', 'SIGHUP')], ...CHECK });
    run.begin();
    expect(run.signal('TERM')).toEqual(['stop.requested', 'exit 143']);
  });

  test('is ended by a QUIT, and what it was for comes again if that was no stop', () => {
    const run = supervisor({ ...CHECK });
    run.changes('two');
    expect(run.signal('QUIT')).toContain('cancel job 2');
    expect(run.elapses('quit')).toEqual(['stop.outlived', 'job 3: check /v']);
    expect(run.ran(0)).toEqual([SIGNAL, 'reload.applied']);
  });

  test('a request from outside goes through it, and skips the mark of content that was rejected', () => {
    const run = supervisor({ ...CHECK });
    run.changes('bad');
    run.ran(1);
    expect(run.signal('HUP')).toEqual(['reload.requested', 'job 3: check /v']);
    expect(run.ran(1)).toEqual(['reload.rejected']);
  });

  test('its output is logged with a rejection, unless anything lies in memory', () => {
    const run = supervisor({ ...CHECK });
    run.changes('bad');
    run.ran(1, 'one\ntwo\n');
    expect(rejection(run)).toEqual(['one', 'two']);
    const secret = supervisor({ ...CHECK });
    secret.answers.readings = [inMemory('bad')];
    secret.send({ type: 'hint' });
    secret.ran(1, 'one\ntwo\n');
    expect(rejection(secret)).toBeUndefined();
  });

  test('is not run for what touches nothing', () => {
    const run = supervisor({ watches: [watch('/v', 'none')], ...CHECK });
    expect(run.changes('two')).toEqual(['config.changed', 'reload.applied']);
  });
});

function rejection(run: ReturnType<typeof scenario>): unknown {
  const logged = run.performed.find(
    (effect) => effect.type === 'log' && effect.line.event === 'reload.rejected',
  );
  return logged?.type === 'log' ? logged.line.fields['output'] : 'none';
}

function inMemory(text: string) {
  const reading = volumeReading(text);
  if (reading.status !== 'read') throw new Error('a volume reading is one that was read');
  const content: Content = { ...reading.content, keyed: true };
  return { ...reading, content };
}

describe('a stage', () => {
  test('is opened and published before the first start, and kept once that is verified', () => {
    const run = scenario({ watches: [watch('/v', 'SIGHUP')], ...STAGE, verify: 5_000 });
    expect(run.begin()).toEqual(['open', 'prepare', 'publish', 'start', 'child.started']);
    expect(run.elapses('verify-start')).toEqual(['keep']);
  });

  test('is copied, checked where it lies, published, and then told of', () => {
    const run = supervisor({ ...STAGE, ...CHECK });
    expect(run.changes('two')).toEqual(['config.changed', 'prepare', 'job 7: check /t/..rehup_2']);
    expect(run.ran(0)).toEqual(['publish', SIGNAL, 'keep', 'reload.applied']);
  });

  test('what is rejected is never published', () => {
    const run = supervisor({ ...STAGE, ...CHECK });
    run.changes('bad');
    expect(run.ran(1)).toEqual(['reload.rejected', ...ALARM]);
    expect(run.state.gate.staged?.[0]?.active?.content.digest).toBe('digest of one');
  });

  test('that can not be used ends rehup before anything is started', () => {
    const run = scenario({ watches: [watch('/v', 'SIGHUP')], ...STAGE });
    run.answers.staged = { op: 'refused', stage: { source: '/v', target: '/t' }, text: 'why' };
    expect(run.begin()).toEqual(['open', 'exit 125: --stage /v=/t: why']);
  });

  test('that can not be used is named as it was given', () => {
    const origins = new Map([['/t', 'REHUP_STAGE']]);
    const run = scenario({ watches: [watch('/v', 'SIGHUP')], ...STAGE, origins });
    run.answers.staged = { op: 'refused', stage: { source: '/v', target: '/t' }, text: 'why' };
    expect(run.begin()).toEqual(['open', 'exit 125: REHUP_STAGE /v=/t: why']);
  });

  test('that can not be copied leaves the application as it is, and is tried again', () => {
    const run = supervisor({ ...STAGE });
    run.answers.staged = { op: 'failed', reason: 'full (ENOSPC)', lasting: false };
    expect(run.changes('two')).toEqual(['config.changed', 'prepare', 'reload.failed', ...ALARM]);
    run.answers.staged = undefined;
    expect(run.elapses('retry')).toEqual(['prepare', 'publish', SIGNAL, 'keep', 'reload.applied', ...FRESH]);
  });
});

test('a child that ends while the last good content is being published is started on it', () => {
  const run = supervisor({ ...STAGE, verify: 5_000, watches: [watch('/v', 'http://127.0.0.1/-/reload')] });
  run.elapses('verify-start');
  run.changes('bad');
  run.answers.stagesAnswered = false;
  expect(run.ends({ kind: 'answered', status: 500 })).toEqual(['reload.rolling_back', 'publish']);
  expect(run.exits(1)).toEqual(['child.exited']);
  run.answers.stagesAnswered = true;
  const published = run.performed
    .flatMap((effect) => (effect.type === 'stage' && effect.job > 0 ? [effect] : []))
    .at(-1);
  expect(run.send({ type: 'staged', job: published?.job ?? 0, result: { op: 'published' } })).toEqual([
    'reload.started',
    'start',
    'child.started',
  ]);
  expect(run.elapses('verify-start')).toContain('reload.rolled_back');
});

test('what is published though nobody waits for it any more is remembered, and a start waits for it', () => {
  const run = supervisor({ ...STAGE, onExit: 'restart' });
  run.answers.stagesAnswered = false;
  expect(run.changes('two')).toEqual(['config.changed', 'prepare']);
  const ended = (result: 'prepared' | 'published') => {
    const last = run.performed
      .flatMap((effect) => (effect.type === 'stage' && effect.job > 0 ? [effect] : []))
      .at(-1);
    const reading = volumeReading('two');
    const content = reading.status === 'read' ? reading.content : undefined;
    if (content === undefined) throw new Error('a volume reading is one that was read');
    const generations = [{ name: '..rehup_2', content }];
    return run.send({
      type: 'staged',
      job: last?.job ?? 0,
      result: result === 'prepared' ? { op: result, generations, ownersKept: true } : { op: result },
    });
  };
  expect(ended('prepared')).toEqual(['publish']);
  expect(run.exits(1)).toEqual(['child.exited', 'reload.superseded', 'child.back_off']);
  run.answers.readings = [volumeReading('one')];
  expect(run.elapses('back-off')).toEqual(['config.reverted']);
  run.answers.stagesAnswered = true;
  expect(ended('published')).toEqual(['prepare', 'publish', 'start', 'child.started', 'keep']);
});

test('what can not be staged yet when a restart starts the child is not told by that start', () => {
  const run = scenario(
    { watches: [watch('/v', 'SIGHUP')], onChange: act('SIGHUP'), ...STAGE, verify: 5_000 },
    { readings: [volumeReading('')], catches: false },
  );
  run.begin();
  run.elapses('verify-start');
  run.signal('HUP');
  run.answers.readings = [volumeReading('two')];
  expect(run.exits(0)).toEqual(['child.exited', 'start', 'child.started', 'config.changed', 'reload.held']);
  expect(run.state.configuration.told.get('/v')?.files.size).toBe(0);
});
