import { expect, test } from 'vitest';
import type { FileAnswer, FileRequest } from '../../../../src/core/files/files.ts';
import { createAsking, type HelperReports } from '../../../../src/core/files/remote/helpers.ts';
import { createLines, serveFiles } from '../../../../src/core/files/remote/wire.ts';

/** Helpers wait where rehup must not: one a file system, and never another while that one waits. */

const STATUS: FileRequest = { op: 'status', path: '/m/a', follow: true };
const OPEN: FileRequest = { op: 'open', path: '/m/a' };

function world() {
  let now = 0;
  let wake: number | undefined;
  let answering = 0;
  const helpers: { sent: FileRequest[]; reports: HelperReports; ended: boolean }[] = [];
  const tasks: (() => void)[] = [];
  const told: string[] = [];
  const refuses = { start: false, send: false };
  const asking = createAsking({
    helpers: {
      start(reports) {
        if (refuses.start) return { errno: 'EAGAIN' };
        const helper = { sent: [] as FileRequest[], reports, ended: false };
        helpers.push(helper);
        return {
          send(bytes) {
            if (refuses.send) return false;
            helper.sent.push(JSON.parse(bytes) as FileRequest);
            return true;
          },
          end() {
            helper.ended = true;
          },
        };
      },
    },
    now: () => now,
    wake: (delay) => {
      wake = now + delay;
    },
    soon: (task) => void tasks.push(task),
    answering: () => {
      answering += 1;
    },
  });
  return {
    helpers,
    told,
    refuses,
    get answering() {
      return answering;
    },
    ask: (device: string, request: FileRequest, name = request.op as string, patience = 10_000) =>
      asking.ask(device, request, patience, (answer) =>
        told.push(`${name}: ${answer.op === 'error' ? answer.errno : answer.op}`),
      ),
    answers: (helper: number, answer: FileAnswer) =>
      helpers[helper]?.reports.received(`${JSON.stringify(answer)}\n`),
    passes(milliseconds: number) {
      now += milliseconds;
      if (wake === undefined || wake > now) return;
      wake = undefined;
      asking.due();
    },
    runs() {
      for (const task of tasks.splice(0)) task();
    },
    asking,
  };
}

const READ: FileAnswer = { op: 'readlink', value: 'x' };

test('each file system has its own, and one request at a time', () => {
  const run = world();
  run.ask('1', STATUS, 'first');
  run.ask('1', OPEN, 'second');
  run.ask('2', STATUS, 'other');
  expect(run.helpers.map(({ sent }) => sent.length)).toEqual([1, 1]);
  run.answers(1, READ);
  run.answers(0, READ);
  expect(run.told).toEqual(['other: readlink', 'first: readlink']);
  expect(run.helpers[0]?.sent).toEqual([STATUS, OPEN]);
});

test('one that does not answer in time is left alone until it does', () => {
  const run = world();
  run.ask('1', OPEN, 'first');
  run.passes(9_999);
  run.ask('1', STATUS, 'second');
  expect(run.told).toEqual([]);
  run.passes(1);
  expect(run.told).toEqual(['first: ETIMEDOUT', 'second: ETIMEDOUT']);
  expect(run.ask('1', STATUS)).toEqual({ op: 'error', errno: 'ETIMEDOUT' });
  expect(run.helpers).toHaveLength(1);
  expect(run.helpers[0]?.sent).toEqual([OPEN]);
  // What it opened for nobody is closed before anything else.
  run.answers(0, { op: 'open', value: 5 });
  expect(run.answering).toBe(1);
  expect(run.helpers[0]?.sent).toEqual([OPEN, { op: 'close', file: 5 }]);
  run.ask('1', STATUS, 'third');
  run.answers(0, { op: 'close', value: undefined });
  run.answers(0, READ);
  expect(run.told.slice(2)).toEqual(['third: readlink']);
});

