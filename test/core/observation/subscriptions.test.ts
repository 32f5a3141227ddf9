import { expect, test } from 'vitest';
import type { Reading } from '../../../src/core/files/reading.ts';
import { placesAt, volumeReading, watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';

/** What hints are asked for and what becomes of them: specification 4.2 and 4.6. */

/** A directory without anything, and without a link of the kubelet's. */
const BARE: Reading = { ...plainReading(''), places: placesAt('/v') };

function plainReading(text: string, settled = true): Extract<Reading, { status: 'read' }> {
  const reading = volumeReading(text, '/v', settled);
  if (reading.status !== 'read') throw new Error('a reading of what is there');
  return { ...reading, volume: undefined };
}

function reader(world = {}) {
  const run = scenario({ watches: [watch('/v', 'none')], poll: 10_000 }, world);
  return run;
}

test('running out of inotify is one warning, tried again at each poll until it works', () => {
  const run = reader();
  run.begin();
  const asked = () => run.performed.filter((effect) => effect.type === 'watch').length;
  expect(run.send({ type: 'watch-failed', paths: ['/v'], errno: 'EMFILE' })).toEqual(['watch.degraded']);
  expect(run.send({ type: 'watch-failed', paths: ['/w'], errno: 'EMFILE' })).toEqual([]);
  const before = asked();
  run.elapses('poll');
  expect(asked()).toBe(before + 1);
  expect(run.send({ type: 'watching' })).toEqual(['watch.restored']);
  run.elapses('poll');
  expect(asked()).toBe(before + 1);
});

test('thousands that are refused at once are one event and one line', () => {
  const run = reader();
  run.begin();
  const paths = Array.from({ length: 10_000 }, (_, index) => `/v/${index}`);
  expect(run.send({ type: 'watch-failed', paths, errno: 'ENOSPC' })).toEqual(['watch.degraded']);
  expect(run.state.observation.unwatched.size).toBe(10_000);
  expect(run.send({ type: 'watch-failed', paths, errno: 'ENOSPC' })).toEqual([]);
});

test('a directory that was made anew is watched anew', () => {
  const run = reader();
  run.begin();
  const reading = volumeReading('one');
  if (reading.status !== 'read') throw new Error('a volume reading is one that was read');
  run.answers.readings = [{ ...reading, places: placesAt('/v', 'another') }];
  run.send({ type: 'hint' });
  const last = run.performed.findLast((effect) => effect.type === 'watch');
  expect(last).toMatchObject({ places: new Map([['/v', expect.objectContaining({ identity: 'another' })]]) });
});

test('a directory whose events have ended is looked at, and watched anew if it is there', () => {
  const run = reader();
  run.begin();
  const asked = () => run.performed.filter((effect) => effect.type === 'watch').length;
  const before = asked();
  expect(run.send({ type: 'watch-lost', paths: ['/v'] })).toEqual([]);
  expect(asked()).toBe(before + 1);
});

test('a volume that was made anew is no copy because the last one was removed with its link', () => {
  const run = reader();
  run.begin();
  const copied = () => run.state.observation.copied;
  const isCopied = () => run.send({ type: 'hint', links: new Map([['/v', 'copied']]) });
  isCopied();
  expect(copied()).toEqual(new Set(['/v']));
  run.send({ type: 'watch-lost', paths: ['/v'] });
  expect(copied()).toEqual(new Set());
  isCopied();
  run.send({ type: 'hint', links: new Map([['/v', 'swapped']]) });
  expect(copied()).toEqual(new Set());
  run.answers.readings = [{ ...plainReading('one'), places: placesAt('/v', 'another') }];
  isCopied();
  expect(copied()).toEqual(new Set());
});

test('a directory that is gone before it can be watched is no failure, but looked at again', () => {
  const run = reader();
  run.begin();
  expect(run.send({ type: 'watch-failed', paths: ['/v'], errno: 'ENOENT' })).toEqual([]);
  const asked = () => run.performed.filter((effect) => effect.type === 'watch').length;
  const before = asked();
  run.elapses('relook');
  expect(asked()).toBe(before + 1);
});

test('a limit is named once until events work again, however many directories come and go', () => {
  const run = reader();
  run.begin();
  expect(run.send({ type: 'watch-failed', paths: ['/v'], errno: 'ENOSPC' })).toEqual(['watch.degraded']);
  for (const identity of ['two', 'three']) {
    run.answers.readings = [{ ...plainReading('one'), places: placesAt(`/v/${identity}`, identity) }];
    run.passes(1_000);
    run.send({ type: 'hint' });
    run.passes(1_000);
    run.send({ type: 'hint' });
    expect(run.send({ type: 'watch-failed', paths: [`/v/${identity}`], errno: 'ENOSPC' })).toEqual([]);
  }
  expect(run.send({ type: 'watching' })).toEqual(['watch.restored']);
  expect(run.send({ type: 'watch-failed', paths: ['/v/three'], errno: 'ENOSPC' })).toEqual([
    'watch.degraded',
  ]);
});

test('a mount that can never change is warned of once, and asked for only while it may be one', () => {
  const frozen = [{ why: 'subpath', point: '/v' }] as const;
  const run = reader({ readings: [{ ...volumeReading('one'), frozen }] });
  expect(run.begin()).toContain('watch.frozen');
  expect(run.elapses('poll')).toEqual([]);
  const asked = (of: typeof run) =>
    of.performed.filter((effect) => effect.type === 'look').map(({ requests }) => requests[0]?.mounts);
  expect(asked(run)[0]).toBe(true);
  expect(asked(run).at(-1)).toBe(undefined);
  const later = reader();
  later.begin();
  later.elapses('poll');
  expect(asked(later).at(-1)).toBe(undefined);
  later.answers.readings = [{ ...BARE, frozen: [{ why: 'torn-down', point: '/v' }] }];
  later.send({ type: 'hint' });
  later.passes(1_000);
  expect(later.elapses('relook')).toEqual(['watch.frozen', 'watch.missing']);
  expect(asked(later).at(-1)).toBe(true);
});

test('watches that overlap are looked at together, whichever of them events tell of', () => {
  const paths = ['/v/sub', '/w', '/v', '/v-1'];
  const run = scenario({ watches: paths.map((path) => watch(path, 'none')), poll: 10_000 });
  run.answers.readings = paths.map((path) => ({ ...plainReading('one'), places: placesAt(path) }));
  run.begin();
  const looked = () => {
    const look = run.performed.findLast((effect) => effect.type === 'look');
    return look?.type === 'look' ? look.requests.map(({ path }) => path) : [];
  };
  for (const [told, expected] of [
    ['/v/sub', ['/v/sub', '/v']],
    ['/w', ['/w']],
    ['/v', ['/v/sub', '/v']],
    ['/v-1', ['/v-1']],
  ] as const) {
    run.answers.readings = expected.map((path) => ({ ...plainReading('one'), places: placesAt(path) }));
    run.send({ type: 'watch-lost', paths: [told] });
    expect(looked()).toEqual(expected);
  }
});
