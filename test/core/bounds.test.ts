import { expect, test } from 'vitest';
import type { Content } from '../../src/core/files/content.ts';
import { childEnvironment } from '../../src/core/files/environment.ts';
import type { FileAnswer, FileRequest } from '../../src/core/files/files.ts';
import { readWatches } from '../../src/core/files/reading.ts';
import { act, volumeReading, watch } from '../support/given.ts';
import { scenario } from '../support/scenario.ts';
import { CHECK, supervisor } from '../support/supervisor.ts';

/** What has an upper use has an upper bound. */

test('a signal that asks for a reload is asked for once, however often it comes while another one is checked', () => {
  const run = supervisor(CHECK);
  run.changes('two');
  for (let count = 0; count < 1_000; count++) run.signal('HUP');
  expect(run.state.configuration.requested).toEqual([act('SIGHUP')]);
  for (let count = 0; count < 100; count++) {
    run.changes(`${count % 2}`);
    run.signal('HUP');
  }
  const { progress, requested } = run.state.configuration;
  expect(requested).toEqual([act('SIGHUP')]);
  expect(progress.phase === 'gated' && progress.reload.requested).toEqual([act('SIGHUP')]);
});

test('of the times of applies only as many are kept as tell that there are many', () => {
  const run = supervisor();
  let warned = 0;
  for (let count = 0; count < 1_000; count++) {
    warned += run.changes(`${count}`).filter((event) => event === 'watch.flapping').length;
    run.passes(10);
  }
  expect(run.state.configuration.applies).toHaveLength(6);
  expect(warned).toBe(1);
  run.passes(10 * 60_000);
  run.changes('last');
  expect(run.state.configuration.applies).toHaveLength(1);
});

test('of signals that come while the child is being started so many are kept as there are', () => {
  const run = scenario({}, { startsAnswered: false });
  run.begin();
  for (let count = 0; count < 1_000; count++) run.signal('34');
  const { child } = run.state;
  expect(child.phase === 'starting' && child.kept).toHaveLength(64);
});

test('of files that nobody answered for so many are remembered as a watch may hold', () => {
  const run = scenario({
    watches: [watch('/v', 'http://127.0.0.1:1/')],
    onChange: act('http://127.0.0.1:1/'),
  });
  run.begin();
  for (let round = 0; round < 3; round++) {
    const reading = volumeReading(`${round}`);
    if (reading.status !== 'read') throw new Error('a volume was read');
    const files = new Map(
      Array.from({ length: 6_000 }, (_, index) => [
        `${round}-${index}`.padEnd(12, '0'),
        { size: 1, digest: '1' },
      ]),
    );
    run.answers.readings = [{ ...reading, content: { ...reading.content, files } }];
    run.send({ type: 'hint' });
    run.ends({ kind: 'failed', reason: 'refused' });
  }
  expect(run.state.configuration.unanswered).toHaveLength(10_000);
});

test('of files of an --env-dir that are no variables some are named, and the rest counted', () => {
  const texts = new Map(Array.from({ length: 5_000 }, (_, index) => [`${index}`, 'x']));
  const reading = volumeReading('one', '/e', true, true);
  if (reading.status !== 'read') throw new Error('a volume was read');
  const content: Content = { ...reading.content, texts };
  const run = scenario(
    { watches: [], environmentDirectories: ['/e'] },
    { readings: [{ ...reading, content }] },
  );
  const events = run.begin().filter((event) => event === 'environment.skipped');
  expect(events).toHaveLength(21);
  const lines = run.performed.flatMap((effect) => (effect.type === 'log' ? [effect.line] : []));
  expect(lines.findLast(({ event }) => event === 'environment.skipped')?.fields).toEqual({ count: 4_980 });
});

/** Reads an `--env-dir` of so many files of 200,000 bytes each. */
function captured(count: number): Content {
  const names = Array.from({ length: count }, (_, index) => `KEY_${index}`);
  let left = 0;
  const answer = (request: FileRequest): FileAnswer => {
    const { op } = request;
    switch (op) {
      case 'list':
        return { op, value: { names, rest: undefined } };
      case 'status': {
        const kind = request.path === '/e' ? 'directory' : 'file';
        const owned = { mode: 0o644, owner: 0, group: 0, links: 1 };
        const value = { kind, identity: request.path, device: '1', ...owned, stamp: '', changed: 0 } as const;
        return { op, value };
      }
      case 'memory':
        return { op, value: false };
      case 'open':
        left = 200_000;
        return { op, value: 3 };
      case 'read': {
        const length = Math.min(left, 65_536);
        left -= length;
        return { op, value: 'x'.repeat(length) };
      }
      case 'digest':
        return { op, value: 1 };
      case 'digest-bytes':
      case 'close':
        return { op, value: undefined };
      case 'digest-of':
      case 'digest-end':
        return { op, value: 'digest' };
      default:
        return { op: 'error', errno: 'ENOENT' };
    }
  };
  const steps = readWatches([{ path: '/e', capture: true, known: { digest: 'digest' } }], () => false);
  for (let next = steps.next(); ; ) {
    if (next.done === true) {
      const [reading] = next.value;
      if (reading?.status !== 'read') throw new Error(`it was ${reading?.status}`);
      return reading.content;
    }
    next = steps.next(next.value.op === 'pause' ? next.value : answer(next.value));
  }
}

test('of an --env-dir no more is kept than an environment may hold: none, if it is more', () => {
  const few = captured(40);
  expect([few.texts?.size, few.tooMuch]).toEqual([40, undefined]);
  const many = captured(1_000);
  expect(many.texts?.size).toBe(0);
  expect(many.tooMuch).toBeGreaterThan(6 * 1024 * 1024);
  expect(many.files.size).toBe(1_000);
  const directory = { path: '/e', texts: new Map(), tooMuch: many.tooMuch ?? 0 };
  const made = childEnvironment([], [directory], { argumentBytes: 2_097_152, command: ['app'] });
  expect(made.ok ? '' : made.error).toMatch(
    /^the files of \/e have more than \d+ bytes, and an environment has at most 2097152; make them fewer or shorter$/,
  );
});
