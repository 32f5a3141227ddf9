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

test('a restart stops the child, looks, starts anew and is applied when verified', () => {
  const run = scenario({ verify: 5_000 });
  run.begin();
  run.elapses('verify-start');
  expect(run.changes('two')).toEqual(['config.changed', 'reload.started', 'stop 15 to auto 101 and CONT']);
  expect(run.exits(0)).toEqual(['child.exited', 'start', 'child.started']);
  expect(run.elapses('verify-start')).toEqual(['reload.applied']);
});

test('a restart is not begun while a start is unverified', () => {
  const run = scenario({ verify: 5_000 });
  run.begin();
  expect(run.changes('two')).toEqual(['config.changed', 'reload.held']);
  expect(run.changes('three')).toEqual([]);
  expect(run.elapses('verify-start')).toEqual(['reload.started', 'stop 15 to auto 101 and CONT']);
});

test('a change while the child is being stopped is read by its successor, and is no reload of its own', () => {
  const run = scenario();
  run.begin();
  run.changes('two');
  expect(run.changes('three')).toEqual([]);
  expect(run.exits(0)).toEqual(['child.exited', 'start', 'child.started', 'reload.applied']);
  expect(run.send({ type: 'hint' })).toEqual([]);
});

test('a restart that outlives the stop timeout is killed, group and all', () => {
  const run = scenario({ stopTimeout: 2_000 });
  run.begin();
  run.changes('two');
  expect(run.elapses('stop-timeout')).toEqual(['kill 9 to group 101', 'child.killed']);
  expect(run.dies('KILL')).toEqual(['child.exited', 'start', 'child.started', 'reload.applied']);
});

test('a new child is started only when the old group is empty', () => {
  const run = scenario({ stopTimeout: 2_000 });
  run.begin();
  run.changes('two');
  run.answers.groupAlive = true;
  expect(run.exits(0)).toEqual(['child.exited', 'stop 15 to group 101 and CONT']);
  expect(run.elapses('group')).toEqual([]);
  run.answers.groupAlive = false;
  expect(run.elapses('group')).toEqual(['start', 'child.started', 'reload.applied']);
  expect(run.timers.has('stop-timeout')).toBe(false);
});

test('exit stops the child as a restart does and ends with its code', () => {
  const run = scenario({ watches: [watch('/v', 'exit')] });
  run.begin();
  expect(run.changes('two')).toEqual(['config.changed', 'reload.started', 'stop 15 to auto 101 and CONT']);
  expect(run.exits(5)).toEqual(['child.exited', 'reload.applied', 'exit 5']);
});

test('exit with a code ends with that, whatever the child ended with and --map-exit says', () => {
  const run = scenario({ watches: [watch('/v', 'exit:88')], exitMap: new Map([[88, 1]]) });
  run.begin();
  expect(run.changes('two')).toContain('stop 15 to auto 101 and CONT');
  expect(run.exits(0).at(-1)).toBe('exit 88');
});

test('of several exits the first one has its code', () => {
  const run = scenario({ watches: [watch('/v', 'exit:7'), watch('/w', 'exit')] });
  run.begin();
  run.changes('two');
  expect(run.exits(3).at(-1)).toBe('exit 7');
});

test('none records the change and touches nothing', () => {
  const run = scenario({ watches: [watch('/v', 'none')] });
  run.begin();
  expect(run.changes('two')).toEqual(['config.changed', 'reload.applied']);
  expect(run.send({ type: 'hint' })).toEqual([]);
});

test('the reload signal from outside applies unchanged content too, is not forwarded, and skips min-interval', () => {
  const run = reloader({ minInterval: 10_000 });
  run.changes('two');
  expect(run.signal('HUP')).toEqual([
    'reload.requested',
    'reload 1 to child 101 if caught',
    'reload.applied',
  ]);
});

test('a request during settling is not kept waiting', () => {
  const run = reloader({ settle: 3_000 });
  run.changes('two');
  expect(run.signal('HUP')).toEqual([
    'reload.requested',
    'reload 1 to child 101 if caught',
    'reload.applied',
  ]);
  expect(run.planned()).toEqual([]);
});

test('requests during a restart lead to one reload after it', () => {
  const run = reloader({ watches: [watch('/v', 'restart')] });
  run.changes('two');
  expect(run.signal('HUP')).toEqual(['reload.requested']);
  expect(run.signal('HUP')).toEqual(['reload.requested']);
  expect(run.exits(0)).toEqual([
    'child.exited',
    'start',
    'child.started',
    'reload.applied',
    'reload 1 to child 102 if caught',
    'reload.applied',
  ]);
});

test('watches with different signals that change together send each once, in the order of the command line', () => {
  const watches = [watch('/v', 'SIGUSR2'), watch('/w', 'SIGHUP'), watch('/x', 'SIGUSR2')];
  const run = scenario({ watches });
  run.begin();
  expect(run.changes('two')).toEqual([
    'config.changed',
    'reload 12 to child 101 if caught',
    'reload 1 to child 101 if caught',
    'reload.applied',
  ]);
});

test('restart wins over signals, exit over restart', () => {
  const run = scenario({ watches: [watch('/v', 'SIGHUP'), watch('/w', 'restart')] });
  run.begin();
  expect(run.changes('two')).toEqual(['config.changed', 'reload.started', 'stop 15 to auto 101 and CONT']);
  const exit = scenario({ watches: [watch('/v', 'exit'), watch('/w', 'restart')] });
  exit.begin();
  exit.changes('two');
  expect(exit.exits(0)).toEqual(['child.exited', 'reload.applied', 'exit 0']);
});

test('where watches overlap the most specific one speaks', () => {
  const run = scenario({ watches: [watch('/v', 'restart'), watch('/v/k', 'SIGHUP')] });
  run.answers.readings = [volumeReading('one', '/v'), fileReading('one')];
  run.begin();
  run.answers.readings = [volumeReading('two', '/v'), fileReading('two')];
  expect(run.send({ type: 'hint' })).toEqual([...SIGNALLED, 'reload.applied']);
});

test('nothing is applied while a QUIT may yet turn out to be a stop', () => {
  const run = reloader({ stopTimeout: 700 });
  run.signal('QUIT');
  expect(run.changes('two')).toEqual(['config.changed']);
  expect(run.elapses('quit')).toEqual(['stop.outlived', 'reload 1 to child 101 if caught', 'reload.applied']);
});

function fileReading(text: string) {
  const reading = volumeReading(text, '/v');
  if (reading.status !== 'read') throw new Error('a volume reading is one that was read');
  return {
    ...reading,
    content: { digest: text, files: new Map([['', { size: 1, digest: text }]]), keyed: false },
  };
}
