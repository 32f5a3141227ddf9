import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { type LogObject, type Rehup, rehup, witness } from '../support/rehup.ts';
import { count, eachWithDirectory, followed, told, writtenVolume } from '../support/volume.ts';

/** Specification 4.4 and 5, *calm*, from outside: reloads are kept apart, are one at a time, and none is for nothing. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const PATH = () => join(directory.path, 'volume');
const KEY = () => join(PATH(), 'key');
const newVolume = () => writtenVolume(PATH(), { key: '0' });
const NO_POLL = ['--poll', '0'];

const all = (run: Rehup, event: string): readonly LogObject[] =>
  run.log().filter((line) => line.event === event);

describe('--min-interval', () => {
  test('keeps reloads apart, and what changes meanwhile is told once', async () => {
    const volume = newVolume();
    const options = ['--min-interval', '2s', '--verify', '0', ...NO_POLL];
    const run = await followed(PATH(), KEY(), { options });
    volume.write({ key: '1' });
    await run.said('SIGHUP 1');
    const { time: first } = await run.logged('reload.applied');
    for (const key of ['2', '3', '4']) volume.write({ key });
    const { time: second } = await run.logged('reload.applied', 2);
    // Both times are those of the log, which is told of an action after it; the interval runs from one action to the next.
    expect(Date.parse(String(second)) - Date.parse(String(first))).toBeGreaterThanOrEqual(1_000);
    run.signal('SIGTERM');
    await run.ended;
    expect(told(run).slice(1)).toEqual(['SIGHUP 1', 'SIGHUP 4', 'SIGTERM 4']);
  });

  test('does not hold up a request', async () => {
    newVolume();
    const options = ['--min-interval', '1h', '--verify', '0', ...NO_POLL];
    const run = await followed(PATH(), KEY(), { options });
    for (const nth of [1, 2, 3]) {
      run.signal('SIGHUP');
      await run.said('SIGHUP', nth);
      await run.logged('reload.applied', nth);
    }
  });
});

describe('--splay', () => {
  const CALM = ['--min-interval', '0', '--verify', '0', ...NO_POLL];

  test('has replicas reload at different times', async () => {
    const volume = newVolume();
    const options = ['--splay', '500h', ...CALM];
    const replicas = await Promise.all(Array.from({ length: 6 }, () => followed(PATH(), KEY(), { options })));
    volume.write({ key: '1' });
    const held = await Promise.all(replicas.map((run) => run.logged('reload.held')));
    expect(held.map(({ reason }) => reason)).toEqual(Array(6).fill('splay'));
    const waits = held.map(({ ms }) => Number(ms));
    // All six within an hour would be chance once in more than a million million times.
    expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(3_600_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(500 * 3_600_000);
  });

  test('is over when its time is', async () => {
    const volume = newVolume();
    const run = await followed(PATH(), KEY(), { options: ['--splay', '1s', ...CALM] });
    volume.write({ key: '1' });
    await run.logged('reload.applied');
    await run.said('SIGHUP 1');
  });

  test('holds for a request by signal too', async () => {
    newVolume();
    const options = ['--splay', '1h', ...CALM];
    const run = await followed(PATH(), KEY(), { options });
    run.signal('SIGHUP');
    await run.logged('reload.requested');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(count(run, 'SIGHUP')).toBe(0);
    run.signal('SIGTERM');
    await run.ended;
  });
});

test('content that changes while a reload is verified supersedes it', async () => {
  const volume = newVolume();
  const run = await followed(PATH(), KEY(), {
    options: ['--min-interval', '0', '--verify', '1h', ...NO_POLL],
  });
  for (const key of ['1', '2', '3']) {
    volume.write({ key });
    await run.said(`SIGHUP ${key}`);
  }
  run.signal('SIGTERM');
  await run.ended;
  expect(all(run, 'reload.superseded')).toHaveLength(3);
  expect(all(run, 'reload.applied')).toHaveLength(0);
  expect(all(run, 'reload.started').map((line) => line['reload'])).toEqual([1, 2, 3]);
});

test('a restart waits for the start before it to be verified, and what changes meanwhile is told by one', async () => {
  const volume = newVolume();
  const options = ['--min-interval', '0', '--verify', '2s', '--settle', '0', ...NO_POLL];
  const run = rehup(['-w', PATH(), ...options, ...witness(KEY())]);
  await run.said('start');
  for (const key of ['1', '2', '3']) volume.write({ key });
  expect(await run.said('start', 2)).toMatch(/ 3$/);
  const times = [await run.logged('child.started'), await run.logged('child.started', 2)];
  const [first = 0, second = 0] = times.map((line) => Date.parse(String(line['time'])));
  expect(second - first).toBeGreaterThanOrEqual(1_950);
  await run.logged('reload.applied');
  expect(all(run, 'child.started')).toHaveLength(2);
});

test('six reloads within ten minutes are told once, and go on', async () => {
  const volume = newVolume();
  const run = await followed(PATH(), KEY(), {
    options: ['--min-interval', '0', '--verify', '0', ...NO_POLL],
  });
  for (let nth = 1; nth <= 8; nth++) {
    // It has a line of its own behind that of the reload.
    if (nth > 6) await run.logged('watch.flapping');
    else expect(all(run, 'watch.flapping')).toEqual([]);
    volume.write({ key: `${nth}` });
    await run.logged('reload.applied', nth);
  }
  expect(readFileSync(KEY(), 'utf8')).toBe('8');
  expect(all(run, 'watch.flapping')).toHaveLength(1);
});
