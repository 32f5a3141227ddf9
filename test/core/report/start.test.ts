import { describe, expect, test } from 'vitest';
import type { LogLine } from '../../../src/core/log/log.ts';
import { act, volumeReading, watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';
import { supervisor } from '../../support/supervisor.ts';

/** Specification 1 and 6: what is told at the start, and of each life of the child. */

type Run = ReturnType<typeof scenario>;

const lines = (run: Run, event: string): readonly LogLine[] =>
  run.performed.flatMap((effect) =>
    effect.type === 'log' && effect.line.event === event ? [effect.line] : [],
  );
const reasons = (run: Run) => lines(run, 'child.started').map(({ fields }) => fields['reason']);
const warnings = (run: Run) => lines(run, 'start.warning').map(({ message }) => message);

describe('child.started says why', () => {
  test('the first, a reload, a signal that killed it, and by --on-exit', () => {
    const run = supervisor({ onExit: 'restart', verify: 5_000, watches: [watch('/v', 'SIGHUP')] });
    run.elapses('verify-start');
    run.changes('two');
    run.dies('HUP');
    run.elapses('verify-start');
    run.changes('three');
    run.exits(0);
    run.elapses('verify-start');
    run.exits(1);
    run.elapses('back-off');
    expect(reasons(run)).toEqual(['first', 'signal killed it', 'reload', 'on-exit']);
    expect(Object.fromEntries(run.state.record.starts)).toEqual({
      first: 1,
      'signal killed it': 1,
      reload: 1,
      'on-exit': 1,
    });
  });

  test('also where the start is tried again', () => {
    const run = scenario({ watches: [watch('/v', 'restart')], onChange: act('restart') });
    run.begin();
    run.changes('two');
    run.answers.startErrno = 'EAGAIN';
    run.exits(0);
    run.answers.startErrno = undefined;
    run.elapses('start');
    expect(reasons(run)).toEqual(['first', 'reload']);
  });
});

describe('child.exited', () => {
  const last = (run: Run) => lines(run, 'child.exited').at(-1);

  test('is a warning where nobody asked for it and it is not 0', () => {
    const run = supervisor({ onExit: 'restart' });
    run.exits(3);
    expect(last(run)).toMatchObject({ level: 'warn', fields: { pid: 101, code: 3, asked: false } });
    run.elapses('back-off');
    run.dies('SEGV');
    expect(last(run)).toMatchObject({ level: 'warn', fields: { signal: 'SIGSEGV', asked: false } });
    expect(last(run)?.fields).not.toHaveProperty('code');
    run.elapses('back-off');
    run.exits(0);
    expect(last(run)).toMatchObject({ level: 'info', fields: { code: 0, asked: false } });
  });

  test('is none where rehup stopped it, or was stopped', () => {
    const run = supervisor({ watches: [watch('/v', 'restart')] });
    run.changes('two');
    run.dies('TERM');
    expect(last(run)).toMatchObject({ level: 'info', fields: { signal: 'SIGTERM', asked: true } });
    run.signal('TERM');
    run.exits(1);
    expect(last(run)).toMatchObject({ level: 'info', fields: { code: 1, asked: true } });
  });
});

describe('warnings at the start', () => {
  test('are told once, after the first line', () => {
    const run = supervisor({ onExit: 'restart', doubts: [{ about: '--drain', text: 'nobody asks' }] });
    run.exits(1);
    run.elapses('back-off');
    const events = run.performed.flatMap((effect) => (effect.type === 'log' ? [effect.line.event] : []));
    expect(events.slice(0, 2)).toEqual(['rehup.started', 'start.warning']);
    expect(lines(run, 'start.warning')).toEqual([
      {
        level: 'warn',
        event: 'start.warning',
        message: '--drain: nobody asks',
        fields: { about: '--drain', reason: 'nobody asks' },
      },
    ]);
  });

  test('name programs that are not there', () => {
    const words = { kind: 'exec', words: ['told'], text: 'exec:told' } as const;
    const run = scenario(
      {
        watches: [{ path: '/v', action: words }],
        check: [['/t/check'], [{ source: '/v' }]],
        stages: [{ source: '/v', target: '/t' }],
        ready: { kind: 'exec', words: ['asked', 'x'] },
      },
      { missing: ['told', '/t/check', 'app'] },
    );
    run.begin();
    expect(warnings(run)).toEqual(['exec:told: there is no program told; it would fail with 127']);
  });

  test('name what lies in the image', () => {
    const at = (inImage: boolean) => {
      const readings = [{ ...volumeReading('one'), inImage, system: 'overlay' }];
      const run = scenario({}, { readings });
      run.begin();
      return warnings(run);
    };
    expect(at(false)).toEqual([]);
    expect(at(true)).toEqual([
      '--watch /v: it lies in the image, and no volume is mounted there: only this container can change it',
    ]);
  });
});

test('--dry-run waits for what is looked for, and looks for COMMAND as well', () => {
  const run = scenario({ dryRun: true }, { missing: ['app'] });
  expect(run.begin()).toEqual(['print rehup 1.2.3 (static)', 'start.warning', 'exit 0']);
  expect(warnings(run)).toEqual(['COMMAND: there is no program app; it would fail with 127']);
});
