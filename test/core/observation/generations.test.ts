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
/** A directory without anything, and without a link of the kubelet's. */
const BARE: Reading = { ...plainReading(''), places: placesAt('/v') };

function plainReading(text: string, settled = true): Extract<Reading, { status: 'read' }> {
  const reading = volumeReading(text, '/v', settled);
  if (reading.status !== 'read') throw new Error('a reading of what is there');
  return { ...reading, volume: undefined };
}
const UNREADABLE: Reading = { status: 'unreadable', failed: 'open', path: '/v/k', errno: 'EACCES' };

function reader(world = {}) {
  const run = scenario({ watches: [watch('/v', 'none')], poll: 10_000 }, world);
  return run;
}

test('a generation is read once more a second later; an event before that goes by its link alone', () => {
  const run = reader();
  run.begin();
  const reading = volumeReading('one');
  if (reading.status !== 'read' || reading.volume === undefined) throw new Error('a volume was read');
  const { volume } = reading;
  run.answers.readings = [{ ...reading, known: { digest: reading.known.digest, volume } }];
  const asked = () =>
    run.performed
      .findLast((effect) => effect.type === 'look')
      ?.requests.map(({ told: _, ...request }) => request);
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

test('a volume whose link is gone is waited for, and is missing after a second', () => {
  const run = reader();
  run.begin();
  for (const gone of [BARE, { ...GONE, volume: undefined }]) {
    run.answers.readings = [gone];
    expect(run.send({ type: 'hint' })).toEqual([]);
    run.passes(999);
    expect(run.send({ type: 'hint' })).toEqual([]);
    run.passes(1);
    expect(run.elapses('relook')).toEqual(['watch.missing']);
    run.answers.readings = [volumeReading('one')];
    expect(run.send({ type: 'hint' })).toEqual(['watch.recovered']);
  }
});

test('with --allow-empty a volume without keys is a change, but one that was torn down is not', () => {
  const run = scenario({ watches: [watch('/v', 'none')], allowEmpty: true });
  run.begin();
  run.answers.readings = [volumeReading('')];
  expect(run.send({ type: 'hint' })).toEqual(['config.changed', 'reload.applied']);
  run.answers.readings = [volumeReading('one')];
  expect(run.send({ type: 'hint' })).toEqual(['config.changed', 'reload.applied']);
  run.answers.readings = [BARE];
  run.send({ type: 'hint' });
  run.passes(1_000);
  expect(run.elapses('relook')).toEqual(['watch.missing']);
  for (let more = 0; more < 3; more++) expect(run.send({ type: 'hint' })).toEqual([]);
});

test('with --allow-empty an emptied plain directory is a change, one that is gone is not', () => {
  const run = scenario(
    { watches: [watch('/v', 'none')], allowEmpty: true },
    { readings: [plainReading('one')] },
  );
  run.begin();
  run.answers.readings = [{ ...GONE, volume: undefined }];
  expect(run.send({ type: 'hint' })).toEqual(['watch.missing']);
  run.answers.readings = [plainReading('')];
  expect(run.send({ type: 'hint' })).toEqual(['watch.recovered', 'config.changed', 'reload.applied']);
});

test('a volume that stays without keys stays missing when its link tells that it has not moved', () => {
  const run = reader();
  run.begin();
  run.answers.readings = [volumeReading('')];
  run.send({ type: 'hint' });
  run.answers.readings = [{ status: 'unchanged' }];
  expect(run.elapses('poll')).toEqual([]);
  run.answers.readings = [UNREADABLE];
  expect(run.elapses('poll')).toEqual(['watch.failed']);
  run.answers.readings = [{ status: 'unchanged' }];
  expect(run.elapses('poll')).toEqual(['watch.missing']);
});

const TOO_LARGE: Reading = { status: 'too-large', tooLarge: 'files' };

test('what can not be read, or is not complete, is looked at again without an event, later and later, for ever', () => {
  for (const failing of [UNREADABLE, TOO_LARGE, volumeReading('half', '/v', false)]) {
    const run = scenario({ watches: [watch('/v', 'none')], poll: 0 });
    run.begin();
    expect(run.timers.has('recheck')).toBe(false);
    run.answers.readings = [failing];
    run.send({ type: 'hint' });
    // That is given up being waited for.
    run.passes(1_000);
    if (run.timers.has('relook')) run.elapses('relook');
    const delays: number[] = [];
    for (let looks = 0; looks < 7; looks++) {
      delays.push((run.timers.get('recheck') ?? 0) - run.now);
      expect(run.elapses('recheck')).toEqual([]);
    }
    expect(delays.slice(-6)).toEqual([2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
    run.answers.readings = [volumeReading('two')];
    expect(run.elapses('recheck')).toContain('config.changed');
    expect(run.timers.has('recheck')).toBe(false);
  }
});

test('an event has what can not be read looked at soon again', () => {
  const run = scenario({ watches: [watch('/v', 'none')], poll: 0 });
  run.begin();
  run.answers.readings = [UNREADABLE];
  run.send({ type: 'hint' });
  run.passes(1_000);
  run.elapses('relook');
  for (let looks = 0; looks < 5; looks++) run.elapses('recheck');
  run.send({ type: 'hint' });
  expect(run.timers.get('recheck')).toBe(run.now + 1_000);
});

test('what can not be read is left to the poll, where that is as often', () => {
  const run = reader();
  run.begin();
  run.answers.readings = [UNREADABLE];
  run.send({ type: 'hint' });
  run.passes(1_000);
  run.elapses('relook');
  for (const delay of [1_000, 2_000, 4_000, 8_000]) {
    expect(run.timers.get('recheck')).toBe(run.now + delay);
    run.elapses('recheck');
  }
  expect(run.timers.has('recheck')).toBe(false);
});

test('what is missing is waited for by events alone, and what can never change by nothing', () => {
  const run = scenario({ watches: [watch('/v', 'none')], poll: 0 });
  run.begin();
  run.answers.readings = [GONE];
  expect(run.send({ type: 'hint' })).toEqual(['watch.missing']);
  expect(run.timers.has('recheck')).toBe(false);
  run.answers.readings = [{ ...BARE, frozen: [{ why: 'torn-down', point: '/v' }] }];
  run.send({ type: 'hint' });
  run.passes(1_000);
  expect(run.elapses('relook')).toEqual(['watch.frozen']);
  expect(run.timers.has('recheck')).toBe(false);
});

test('a file that is written all the time is in nobody’s way but its own', () => {
  const watches = [watch('/v', 'none'), watch('/plain', 'none')];
  const readings = [volumeReading('one'), plainReading('one')];
  const run = scenario({ watches }, { readings });
  run.begin();
  run.answers.readings = [volumeReading('two'), plainReading('half', false)];
  expect(run.send({ type: 'hint' })).toEqual(['config.changed', 'reload.applied']);
  expect(run.state.configuration.told.get('/v')?.digest).toBe('digest of two');
  expect(run.state.configuration.told.get('/plain')?.digest).toBe('digest of one');
  run.passes(10_000);
  expect(run.elapses('relook')).toContain('config.changed');
});

test('watches on one volume wait for each other', () => {
  const watches = [watch('/v', 'none'), watch('/v/k', 'none')];
  const run = scenario({ watches }, { readings: [volumeReading('one'), volumeReading('one')] });
  run.begin();
  const half = volumeReading('two', '/v', false);
  if (half.status !== 'read') throw new Error('a volume was read');
  run.answers.readings = [volumeReading('two'), { ...half, moving: true }];
  run.send({ type: 'hint' });
  run.passes(60_000);
  expect(run.elapses('relook')).toEqual([]);
});

test('a confirmation that comes too early is asked for again', () => {
  const run = reader();
  run.begin();
  run.passes(999);
  run.send({ type: 'timer', timer: 'confirm' });
  expect(run.timers.get('confirm')).toBe(1_000);
});
