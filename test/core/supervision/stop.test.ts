import { expect, test } from 'vitest';
import { ALARM, begin, sig } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';

/** The races of specification 2.4 and 2.5, each written down as a sequence of events. */

test('a stop before the first start ends rehup with 128+n and starts nothing', () => {
  const run = scenario({}, { looksAnswered: false });
  run.begin();
  expect(run.signal('TERM')).toEqual(['stop.requested', 'exit 143']);
});

test('a signal while the host looks for the child’s program reaches the child once it is there', () => {
  const run = scenario({}, { startsAnswered: false });
  run.begin();
  expect(run.signal('USR1')).toEqual([]);
  expect(run.signal('USR2')).toEqual([]);
  expect(run.send({ type: 'spawned', pid: 7 })).toEqual([
    'child.started',
    'forward 10 to auto 7',
    'forward 12 to auto 7',
  ]);
});

test('a stop while the host looks for the child’s program ends rehup: nothing was started', () => {
  const first = scenario({}, { startsAnswered: false });
  first.begin();
  expect(first.signal('TERM')).toEqual(['stop.requested', 'exit 143']);
  expect(first.send({ type: 'spawned', pid: 7 })).toEqual([]);
  const run = scenario();
  run.begin();
  run.changes('two');
  run.answers.startsAnswered = false;
  run.exits(3);
  expect(run.signal('TERM')).toEqual(['stop.requested', 'reload.superseded', 'exit 3']);
});

test('a stop is forwarded once, followed by CONT, and rehup ends with the code of the child', () => {
  const run = scenario();
  run.begin();
  expect(run.signal('TERM')).toEqual(['stop 15 to auto 101 and CONT', 'stop.requested']);
  expect(run.exits(3)).toEqual(['child.exited', 'exit 3']);
});

test('a second stop is forwarded again', () => {
  const run = scenario();
  run.begin();
  run.signal('TERM');
  expect(run.signal('INT')).toEqual(['stop 2 to auto 101 and CONT']);
  expect(run.signal('TERM')).toEqual(['stop 15 to auto 101 and CONT']);
});

test('a stop during a restart that has just sent the same signal is not sent again, and nothing is started', () => {
  const run = scenario();
  run.begin();
  expect(run.changes('two')).toEqual(['config.changed', 'reload.started', 'stop 15 to auto 101 and CONT']);
  expect(run.signal('TERM')).toEqual(['stop.requested', 'reload.superseded']);
  expect(run.timers.has('stop-timeout')).toBe(false);
  expect(run.exits(0)).toEqual(['child.exited', 'exit 0']);
});

test('a stop by another signal during a restart is sent', () => {
  const run = scenario();
  run.begin();
  run.changes('two');
  expect(run.signal('INT')).toEqual(['stop 2 to auto 101 and CONT', 'stop.requested', 'reload.superseded']);
});

test('a stop cancels the SIGKILL that a restart had planned', () => {
  const run = scenario({ stopTimeout: 1_000 });
  run.begin();
  run.changes('two');
  expect(run.timers.get('stop-timeout')).toBe(1_000);
  run.signal('TERM');
  expect(run.planned()).toEqual(['stop-waiting']);
});

test('a stop between the end of the old child and the start of the new one ends with the code of the old one', () => {
  const run = scenario();
  run.begin();
  run.changes('two');
  run.answers.looksAnswered = false;
  expect(run.exits(9)).toEqual(['child.exited']);
  expect(run.state.child.phase).toBe('preparing');
  expect(run.signal('INT')).toEqual(['stop.requested', 'reload.superseded', 'exit 9']);
});

test('a stop while the rest of the old group is waited for asks the group, and never kills it', () => {
  const run = scenario({ signalTo: 'child' });
  run.begin();
  run.changes('two');
  run.answers.groupAlive = true;
  expect(run.exits(0)).toEqual(['child.exited', 'stop 15 to group 101 and CONT']);
  expect(run.signal('TERM')).toEqual(['stop.requested', 'reload.superseded']);
  expect(run.timers.has('stop-timeout')).toBe(false);
  run.answers.groupAlive = false;
  expect(run.elapses('group')).toEqual(['exit 0']);
});

test('a child that ends after a stop leaves a group that was not asked: it is asked once, then waited for without limit', () => {
  const run = scenario({ signalTo: 'child' });
  run.begin();
  run.signal('TERM');
  run.answers.groupAlive = true;
  expect(run.exits(0)).toEqual(['child.exited', 'stop 15 to group 101 and CONT']);
  for (let round = 0; round < 10; round++) expect(run.elapses('group')).toEqual([]);
  expect(run.timers.has('stop-timeout')).toBe(false);
  run.answers.groupAlive = false;
  expect(run.elapses('group')).toEqual(['exit 0']);
});

test('a group that got the stop itself is not asked again', () => {
  const run = scenario({ signalTo: 'group' });
  run.begin();
  run.signal('TERM');
  run.answers.groupAlive = true;
  expect(run.exits(0)).toEqual(['child.exited']);
});

test('auto sends a stop to the group when the child does not catch it', () => {
  const run = scenario({}, { catches: false });
  run.begin();
  run.signal('TERM');
  run.answers.groupAlive = true;
  expect(run.exits(0)).toEqual(['child.exited']);
});

