import { describe, expect, test } from 'vitest';
import type { FileAnswer, FileRequest } from '../../../src/core/files/files.ts';
import { changedFile, withChanged } from '../../../src/core/jobs/changed.ts';
import { createJobs } from '../../../src/core/jobs/jobs.ts';
import type { JobOutcome } from '../../../src/core/state/job.ts';

/** What a check is told of changed paths (specification 5, *check*). */

const LINE = 100;
const paths = (count: number) =>
  Array.from({ length: count }, (_, index) => `/${index}`.padEnd(LINE - 1, 'x'));

describe('the variable', () => {
  const changed = (count: number) =>
    withChanged(['A=1', 'REHUP_CHANGED=old', 'REHUP_CHANGED_FILE=old'], paths(count));

  test('has all of a few paths, and no more than 64 KiB of many, whole lines and one that says so', () => {
    expect(changed(2)).toEqual([
      'A=1',
      `REHUP_CHANGED=${paths(2).join('\n')}`,
      'REHUP_CHANGED_FILE=/proc/self/fd/3',
    ]);
    expect(changed(655)[1]).toBe(`REHUP_CHANGED=${paths(655).join('\n')}`);
    expect(changed(656)[1]).toBe(`REHUP_CHANGED=${paths(655).join('\n')}\n\xe2\x80\xa6`);
    expect(withChanged([], ['x'.repeat(70_000)])[0]).toBe('REHUP_CHANGED=\xe2\x80\xa6');
    expect(withChanged([], [])[0]).toBe('REHUP_CHANGED=');
  });
});

/** Leads the making of a file to its end; `fails` has one operation fail. */
function made(count: number, fails?: FileRequest['op'], cancelled = false) {
  const steps = changedFile(paths(count), () => cancelled);
  const performed: string[] = [];
  let written = '';
  let next = steps.next();
  while (next.done !== true) {
    const request = next.value;
    performed.push(request.op);
    let answer: FileAnswer = { op: 'scratch', value: 7 };
    if (request.op === fails) answer = { op: 'error', errno: 'ENOSPC' };
    else if (request.op === 'write') {
      written += request.bytes;
      expect(request.bytes.length).toBeLessThan(20_000);
      answer = { op: 'write', value: undefined };
    } else if (request.op === 'close') answer = { op: 'close', value: undefined };
    next = steps.next(answer);
  }
  return { performed: [...new Set(performed)], written, value: next.value };
}

describe('the file', () => {
  test('has all paths, in pieces', () => {
    const { performed, written, value } = made(1_000);
    expect(written).toBe(
      paths(1_000)
        .map((path) => `${path}\n`)
        .join(''),
    );
    expect([performed, value]).toEqual([['scratch', 'write'], 7]);
    expect(made(0)).toEqual({ performed: ['scratch'], written: '', value: 7 });
  });

  test('that fails, or is wanted no more, is closed', () => {
    expect(made(5, 'scratch')).toMatchObject({ performed: ['scratch'], value: { errno: 'ENOSPC' } });
    expect(made(5, 'write')).toMatchObject({
      performed: ['scratch', 'write', 'close'],
      value: { errno: 'ENOSPC' },
    });
    expect(made(5, undefined, true)).toMatchObject({
      performed: ['scratch', 'write', 'close'],
      value: undefined,
    });
  });

  test('goes to the command, or its failure to who asked for it', () => {
    const outcomes: JobOutcome[] = [];
    const inputs: (number | undefined)[] = [];
    const environments: (readonly string[])[] = [];
    const jobs = (value: unknown) =>
      createJobs({
        commands: {
          run(_words, environment, _reports, input) {
            inputs.push(input);
            environments.push(environment);
            return () => {};
          },
        },
        network: {
          connect: () => ({ send: () => {}, close: () => {} }),
          connectLocal: () => ({ send: () => {}, close: () => {} }),
        },
        names: { lookUp: () => () => {} },
        drive: (_steps, told) => told(value as never),
        reach: (_words, _environment, told) => told(undefined),
        ended: (_job, outcome) => void outcomes.push(outcome),
      });
    const task = {
      kind: 'command',
      words: ['check'],
      environment: ['A=1', 'REHUP_CHANGED_FILE=x'],
      changed: ['/a'],
    } as const;
    jobs(7).begin(1, task);
    jobs({ failed: 'scratch', path: '/proc/self/fd/3', errno: 'EMFILE' }).begin(2, task);
    // Where the kernel has no files in memory the check does without.
    jobs({ failed: 'scratch', path: '/proc/self/fd/3', errno: 'ENOSYS' }).begin(3, task);
    expect(inputs).toEqual([7, undefined]);
    expect(environments).toEqual([['A=1', 'REHUP_CHANGED_FILE=x'], ['A=1']]);
    const reason =
      "can't be started: scratch of /proc/self/fd/3 failed: EMFILE; raise the limit of open files (ulimit -n)";
    expect(outcomes).toEqual([{ kind: 'failed', reason }]);
  });

  test('tells the paths alone where arguments and environment leave no room for the variable', () => {
    const outcomes: JobOutcome[] = [];
    const environments: (readonly string[])[] = [];
    let files = 0;
    const jobs = createJobs({
      commands: {
        run(_words, environment, reports) {
          environments.push(environment);
          reports.failed('E2BIG');
          return () => {};
        },
      },
      network: {
        connect: () => ({ send: () => {}, close: () => {} }),
        connectLocal: () => ({ send: () => {}, close: () => {} }),
      },
      names: { lookUp: () => () => {} },
      drive(_steps, told) {
        files += 1;
        told(files as never);
      },
      reach: (_words, _environment, told) => told(undefined),
      ended: (_job, outcome) => void outcomes.push(outcome),
    });
    const environment = withChanged(['A=1'], ['/a', '/b']);
    jobs.begin(1, { kind: 'command', words: ['check'], environment, changed: ['/a', '/b'] });
    expect(environments).toEqual([
      ['A=1', 'REHUP_CHANGED=/a\n/b', 'REHUP_CHANGED_FILE=/proc/self/fd/3'],
      ['A=1', 'REHUP_CHANGED=\xe2\x80\xa6', 'REHUP_CHANGED_FILE=/proc/self/fd/3'],
    ]);
    expect(files).toBe(2);
    const reason = "can't be started: its arguments and environment are too long (E2BIG)";
    expect(outcomes).toEqual([{ kind: 'failed', reason }]);
  });
});
