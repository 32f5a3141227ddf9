import { expect, test } from 'vitest';
import type { Reading } from '../../../src/core/files/reading.ts';
import { watchFacts } from '../../../src/core/report/facts.ts';
import { sig, volumeReading, watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';

/** Watches whose file server may stop answering are looked at apart (specification 2.9): no other waits for them. */

const APART: Reading = { status: 'unreadable', failed: 'status', path: '/r', errno: 'EREMOTE' };
const SILENT: Reading = { status: 'unreadable', failed: 'status', path: '/r', errno: 'ETIMEDOUT' };
const SERVERS = ['nfs4 at /r'];

function looked(reading: Reading, servers: readonly string[] = SERVERS) {
  return { type: 'looked-apart', path: '/r', reading, servers } as const;
}

/** A supervisor that watches `/v` and `/r`, of which `/r` lies apart. */
function apart(change = {}) {
  const run = scenario(
    { watches: [watch('/v', 'SIGUSR1'), watch('/r', 'SIGHUP')], poll: 10_000, ...change },
    { readings: [volumeReading('one'), APART], catches: true },
  );
  expect(run.begin()).toEqual(['look apart at /r']);
  run.answers.readings = [volumeReading('one')];
  return run;
}

function started(change = {}) {
  const run = apart(change);
  expect(run.send(looked(volumeReading('one', '/r')))).toEqual(['watch.polled', 'start', 'child.started']);
  return run;
}

test('nothing starts before such a watch was read, and it is said once how it is looked at', () => {
  const run = started();
  expect(watchFacts(run.state).map(({ mode }) => mode)).toEqual(['events', 'poll']);
  expect(run.elapses('poll')).toEqual(['look apart at /r']);
  expect(run.send(looked(volumeReading('one', '/r')))).toEqual([]);
});

test('its change is a change, and so is one elsewhere while a look at it is under way', () => {
  const run = started();
  run.elapses('poll');
  run.answers.readings = [volumeReading('two')];
  expect(run.send({ type: 'hint' })).toContain('config.changed');
  expect(run.state.observation.watched.map(({ apart: how }) => how)).toEqual(['no', 'again']);
  const words = run.send(looked(volumeReading('two', '/r')));
  expect(words).toContain('config.changed');
  expect(words).toContain('look apart at /r');
});

test('what does not answer keeps its last state, is told once, and is looked at when it answers', () => {
  const run = started();
  run.elapses('poll');
  expect(run.send(looked(SILENT))).toEqual(['watch.failed']);
  expect(run.elapses('recheck')).toEqual(['look apart at /r']);
  expect(run.send(looked({ ...SILENT, path: '/r/k' }))).toEqual([]);
  expect(run.send({ type: 'answering' })).toEqual(['look apart at /r']);
  const words = run.send(looked(volumeReading('two', '/r')));
  expect(words).toContain('watch.recovered');
  expect(words).toContain('config.changed');
});

test('what does not answer at the start is bad usage after 5 s', () => {
  const run = apart();
  run.passes(5_000);
  const text =
    'exit 125: --watch /r: its file server does not answer (ETIMEDOUT); mount what is served, or watch something else';
  expect(run.send(looked(SILENT)).at(-1)).toBe(text);
});

test('a stop does not wait for the first look', () => {
  const run = apart();
  expect(run.send({ type: 'signal', signal: sig('TERM') })).toEqual(['stop.requested', 'exit 143']);
  expect(run.send(looked(SILENT))).toEqual([]);
});

test('a restart does not wait for a look that is under way', () => {
  const run = started({ watches: [watch('/v', 'restart'), watch('/r', 'SIGHUP')] });
  run.elapses('poll');
  run.answers.readings = [volumeReading('two')];
  run.send({ type: 'hint' });
  expect(run.send({ type: 'child-exited', status: { kind: 'code', code: 0 } })).toContain('start');
});

test('without a poll it is a warning that nothing tells of changes', () => {
  const run = apart({ poll: 0 });
  expect(run.send(looked(volumeReading('one', '/r')))).toContain('watch.polled');
  const line = run.performed.findLast(
    (effect) => effect.type === 'log' && effect.line.event === 'watch.polled',
  );
  expect(line).toMatchObject({ line: { level: 'warn', message: expect.stringContaining('will be missed') } });
});

test('one that lies there no more is looked at with the others again', () => {
  const run = started();
  run.elapses('poll');
  run.send(looked(volumeReading('one', '/r'), []));
  run.answers.readings = [volumeReading('one'), volumeReading('two', '/r')];
  expect(run.elapses('poll')).toContain('config.changed');
});
