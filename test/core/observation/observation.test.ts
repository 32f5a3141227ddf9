import { expect, test } from 'vitest';
import type { Reading } from '../../../src/core/files/reading.ts';
import { placesAt, volumeReading, watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';

/** What looking makes of readings: specification 4.2, 4.3, 4.5 and 4.6. */

/** A key that is not in its volume. */
const GONE: Reading = {
  status: 'missing',
  expected: true,
  volume: { root: '/v', generation: '..none' },
  places: placesAt('/v'),
};
const UNREADABLE: Reading = { status: 'unreadable', failed: 'open', path: '/v/k', errno: 'EACCES' };

function reader(world = {}) {
  const run = scenario({ watches: [watch('/v', 'none')], poll: 10_000 }, world);
  return run;
}

test('a poll looks, and sets the next one', () => {
  const run = reader();
  run.begin();
  expect(run.timers.get('poll')).toBe(10_000);
  run.answers.readings = [volumeReading('two')];
  expect(run.elapses('poll')).toEqual(['config.changed', 'reload.applied']);
  expect(run.timers.get('poll')).toBe(20_000);
});

test('a poll of 0 and a supervisor without watches set no timer', () => {
  const run = scenario({ poll: 0 });
  run.begin();
  expect(run.timers.has('poll')).toBe(false);
  const plain = scenario({ poll: 10_000, watches: [] });
  plain.begin();
  expect(plain.timers.has('poll')).toBe(false);
});

test('a volume that its writer is at work on is looked at again until it is complete', () => {
  const run = reader();
  run.begin();
  run.answers.readings = [volumeReading('two', '/v', false)];
  expect(run.send({ type: 'hint' })).toEqual([]);
  run.answers.readings = [volumeReading('three')];
  expect(run.elapses('relook')).toEqual(['config.changed', 'reload.applied']);
});

test('a volume that stays incomplete is taken as it is after a second', () => {
  const run = reader();
  run.begin();
  run.answers.readings = [volumeReading('two', '/v', false)];
  expect(run.send({ type: 'hint' })).toEqual([]);
  run.passes(999);
  expect(run.send({ type: 'hint' })).toEqual([]);
  run.passes(1);
  expect(run.send({ type: 'hint' })).toEqual(['config.changed', 'reload.applied']);
  expect(run.send({ type: 'hint' })).toEqual([]);
});

test('a volume that stays incomplete is waited for anew with each generation', () => {
  const run = reader();
  run.begin();
  for (const text of ['two', 'three', 'four']) {
    run.answers.readings = [volumeReading(text, '/v', false)];
    expect(run.send({ type: 'hint' })).toEqual([]);
    run.passes(999);
    expect(run.elapses('relook')).toEqual([]);
    run.passes(1);
    expect(run.elapses('relook')).toEqual(['config.changed', 'reload.applied']);
    run.passes(5_000);
  }
});

test('an incomplete volume is waited for before the first start', () => {
  const run = reader({ readings: [volumeReading('one', '/v', false)] });
  expect(run.begin()).toEqual([]);
  run.answers.readings = [volumeReading('one')];
  expect(run.elapses('relook')).toEqual(['start', 'child.started']);
});

test('what vanishes keeps its last state, with one warning, and is picked up when it is back', () => {
  const run = reader();
  run.begin();
  run.answers.readings = [GONE];
  expect(run.send({ type: 'hint' })).toEqual(['watch.missing']);
  expect(run.send({ type: 'hint' })).toEqual([]);
  run.answers.readings = [volumeReading('one')];
  expect(run.send({ type: 'hint' })).toEqual(['watch.recovered']);
  run.answers.readings = [GONE];
  run.send({ type: 'hint' });
  run.answers.readings = [volumeReading('two')];
  expect(run.send({ type: 'hint' })).toEqual(['watch.recovered', 'config.changed', 'reload.applied']);
});

test('a watch that lost all its files is missing, not changed', () => {
  const run = reader();
  run.begin();
  run.answers.readings = [volumeReading('')];
  expect(run.send({ type: 'hint' })).toEqual(['watch.missing']);
});

test('the appearance of what was not there at start is a change', () => {
  for (const absent of [GONE, volumeReading('')]) {
    const run = reader({ readings: [absent] });
    run.begin();
    expect(run.state.child.phase).toBe('running');
    run.answers.readings = [volumeReading('one')];
    expect(run.send({ type: 'hint' })).toContain('config.changed');
  }
});

test('a watch whose directory is not there either is bad usage', () => {
  const run = reader({ readings: [{ ...GONE, expected: false }] });
  expect(run.begin()).toEqual([
    'watch.missing',
    'exit 125: --watch /v: not there, and neither is its directory; name what is there, or mount it',
  ]);
});

test('an unreadable watch keeps its last state, with one error', () => {
  const run = reader();
  run.begin();
  run.answers.readings = [UNREADABLE];
  expect(run.send({ type: 'hint' })).toEqual([]);
  run.passes(1_000);
  expect(run.send({ type: 'hint' })).toEqual(['watch.failed']);
  expect(run.send({ type: 'hint' })).toEqual([]);
  run.answers.readings = [volumeReading('two')];
  expect(run.send({ type: 'hint' })).toEqual(['watch.recovered', 'config.changed', 'reload.applied']);
});

test('what an editor keeps unreadable for a moment is no error', () => {
  const run = reader();
  run.begin();
  run.answers.readings = [UNREADABLE];
  expect(run.send({ type: 'hint' })).toEqual([]);
  run.passes(900);
  run.answers.readings = [volumeReading('two')];
  expect(run.elapses('relook')).toEqual(['config.changed', 'reload.applied']);
});

test('what could not be read at start has no last state that would count', () => {
  const run = reader({ readings: [UNREADABLE] });
  run.begin();
  const line = run.performed.find((effect) => effect.type === 'log' && effect.line.event === 'watch.failed');
  expect(line).toMatchObject({ line: { message: '/v: EACCES at /v/k' } });
});

test('a watch that is unreadable at start is tried for 5 s, then bad usage that names the file and the remedy', () => {
  const run = reader({ readings: [UNREADABLE] });
  expect(run.begin()).toEqual(['watch.failed']);
  for (let tries = 1; tries < 20; tries++) expect(run.elapses('relook')).toEqual([]);
  expect(run.elapses('relook')).toEqual([
    "exit 125: --watch /v: /v/k can't be read (EACCES); make it readable to this user, or leave it out with --ignore 'k'",
  ]);
});

test('the remedy for what is not below the watch is no --ignore', () => {
  const run = reader({ readings: [{ ...UNREADABLE, path: '/' }] });
  run.begin();
  for (let tries = 1; tries < 20; tries++) run.elapses('relook');
  expect(run.elapses('relook')).toEqual([
    "exit 125: --watch /v: / can't be read (EACCES); make it readable to this user",
  ]);
});

test('a watch that becomes readable within 5 s is no bad usage', () => {
  const run = reader({ readings: [UNREADABLE] });
  run.begin();
  run.answers.readings = [volumeReading('one')];
  expect(run.elapses('relook')).toEqual(['watch.recovered', 'start', 'child.started']);
});

test('a watch with too much in it is bad usage at start and an error later', () => {
  const tooLarge: Reading = { status: 'too-large', tooLarge: 'files' };
  const run = reader({ readings: [tooLarge] });
  expect(run.begin()).toEqual([
    'watch.failed',
    'exit 125: --watch /v: more than 10000 files; watch less, or leave something out with --ignore',
  ]);
  const later = reader();
  later.begin();
  later.answers.readings = [tooLarge];
  expect(later.send({ type: 'hint' })).toEqual(['watch.failed']);
});
