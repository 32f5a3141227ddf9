import { expect, test } from 'vitest';
import { ALARM, act, watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';

const NOTIFY = { kind: 'notify' } as const;

const HANGS_UP = {
  watches: [watch('/v', 'SIGHUP')],
  onChange: act('SIGHUP'),
  ready: NOTIFY,
  readyTimeout: 60_000,
  verify: 5_000,
};

/** A child that was started and has said that it serves, so that its start is verified. */
function serving(change: Parameters<typeof scenario>[0] = {}) {
  const run = scenario({ ...HANGS_UP, ...change });
  run.begin();
  run.passes(100);
  run.says('READY=1\nSTATUS=up');
  if (run.planned().includes('verify-start')) run.elapses('verify-start');
  return run;
}

/** The clock of events as a sender has it. */
function stamp(run: ReturnType<typeof scenario>, offset = 0): string {
  return `MONOTONIC_USEC=${Math.ceil((run.now + offset) * 1_000)}`;
}

test('a start is verified by READY=1 and the verify time together', () => {
  const run = scenario(HANGS_UP);
  run.begin();
  expect(run.jobs).toEqual([]);
  expect(run.planned().sort()).toEqual(['ready', 'verify-start']);
  run.elapses('verify-start');
  expect(run.state.child).toMatchObject({ verified: false });
  run.says('READY=1');
  expect(run.state.child).toMatchObject({ verified: true });
  expect(run.planned()).toEqual([]);
});

test('a start of which nothing is said within --ready-timeout is told as what it is', () => {
  const run = scenario(HANGS_UP);
  run.begin();
  run.elapses('verify-start');
  run.says('STATUS=loading', 'READY=0', 'STOPPING=0');
  expect(run.elapses('ready')).toEqual(['start.unready', ...ALARM]);
  expect(run.performed.map((effect) => (effect.type === 'log' ? effect.line.message : ''))).toContainEqual(
    expect.stringContaining('--ready notify: no READY=1 came within 60000 ms'),
  );
  // What comes later makes it one that serves, and undoes no verdict.
  expect(run.says('READY=1')).toEqual([]);
  expect(run.state.readiness.phase).toBe('ready');
});

test('a reload is applied exactly when READY=1 follows RELOADING=1, however long that takes', () => {
  const run = serving();
  run.changes('two');
  run.says(`RELOADING=1\n${stamp(run)}`);
  expect(run.elapses('verify-reload')).toEqual([]);
  expect(run.planned()).toEqual(['ready']);
  run.passes(30_000);
  expect(run.says('READY=1')).toEqual(['reload.applied']);
  expect(run.planned()).toEqual([]);
});

test('both within the verify time: applied when that is over', () => {
  const run = serving();
  run.changes('two');
  run.says('RELOADING=1', 'READY=1');
  expect(run.planned()).toEqual(['verify-reload']);
  expect(run.elapses('verify-reload')).toEqual(['reload.applied']);
});

test('both in one message are a reload that is over', () => {
  const run = serving();
  run.changes('two');
  run.says('READY=1\nRELOADING=1');
  expect(run.elapses('verify-reload')).toEqual(['reload.applied']);
});

test('without a RELOADING=1 the verify time is the verdict, and a READY=1 that comes alone says nothing', () => {
  const run = serving();
  run.changes('two');
  run.says('READY=1', 'STATUS=busy');
  expect(run.state.readiness.phase).toBe('waiting');
  run.elapses('probe');
  expect(run.elapses('verify-reload')).toEqual(['reload.applied']);
  // One that comes too late holds up nothing.
  run.says('RELOADING=1');
  expect(run.changes('three')).toContain('reload.started');
});

test('a RELOADING=1 from before the signal is about another reload', () => {
  const run = serving();
  run.passes(1_000);
  run.changes('two');
  run.says(`RELOADING=1\n${stamp(run, -1)}`);
  expect(run.state.readiness.phase).toBe('waiting');
  run.says(`RELOADING=1\n${stamp(run)}`);
  expect(run.state.readiness.phase).toBe('listening');
});

test('READY=1 of a reload that was under way before the signal is not about this one', () => {
  const run = serving();
  run.says('RELOADING=1');
  run.changes('two');
  run.says('READY=1');
  expect(run.state.readiness.phase).toBe('waiting');
  run.says('RELOADING=1', 'READY=1');
  expect(run.elapses('verify-reload')).toEqual(['reload.applied']);
});

test('a child that does not come back from its reload fails it', () => {
  const run = serving();
  run.changes('two');
  run.says('RELOADING=1');
  run.elapses('verify-reload');
  expect(run.elapses('ready')).toEqual(['reload.failed', ...ALARM]);
});

test('staged, such a reload is rolled back, and the old content told in the same way', () => {
  const run = serving({ stages: [{ source: '/v', target: '/t' }] });
  run.changes('two');
  run.says('RELOADING=1');
  run.elapses('verify-reload');
  expect(run.elapses('ready')).toEqual([
    'reload.rolling_back',
    'publish',
    `reload ${1} to child 101 if caught`,
    'reload.started',
  ]);
  run.says('RELOADING=1', 'READY=1');
  expect(run.elapses('verify-reload')).toContain('reload.rolled_back');
});

test('what is said while the actions are under way counts: a command may end after the reload that it led to', () => {
  const run = serving({ watches: [watch('/v', 'exec:app reload')], onChange: act('exec:app reload') });
  run.changes('two');
  run.says('RELOADING=1', 'READY=1');
  run.ran(0);
  expect(run.planned()).toEqual(['verify-reload']);
  expect(run.elapses('verify-reload')).toEqual(['reload.applied']);
});

test('a later action of the same reload does not undo that one is under way', () => {
  const run = serving({
    watches: [watch('/v', 'SIGHUP'), watch('/w', 'exec:app more')],
  });
  run.answers.signalsAnswered = false;
  run.changes('two');
  run.says('RELOADING=1');
  run.send({
    type: 'signalled',
    signal: 1,
    purpose: 'reload',
    outcome: { kind: 'sent', to: 'child', handled: { handling: 'caught', program: 'app' } },
  });
  run.ran(0);
  expect(run.state.readiness).toMatchObject({ phase: 'listening', after: 'reload' });
  run.says('READY=1');
  expect(run.elapses('verify-reload')).toEqual(['reload.applied']);
});

test('EXTEND_TIMEOUT_USEC moves the limit, never to an earlier time, and at most an hour at once', () => {
  const run = scenario(HANGS_UP);
  run.begin();
  const limit = () => (run.timers.get('ready') ?? 0) - run.now;
  run.says('EXTEND_TIMEOUT_USEC=1000000');
  expect(limit()).toBe(60_000);
  run.passes(50_000);
  run.says('EXTEND_TIMEOUT_USEC=30000000');
  expect(limit()).toBe(30_000);
  run.says('EXTEND_TIMEOUT_USEC=18446744073709551615');
  expect(limit()).toBe(3_600_000);
  run.says('READY=1');
  expect(run.planned()).toEqual(['verify-start']);
});

test('more time that is asked for before a reload is told of is kept', () => {
  const run = serving({ watches: [watch('/v', 'exec:app reload')], onChange: act('exec:app reload') });
  run.changes('two');
  run.says('RELOADING=1\nEXTEND_TIMEOUT_USEC=300000000');
  run.ran(0);
  expect((run.timers.get('ready') ?? 0) - run.now).toBe(300_000);
});

test('status and stopping are kept until the next start, and told at debug when they change', () => {
  const run = serving();
  run.says('STATUS=1 of 2\nSTOPPING=1', 'STATUS=1 of 2\nSTOPPING=1');
  expect(run.state.announced).toMatchObject({ status: '1 of 2', stopping: true });
  const events = run.performed.flatMap((effect) =>
    effect.type === 'log' && effect.line.level === 'debug' ? [effect.line.event] : [],
  );
  expect(events.filter((event) => event.startsWith('notify.'))).toEqual([
    'notify.status',
    'notify.ready',
    'notify.status',
    'notify.stopping',
  ]);
  run.answers.catches = false;
  run.changes('two');
  run.exits(0);
  expect(run.state.announced).toMatchObject({ status: undefined, stopping: false });
  expect(run.state.readiness).toMatchObject({ phase: 'listening', after: 'start' });
});

test('strangers are warned of once for each start', () => {
  const run = serving();
  const strange = { type: 'messages', messages: [], strangers: 3, more: false } as const;
  expect(run.send(strange)).toEqual(['notify.ignored']);
  expect(run.send(strange)).toEqual([]);
});

test('the last words of a child that has ended are nothing to be warned of', () => {
  const run = scenario({ ...HANGS_UP, onExit: 'restart' });
  run.begin();
  run.exits(1);
  expect(run.send({ type: 'messages', messages: [], strangers: 1, more: false })).toEqual([]);
});

test('what is said is taken when it comes, and after a pause where there may be more', () => {
  const run = serving();
  expect(run.send({ type: 'notified' })).toEqual(['hear']);
  run.send({ type: 'messages', messages: [], strangers: 0, more: true });
  expect(run.planned()).toEqual(['notify']);
  expect(run.elapses('notify')).toEqual(['hear']);
});

test('a stop ends what is waited for', () => {
  const run = scenario(HANGS_UP);
  run.begin();
  run.signal('TERM');
  expect(run.planned()).toEqual(['stop-waiting']);
  expect(run.says('READY=1', 'RELOADING=1')).toEqual([]);
});

test('on a descriptor a newline is the verdict of a start, and the channel is closed', () => {
  const run = scenario({ ...HANGS_UP, ready: { kind: 'notify-fd', descriptor: 3 } });
  run.begin();
  run.elapses('verify-start');
  expect(run.says('READY=1')).toEqual([]);
  expect(run.says('up', 'and running\n')).toEqual(['close-notify']);
  expect(run.state.child).toMatchObject({ verified: true });
  run.changes('two');
  run.elapses('probe');
  expect(run.elapses('verify-reload')).toEqual(['reload.applied']);
});

test('a descriptor on which no newline comes is a start that is not ready', () => {
  const run = scenario({ ...HANGS_UP, ready: { kind: 'notify-fd', descriptor: 3 } });
  run.begin();
  run.elapses('verify-start');
  run.says('no newline');
  expect(run.elapses('ready')).toEqual(['start.unready', ...ALARM]);
});

test('where no channel can be made at the start of all, that is bad usage; later it is a start that is tried again', () => {
  const run = scenario(HANGS_UP, { startsAnswered: false });
  run.begin();
  expect(run.send({ type: 'spawn-failed', errno: 'EPERM', channel: true })).toEqual([
    'exit 125: --ready notify: no Unix datagram socket can be made here: EPERM; allow it (seccomp), or use another --ready',
  ]);
  const later = serving();
  later.answers.startsAnswered = false;
  later.answers.catches = false;
  later.changes('two');
  later.exits(0);
  expect(later.send({ type: 'spawn-failed', errno: 'EMFILE', channel: true })).toEqual([
    'child.start_failed',
  ]);
  expect(later.planned()).toContain('start');
});
