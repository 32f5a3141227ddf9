import { expect, test } from 'vitest';
import { act, type settings, volumeReading, watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';

/** The promises of specification 4.3 to 4.5 and of section 5, as sequences of events. */

const SIGNALLED = ['config.changed', 'reload 1 to child 101 if caught'];

function reloader(change: Parameters<typeof settings>[0] = {}, world = {}) {
  const run = scenario({ watches: [watch('/v', 'SIGHUP')], onChange: act('SIGHUP'), ...change }, world);
  run.begin();
  return run;
}

test('a change of content is one signal, however many hints tell of it', () => {
  const run = reloader();
  expect(run.changes('two')).toEqual([...SIGNALLED, 'reload.applied']);
  for (let hints = 0; hints < 5; hints++) expect(run.send({ type: 'hint' })).toEqual([]);
  expect(run.send({ type: 'watching' })).toEqual([]);
});

test('the same content written again is no reload', () => {
  const run = reloader();
  expect(run.changes('one')).toEqual([]);
});

test('hints during a look lead to exactly one more look', () => {
  const run = reloader({}, {});
  run.answers.looksAnswered = false;
  const before = run.performed.filter((effect) => effect.type === 'look').length;
  for (let hints = 0; hints < 4; hints++) run.send({ type: 'hint' });
  run.send({ type: 'looked', readings: run.answers.readings });
  run.send({ type: 'looked', readings: run.answers.readings });
  expect(run.performed.filter((effect) => effect.type === 'look').length - before).toBe(2);
});

test('a change while the child starts is a change', () => {
  const run = scenario({ watches: [watch('/v', 'SIGHUP')], verify: 5_000 }, { startsAnswered: false });
  run.begin();
  expect(run.changes('two')).toEqual([]);
  expect(run.send({ type: 'spawned', pid: 101 })).toEqual(['child.started', ...SIGNALLED, 'reload.started']);
});

test('settling waits for quiet after the last change of content, hints without one do not count', () => {
  const run = reloader({ settle: 3_000 });
  expect(run.changes('two')).toEqual(['config.changed', 'reload.held']);
  run.passes(1_000);
  run.send({ type: 'hint' });
  expect(run.timers.get('settle')).toBe(3_000);
  run.changes('three');
  expect(run.timers.get('settle')).toBe(4_000);
  expect(run.elapses('settle')).toEqual(['reload 1 to child 101 if caught', 'reload.applied']);
  expect(run.planned()).toEqual([]);
});

test('content that never rests is acted on after ten settle times, at least ten seconds', () => {
  const run = reloader({ settle: 3_000 });
  run.changes('two');
  expect(run.timers.get('ceiling')).toBe(30_000);
  expect(run.elapses('ceiling')).toEqual(['reload 1 to child 101 if caught', 'reload.applied']);
  const short = reloader({ settle: 100 });
  short.changes('two');
  expect(short.timers.get('ceiling')).toBe(10_000);
});

test('settling takes its snapshot at its end', () => {
  const run = reloader({ settle: 500 });
  run.changes('two');
  run.answers.readings = [volumeReading('one')];
  expect(run.elapses('settle')).toEqual(['config.reverted']);
});

test('content that goes back before it was applied is no reload', () => {
  const run = reloader({ settle: 500 });
  run.changes('two');
  expect(run.changes('one')).toEqual(['config.reverted']);
  expect(run.planned()).toEqual([]);
});

test('settle auto: nothing for one volume, 3 s for several, 250 ms for anything else', () => {
  const run = reloader({ settle: 'auto' });
  run.changes('two');
  expect(run.timers.has('settle')).toBe(false);

  const several = reloader({ settle: 'auto', watches: [watch('/v', 'SIGHUP'), watch('/w', 'SIGHUP')] });
  several.changes('two');
  expect(several.timers.get('settle')).toBe(3_000);

  const twoFiles = reloader({ settle: 'auto', watches: [watch('/v/a', 'SIGHUP'), watch('/v/b', 'SIGHUP')] });
  twoFiles.answers.readings = ['two', 'two'].map((text) => volumeReading(text, '/v'));
  twoFiles.send({ type: 'hint' });
  expect(twoFiles.timers.has('settle')).toBe(false);

  const plain = reloader({ settle: 'auto' });
  const reading = volumeReading('two');
  plain.answers.readings = reading.status === 'read' ? [{ ...reading, volume: undefined }] : [];
  plain.send({ type: 'hint' });
  // What was a volume is waited for to be one again.
  plain.elapses('relook');
  plain.passes(1_000);
  plain.elapses('relook');
  expect(plain.timers.get('settle')).toBe(plain.now + 250);
});

test('min-interval keeps two reloads apart, and what changes meanwhile is applied once, with the latest content', () => {
  const run = reloader({ minInterval: 10_000 });
  run.changes('two');
  run.passes(1_000);
  expect(run.changes('three')).toEqual(['config.changed', 'reload.held']);
  expect(run.changes('four')).toEqual([]);
  expect(run.timers.get('min-interval')).toBe(10_000);
  expect(run.elapses('min-interval')).toEqual(['reload 1 to child 101 if caught', 'reload.applied']);
  expect(run.send({ type: 'hint' })).toEqual([]);
});

test('what changes within min-interval and goes back is no reload', () => {
  const run = reloader({ minInterval: 10_000 });
  run.changes('two');
  run.changes('three');
  expect(run.changes('two')).toEqual(['config.reverted']);
  expect(run.timers.has('min-interval')).toBe(false);
});

test('a reload is applied once the child has stayed up for the verify time', () => {
  const run = reloader({ verify: 5_000 });
  run.elapses('verify-start');
  expect(run.changes('two')).toEqual([...SIGNALLED, 'reload.started']);
  expect(run.elapses('verify-reload')).toEqual(['reload.applied']);
});

test('a reload that is being verified is superseded by newer content', () => {
  const run = reloader({ verify: 5_000 });
  run.elapses('verify-start');
  run.changes('two');
  expect(run.changes('three')).toEqual([
    'config.changed',
    'reload.superseded',
    'reload 1 to child 101 if caught',
    'reload.started',
  ]);
  expect(run.elapses('verify-reload')).toEqual(['reload.applied']);
});

test('a child that exits while a reload is verified makes it a failed one', () => {
  const run = reloader({ verify: 5_000 });
  run.elapses('verify-start');
  run.changes('two');
  expect(run.exits(1)).toEqual(['child.exited', 'reload.failed', 'exit 1']);
});

test('a min-interval that has passed while its timer is late is not waited for again', () => {
  const run = reloader({ verify: 5_000, minInterval: 10_000 });
  run.changes('two');
  run.changes('three');
  run.passes(20_000);
  expect(run.elapses('verify-start')).toEqual([
    'reload.superseded',
    'reload 1 to child 101 if caught',
    'reload.started',
  ]);
  expect(run.timers.has('min-interval')).toBe(false);
});

test('a look that began before the old child was gone is no baseline for the new one', () => {
  const run = scenario();
  run.begin();
  run.changes('two');
  run.answers.looksAnswered = false;
  run.send({ type: 'hint' });
  run.exits(0);
  expect(run.send({ type: 'looked', readings: [volumeReading('two')] })).toEqual([]);
  expect(run.send({ type: 'looked', readings: [volumeReading('three')] })).toEqual([
    'start',
    'child.started',
    'reload.applied',
  ]);
  run.answers.looksAnswered = true;
  run.answers.readings = [volumeReading('three')];
  expect(run.send({ type: 'hint' })).toEqual([]);
});

test('a look that began before the content had settled is not what is applied', () => {
  const run = reloader({ settle: 500 });
  run.changes('two');
  run.answers.looksAnswered = false;
  run.send({ type: 'hint' });
  run.elapses('settle');
  expect(run.send({ type: 'looked', readings: [volumeReading('two')] })).toEqual([]);
  expect(run.send({ type: 'looked', readings: [volumeReading('three')] })).toEqual([
    'reload 1 to child 101 if caught',
    'reload.applied',
  ]);
});
