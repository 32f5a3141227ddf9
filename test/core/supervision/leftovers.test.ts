import { expect, test } from 'vitest';
import { begin, sig } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';

/** Specification 2.4, 2.5 and 3: what a child leaves, what a stop waits for, and what rehup may not signal. */

const backend = { pid: 7, name: 'postgres', started: '1', origin: '7:1' };
const ASKED = ['child.leftovers', 'stop 15 to each of 7'];

function restarting(change: Parameters<typeof scenario>[0] = {}, world: Parameters<typeof scenario>[1] = {}) {
  const run = scenario({ stopTimeout: 4_000, ...change }, world);
  run.begin();
  run.changes('two');
  return run;
}

test('what left the group is asked to stop and waited for before the next child is started', () => {
  const run = restarting({}, { leftovers: [backend] });
  expect(run.exits(0)).toEqual(['child.exited', ...ASKED]);
  expect(run.elapses('group')).toEqual([]);
  run.answers.leftovers = [];
  expect(run.elapses('group')).toEqual(['start', 'child.started', 'reload.applied']);
});

test('and is killed after the stop timeout', () => {
  const run = restarting({}, { leftovers: [backend] });
  run.exits(0);
  expect(run.elapses('stop-timeout')).toEqual(['kill 9 to group 101', 'child.killed', 'kill 9 to each of 7']);
  run.answers.leftovers = [];
  expect(run.elapses('group')).toContain('start');
});

test('one that comes to light when the child itself was killed has a stop timeout of its own', () => {
  const run = restarting({}, { leftovers: [backend] });
  expect(run.elapses('stop-timeout')).toEqual(['kill 9 to group 101', 'child.killed']);
  const at = run.now;
  expect(run.dies('KILL')).toEqual(['child.exited', ...ASKED]);
  expect(run.timers.get('stop-timeout')).toBe(at + 4_000);
  expect(run.elapses('stop-timeout')).toContain('kill 9 to each of 7');
});

test('what may not be signalled is named and not waited for', () => {
  const run = restarting({}, { leftovers: [backend], refused: [backend] });
  expect(run.exits(0)).toEqual(['child.exited', ...ASKED, 'child.leftovers']);
  expect(run.elapses('group')).toEqual(['start', 'child.started', 'reload.applied']);
});

test('at the end of rehup itself it is sent the stop signal once, and not waited for', () => {
  const run = scenario({}, { leftovers: [backend] });
  run.begin();
  run.signal('TERM');
  expect(run.exits(3)).toEqual(['child.exited', ...ASKED, 'exit 3']);
});

test('what was there before rehup, and what entered from outside, is left alone', () => {
  const entered = { pid: 8, name: 'sleep', started: '2', origin: '9:1' };
  const run = scenario({}, { before: [backend, { ...entered, pid: 9, started: '1' }] });
  run.begin();
  run.changes('two');
  run.answers.leftovers = [backend, entered];
  expect(run.exits(0)).toEqual(['child.exited', 'start', 'child.started', 'reload.applied']);
});

test('nor is what had the process group of rehup, where that is none of the PID namespace, and left it later', () => {
  const run = scenario();
  const family = { members: [backend], leftovers: [], strangers: [] };
  run.begin();
  run.send({ type: 'group', pid: 0, why: 'before', family, ignoring: [] });
  run.changes('two');
  run.answers.leftovers = [backend];
  expect(run.exits(0)).toEqual(['child.exited', 'start', 'child.started', 'reload.applied']);
});

test('a restart that may not signal the child fails, the child runs on, and later stops are tried', () => {
  const run = restarting({}, { signalErrno: 'EPERM' });
  expect(run.state.child.phase).toBe('running');
  expect(run.planned()).toEqual([]);
  const failing = run.changes('three');
  expect(failing).toContain('reload.failed');
  expect(failing).toContain('signal.failed');
  expect(failing).not.toContain('child.killed');
  expect(run.state.configuration.degraded).toMatch(/SIGTERM: EPERM/);
  run.answers.signalErrno = undefined;
  expect(run.signal('TERM')).toEqual(['stop 15 to auto 101 and CONT', 'stop.requested']);
});

test('with --ready the child that could not be stopped is asked anew whether it serves', () => {
  const endpoint = { host: '127.0.0.1', port: 80, text: 'tcp://127.0.0.1:80' };
  const run = scenario({ ready: { kind: 'tcp', endpoint } });
  run.begin();
  run.ends({ kind: 'connected' });
  run.answers.signalErrno = 'EPERM';
  expect(run.changes('two')).toContain('reload.failed');
  expect(run.jobs).toHaveLength(1);
});

test('what a stop waits for longer than a second is named, once', () => {
  const run = scenario({}, { groupAlive: true });
  run.begin();
  run.signal('TERM');
  expect(run.elapses('stop-waiting')).toEqual(['stop.waiting']);
  const [line] = run.performed.filter(
    (effect) => effect.type === 'log' && effect.line.event === 'stop.waiting',
  );
  expect(line).toMatchObject({ line: { fields: { processes: ['member 101'] } } });
  run.exits(0);
  expect(run.timers.has('stop-waiting')).toBe(false);
});

test('who ignores a stop signal other than TERM is sent that when half of the stop timeout is over', () => {
  const job = { pid: 9, name: 'sleep', started: '3' };
  const run = scenario(
    { stopSignal: sig('QUIT'), translateStop: true, stopTimeout: 4_000 },
    { groupAlive: true, ignoring: [job] },
  );
  run.begin();
  run.signal('TERM');
  expect(run.dies('QUIT')).toEqual(['child.exited', 'stop 3 to group 101 and CONT']);
  run.elapses('stop-waiting');
  expect(run.now).toBe(1_000);
  expect(run.elapses('stop-half')).toEqual(['stop.ignored', 'stop 15 to each of 9']);
  expect(run.now).toBe(2_000);
});

test('with TERM as the stop signal there is nothing to be helped along', () => {
  const run = scenario();
  run.begin();
  run.signal('TERM');
  expect(run.timers.has('stop-half')).toBe(false);
});

test('a child that its terminal stops takes rehup with it, or goes on where nobody would make it', () => {
  const run = scenario();
  run.send(begin({ terminal: true }));
  const stopped = (name: string) => run.send({ type: 'child-stopped', signal: sig(name) });
  expect(stopped('TSTP')).toEqual(['suspend group or go on']);
  // Whoever reads from a terminal that is not its own would be stopped again at once.
  expect(stopped('TTIN')).toEqual(['suspend group']);
  expect(stopped('STOP')).toEqual(['suspend group']);
});

test('a child that was stopped by a signal through rehup stays so until a CONT', () => {
  const run = scenario();
  run.send(begin({ terminal: true }));
  run.signal('TSTP');
  expect(run.send({ type: 'child-stopped', signal: sig('TSTP') })).toEqual([]);
  run.signal('CONT');
  expect(run.send({ type: 'child-stopped', signal: sig('TSTP') })).toEqual(['suspend group or go on']);
});

test('without a terminal a stopped child is nobody’s business', () => {
  const run = scenario();
  run.begin();
  expect(run.send({ type: 'child-stopped', signal: sig('TSTP') })).toEqual([]);
});