test('what it entered for nobody is closed as well', () => {
  const run = world();
  run.ask('1', { op: 'enter', path: '/m' });
  run.passes(10_000);
  run.answers(0, { op: 'enter', value: 5 });
  expect(run.helpers[0]?.sent.at(-1)).toEqual({ op: 'close', file: 5 });
});

test('who waits less long is told sooner, behind a close that hangs too', () => {
  const run = world();
  run.ask('1', OPEN);
  const { asking } = run;
  run.answers(0, { op: 'open', value: 5 });
  asking.close('1', asking.life('1'), 5);
  run.ask('1', STATUS, 'late', 5_000);
  run.passes(5_000);
  expect(run.told).toEqual(['open: open', 'late: ETIMEDOUT']);
});

test('one that ends fails what it was asked, and the next request starts another', () => {
  const run = world();
  run.ask('1', STATUS, 'first');
  run.ask('1', OPEN, 'second');
  run.helpers[0]?.reports.ended();
  expect(run.told).toEqual(['first: EIO']);
  expect(run.helpers[1]?.sent).toEqual([OPEN]);
  const { asking } = run;
  asking.close('1', 1, 5);
  run.answers(1, READ);
  expect(run.helpers[1]?.sent).toEqual([OPEN]);
});

test('none that can be started, or that takes nothing, is an error and no wait', () => {
  const run = world();
  run.refuses.start = true;
  expect(run.ask('1', STATUS)).toEqual({ op: 'error', errno: 'EAGAIN' });
  run.refuses.start = false;
  run.refuses.send = true;
  expect(run.ask('1', STATUS, 'first')).toBeUndefined();
  expect(run.told).toEqual([]);
  run.runs();
  expect(run.told).toEqual(['first: EIO']);
  expect(run.helpers[0]?.ended).toBe(true);
});

test('there are 16 at most: an idle one gives way, one that waits does not', () => {
  const run = world();
  for (let device = 0; device < 16; device++) run.ask(`${device}`, STATUS);
  expect(run.ask('more', STATUS)).toEqual({ op: 'error', errno: 'EAGAIN' });
  run.answers(3, READ);
  expect(run.ask('more', STATUS)).toBeUndefined();
  expect(run.helpers.map(({ ended }) => ended).indexOf(true)).toBe(3);
  expect(run.helpers.filter(({ ended }) => !ended)).toHaveLength(16);
});

test('one of a file system that is mounted no more ends, unless it waits there', () => {
  const run = world();
  run.ask('1', STATUS);
  run.ask('2', STATUS);
  run.answers(0, READ);
  run.asking.keep(new Set());
  expect(run.helpers.map(({ ended }) => ended)).toEqual([true, false]);
});

test('one that sends without an end is ended', () => {
  const run = world();
  run.ask('1', STATUS, 'first');
  for (let piece = 0; piece < 9; piece++) run.helpers[0]?.reports.received('x'.repeat(1024 * 1024));
  expect(run.helpers[0]?.ended).toBe(true);
  expect(run.told).toEqual(['first: EIO']);
});

test('requests and answers are put together from any pieces, with every byte', () => {
  const bytes = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
  const request: FileRequest = { op: 'readlink', path: `/${bytes}` };
  const line = `${JSON.stringify(request)}\n`;
  const pieces = [...line, ...line, ''];
  const written: string[] = [];
  const seen: FileRequest[] = [];
  serveFiles(
    {
      perform(asked) {
        seen.push(asked);
        return { op: 'readlink', value: bytes };
      },
    },
    () => pieces.shift() ?? '',
    (text) => void written.push(text),
  );
  expect(seen).toEqual([request, request]);
  const linesOf = createLines();
  const lines = [...written.join('')].flatMap((piece) => linesOf(piece) ?? []);
  expect(lines.map((text) => JSON.parse(text) as unknown)).toEqual(
    [1, 2].map(() => ({ op: 'readlink', value: bytes })),
  );
});
