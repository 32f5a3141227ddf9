import { expect, test } from 'vitest';
import type { Reading } from '../../src/core/reading.ts';
import { scenario, volumeReading, watch } from '../support/scenario.ts';

/** What looking makes of readings: specification 4.2, 4.3, 4.5 and 4.6. */

const GONE: Reading = { status: 'missing', expected: true, volume: undefined, directories: new Map() };
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
  expect(run.send({ type: 'hint' })).toEqual(['watch.failed']);
  expect(run.send({ type: 'hint' })).toEqual([]);
  run.answers.readings = [volumeReading('two')];
  expect(run.send({ type: 'hint' })).toEqual(['watch.recovered', 'config.changed', 'reload.applied']);
});

test('a watch that is unreadable at start is tried for 5 s, then bad usage that names the file and the remedy', () => {
  const run = reader({ readings: [UNREADABLE] });
  expect(run.begin()).toEqual(['watch.failed']);
  for (let tries = 1; tries < 20; tries++) expect(run.elapses('relook')).toEqual([]);
  expect(run.elapses('relook')).toEqual([
    "exit 125: --watch /v: /v/k can't be read (EACCES); make it readable to this user, or leave it out with --ignore 'k'",
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

test('running out of inotify is one warning, tried again at each poll until it works', () => {
  const run = reader();
  run.begin();
  const asked = () => run.performed.filter((effect) => effect.type === 'watch').length;
  expect(run.send({ type: 'watch-failed', path: '/v', errno: 'EMFILE' })).toEqual(['watch.degraded']);
  expect(run.send({ type: 'watch-failed', path: '/w', errno: 'EMFILE' })).toEqual([]);
  const before = asked();
  run.elapses('poll');
  expect(asked()).toBe(before + 1);
  expect(run.send({ type: 'watching' })).toEqual(['watch.restored']);
  run.elapses('poll');
  expect(asked()).toBe(before + 1);
});

test('a directory that was made anew is watched anew', () => {
  const run = reader();
  run.begin();
  const reading = volumeReading('one');
  if (reading.status !== 'read') throw new Error('a volume reading is one that was read');
  run.answers.readings = [{ ...reading, directories: new Map([['/v', 'another']]) }];
  run.send({ type: 'hint' });
  const last = run.performed.findLast((effect) => effect.type === 'watch');
  expect(last).toEqual({ type: 'watch', directories: new Map([['/v', 'another']]) });
});

test('a generation is read once more a second later; an event before that goes by its link alone', () => {
  const run = reader();
  run.begin();
  const reading = volumeReading('one');
  if (reading.status !== 'read' || reading.volume === undefined) throw new Error('a volume was read');
  const { volume } = reading;
  run.answers.readings = [{ ...reading, known: { digest: reading.known.digest, volume } }];
  const asked = () => run.performed.findLast((effect) => effect.type === 'look')?.requests;
  const anew = [{ path: '/v', known: { digest: 'digest of one' } }];
  const byItsLink = [{ path: '/v', known: { digest: 'digest of one', volume } }];
  run.send({ type: 'hint' });
  run.send({ type: 'hint' });
  expect(asked()).toEqual(byItsLink);
  run.elapses('confirm');
  expect(asked()).toEqual(anew);
  run.elapses('poll');
  expect(asked()).toEqual(byItsLink);
});

test('content that a writer completes after the swap is seen within a second, without an event', () => {
  const run = reader();
  run.begin();
  run.changes('half');
  run.answers.readings = [volumeReading('whole')];
  expect(run.elapses('confirm')).toEqual(['config.changed', 'reload.applied']);
});

test('a mix of generations is never taken, however long they go by too fast to be read', () => {
  const run = reader();
  run.begin();
  const mix = volumeReading('mix', '/v', false);
  if (mix.status !== 'read') throw new Error('a volume was read');
  run.answers.readings = [{ ...mix, moving: true }];
  run.send({ type: 'hint' });
  run.passes(60_000);
  expect(run.elapses('relook')).toEqual([]);
  run.answers.readings = [volumeReading('two')];
  expect(run.elapses('relook')).toEqual(['config.changed', 'reload.applied']);
});