test('a child that exits by itself has its group asked, then killed after the stop timeout', () => {
  const run = scenario({ stopTimeout: 500 });
  run.begin();
  run.answers.groupAlive = true;
  expect(run.exits(4)).toEqual(['child.exited', 'stop 15 to group 101 and CONT']);
  expect(run.elapses('stop-timeout')).toEqual([
    'kill 9 to group 101',
    'child.killed',
    'kill 9 to each of 101',
  ]);
  run.answers.groupAlive = false;
  expect(run.elapses('group')).toEqual(['exit 4']);
});

test('a child that exits by itself and leaves nothing ends rehup at once', () => {
  const run = scenario();
  run.begin();
  expect(run.exits(0)).toEqual(['child.exited', 'exit 0']);
});

test('a child that a signal ended makes rehup exit with 128+n', () => {
  const run = scenario();
  run.begin();
  expect(run.dies('KILL')).toEqual(['child.exited', 'exit 137']);
});

test('a QUIT that the child dies of was a stop', () => {
  const run = scenario();
  run.begin();
  expect(run.signal('QUIT')).toEqual(['stop 3 to auto 101 and CONT', 'stop.requested']);
  expect(run.dies('QUIT')).toEqual(['child.exited', 'exit 131']);
});

test('a QUIT that the child outlives was none, and what changed meanwhile is applied', () => {
  const run = scenario({ stopTimeout: 700 });
  run.begin();
  run.signal('QUIT');
  expect(run.changes('two')).toEqual(['config.changed']);
  expect(run.elapses('quit')).toEqual(['stop.outlived', 'reload.started', 'stop 15 to auto 101 and CONT']);
});

test('a QUIT is a stop without limit where it is the stop signal', () => {
  const run = scenario({ stopSignal: sig('QUIT'), translateStop: true });
  run.begin();
  expect(run.signal('QUIT')).toEqual(['stop 3 to auto 101 and CONT', 'stop.requested']);
  expect(run.planned()).toEqual(['stop-waiting', 'stop-half']);
});

test('a QUIT during a restart, outlived: the stop timeout of the restart is over too', () => {
  const run = scenario({ stopTimeout: 700 });
  run.begin();
  run.changes('two');
  run.signal('QUIT');
  expect(run.timers.has('stop-timeout')).toBe(false);
  run.elapses('quit');
  expect(run.elapses('stop-timeout')).toEqual(['kill 9 to group 101', 'child.killed']);
  expect(run.dies('KILL')).toEqual(['child.exited', 'start', 'child.started', 'reload.applied']);
});

test('a TERM after a QUIT is a stop', () => {
  const run = scenario();
  run.begin();
  run.signal('QUIT');
  expect(run.signal('TERM')).toEqual(['stop 15 to auto 101 and CONT', 'stop.requested']);
  expect(run.timers.has('quit')).toBe(false);
});

test('TERM and INT are sent as the stop signal where one is given, QUIT is not', () => {
  const run = scenario({ stopSignal: sig('USR1'), translateStop: true });
  run.begin();
  expect(run.signal('INT')).toEqual(['stop 10 to auto 101 and CONT', 'stop.requested']);
  expect(run.signal('TERM')).toEqual(['stop 10 to auto 101 and CONT']);
  expect(run.signal('QUIT')).toEqual(['stop 3 to auto 101 and CONT']);
});

test('signals that mean nothing to rehup are forwarded as --signal-to says, job control included', () => {
  const run = scenario({ signalTo: 'group' });
  run.begin();
  expect(run.signal('USR1')).toEqual(['forward 10 to group 101']);
  expect(run.signal('RTMIN+3')).toEqual(['forward 37 to group 101']);
  expect(run.signal('TSTP')).toEqual(['forward 20 to group 101']);
});

test('TSTP stops rehup itself too where it has a terminal and is not PID 1', () => {
  const run = scenario();
  run.send(begin({ pid1: false, terminal: true }));
  expect(run.signal('TSTP')).toEqual(['forward 20 to auto 101', 'suspend self']);
  expect(run.signal('CONT')).toEqual(['forward 18 to auto 101']);
});

test('while no child runs, a signal that is no stop is dropped', () => {
  const run = scenario({}, { looksAnswered: false });
  run.begin();
  expect(run.signal('USR1')).toEqual(['signal.dropped']);
});

test('a first start that fails ends with the code that tells why', () => {
  const codes = { ENOENT: 127, EACCES: 126, ENOEXEC: 126, EAGAIN: 125 };
  for (const [errno, code] of Object.entries(codes)) {
    const run = scenario({}, { startErrno: errno });
    expect(run.begin()).toEqual(['start', 'child.start_failed', `exit ${code}`]);
  }
});

test('a restart that can not start is tried three times, and a stop ends the trying', () => {
  const run = scenario();
  run.begin();
  run.changes('two');
  run.answers.startErrno = 'ENOENT';
  expect(run.exits(0)).toEqual(['child.exited', 'start', 'child.start_failed']);
  expect(run.elapses('start')).toEqual(['start', 'child.start_failed']);
  expect(run.elapses('start')).toEqual([
    'start',
    'child.start_failed',
    'reload.failed',
    ...ALARM,
    'exit 127',
  ]);

  const stopped = scenario();
  stopped.begin();
  stopped.changes('two');
  stopped.answers.startErrno = 'ENOENT';
  stopped.exits(0);
  expect(stopped.signal('TERM')).toEqual(['stop.requested', 'reload.superseded', 'exit 0']);
});

test('without watches rehup is a plain init', () => {
  const run = scenario({ watches: [] });
  expect(run.begin()).toEqual(['start', 'child.started']);
  expect(run.signal('HUP')).toEqual(['forward 1 to auto 101']);
  expect(run.exits(0)).toEqual(['child.exited', 'exit 0']);
});
