import { describe, expect, test } from 'vitest';
import type { Leftover } from '../../../src/core/process/family.ts';
import { ALARM, begin, sig, volumeReading, watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';

/** What follows when the child exits by itself: specification 1 (`--on-exit`, `--max-restarts`, `--map-exit`) and 2.4. */

const CRASHED = ['child.exited', 'child.back_off'];
const STARTED = ['start', 'child.started'];

describe('--on-exit', () => {
  test('exit: ends with the code of the child', () => {
    const run = scenario();
    run.begin();
    expect(run.exits(3)).toEqual(['child.exited', 'exit 3']);
  });

  test('restart: starts the child again whatever its code, ever later, up to 30 s', () => {
    const run = scenario({ onExit: 'restart', maxRestarts: 8 });
    run.begin();
    const delays = [0, 1, 0, 1, 0, 1, 0].map((code) => {
      run.passes(10_000);
      expect(run.exits(code)).toEqual(CRASHED);
      const delay = (run.timers.get('back-off') ?? 0) - run.now;
      expect(run.elapses('back-off')).toEqual(STARTED);
      return delay;
    });
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  test('restart-on-failure: starts it again only if the code is not 0', () => {
    const run = scenario({ onExit: 'restart-on-failure' });
    run.begin();
    run.passes(10_000);
    expect(run.dies('SEGV')).toEqual(CRASHED);
    run.elapses('back-off');
    run.passes(10_000);
    expect(run.exits(0)).toEqual(['child.exited', 'exit 0']);
  });

  test('--max-restarts: after so many within ten minutes it ends with the code of the child', () => {
    const run = scenario({ onExit: 'restart', maxRestarts: 2 });
    run.begin();
    for (const code of [1, 2]) {
      expect(run.exits(code)).toEqual(CRASHED);
      run.elapses('back-off');
    }
    expect(run.exits(3)).toEqual(['child.exited', 'child.given_up', 'exit 3']);
  });

  test('--max-restarts: what is ten minutes ago does not count, and the wait is short again', () => {
    const run = scenario({ onExit: 'restart', maxRestarts: 1 });
    run.begin();
    for (let crash = 0; crash < 3; crash++) {
      expect(run.exits(1)).toEqual(CRASHED);
      expect((run.timers.get('back-off') ?? 0) - run.now).toBe(1_000);
      run.elapses('back-off');
      run.passes(600_000);
    }
  });

  test('--max-restarts 0: never', () => {
    const run = scenario({ onExit: 'restart', maxRestarts: 0 });
    run.begin();
    expect(run.exits(1)).toEqual(['child.exited', 'child.given_up', 'exit 1']);
  });

  test('a restart waits for the group to be empty', () => {
    const run = scenario({ onExit: 'restart' }, { groupAlive: true });
    run.begin();
    expect(run.exits(1)).toEqual(['child.exited', 'stop 15 to group 101 and CONT']);
    run.answers.groupAlive = false;
    expect(run.elapses('group')).toEqual(['child.back_off']);
    expect(run.planned()).toEqual(['back-off']);
  });
});

describe('while a restart is waited for', () => {
  test('a stop ends rehup with the code of the last child, and nothing is started', () => {
    const run = scenario({ onExit: 'restart' });
    run.begin();
    run.exits(7);
    expect(run.signal('TERM')).toEqual(['stop.requested', 'exit 7']);
  });

  test('any other signal is dropped', () => {
    const run = scenario({ onExit: 'restart' });
    run.begin();
    run.exits(7);
    expect(run.signal('USR1')).toEqual(['signal.dropped']);
  });

  test('a change is told by the start, as one reload', () => {
    const run = scenario({ onExit: 'restart', watches: [watch('/v', 'SIGHUP')] });
    run.begin();
    run.exits(7);
    expect(run.changes('two')).toEqual(['config.changed']);
    expect(run.elapses('back-off')).toEqual(['start', 'reload.started', 'child.started', 'reload.applied']);
    expect(run.send({ type: 'hint' })).toEqual([]);
  });

  test('a change that is found by the look before the start is told by the start as well', () => {
    const run = scenario({ onExit: 'restart', watches: [watch('/v', 'SIGHUP')], settle: 500 });
    run.begin();
    run.exits(7);
    run.answers.readings = [volumeReading('two')];
    const words = run.elapses('back-off');
    expect(words).toContain('reload.applied');
    expect(run.planned()).toEqual([]);
  });

  test('a change that asks for the exit gets it, once the start is verified', () => {
    const run = scenario({ onExit: 'restart', watches: [watch('/v', 'exit')], verify: 5_000 });
    run.begin();
    run.exits(7);
    run.changes('two');
    expect(run.elapses('back-off')).toEqual(STARTED);
    expect(run.elapses('verify-start')).toEqual(['reload.started', 'stop 15 to auto 102 and CONT']);
    expect(run.exits(0)).toEqual(['child.exited', 'reload.applied', 'exit 0']);
  });

  test('a restart of a reload that fails to come up is started again by the policy', () => {
    const run = scenario({ onExit: 'restart', verify: 5_000 });
    run.begin();
    run.elapses('verify-start');
    run.changes('two');
    run.exits(0);
    expect(run.exits(1)).toEqual(['child.exited', 'reload.failed', ...ALARM, 'child.back_off']);
    expect(run.elapses('back-off')).toEqual(STARTED);
  });
});

describe('a child that exits with 0 at once', () => {
  const helper = { pid: 7, name: 'helper', started: '1', origin: '7:1' };
  const early = (world: {
    groupAlive?: boolean;
    leftovers?: readonly Leftover[];
    before?: readonly Leftover[];
  }) => {
    const run = scenario({}, world);
    run.begin();
    run.passes(4_999);
    return run;
  };

  test('and leaves processes in its group or elsewhere went to the background, which is reported once', () => {
    expect(early({ groupAlive: true }).exits(0)).toEqual([
      'child.exited',
      'child.daemonized',
      'stop 15 to group 101 and CONT',
    ]);
    expect(early({ leftovers: [helper] }).exits(0)).toEqual([
      'child.exited',
      'child.daemonized',
      'child.leftovers',
      'stop 15 to each of 7',
      'exit 0',
    ]);
    const run = early({ groupAlive: true });
    run.exits(0);
    expect(run.elapses('group')).toEqual([]);
  });

  test('or leaves nothing, or fails, or ran for a while, did not', () => {
    expect(early({}).exits(0)).toEqual(['child.exited', 'exit 0']);
    expect(early({ leftovers: [helper] }).exits(1)).not.toContain('child.daemonized');
    const run = early({ leftovers: [helper] });
    run.passes(1);
    expect(run.exits(0)).not.toContain('child.daemonized');
  });

  test('is no reason to report a helper that was there before rehup', () => {
    const run = early({ before: [helper], leftovers: [helper] });
    expect(run.exits(0)).toEqual(['child.exited', 'exit 0']);
  });
});

describe('--map-exit', () => {
  const exitMap = new Map([
    [143, 0],
    [3, 4],
  ]);

  test('changes the code of the child, by itself, by a signal and by a stop', () => {
    const alone = scenario({ exitMap });
    alone.begin();
    expect(alone.exits(3)).toEqual(['child.exited', 'exit 4']);
    const stopped = scenario({ exitMap });
    stopped.begin();
    stopped.signal('TERM');
    expect(stopped.dies('TERM')).toEqual(['child.exited', 'exit 0']);
    const other = scenario({ exitMap });
    other.begin();
    expect(other.exits(5)).toEqual(['child.exited', 'exit 5']);
  });

  test('leaves what is no code of a child as it is', () => {
    const run = scenario({ exitMap }, { looksAnswered: false });
    run.begin();
    expect(run.signal('TERM')).toEqual(['stop.requested', 'exit 143']);
  });
});

describe('--rewrite-signal', () => {
  test('to another, which is forwarded in its stead', () => {
    const run = scenario({ rewrites: new Map([[sig('USR1'), sig('USR2')]]) });
    run.begin();
    expect(run.signal('USR1')).toEqual(['forward 12 to auto 101']);
  });

  test('to 0 drops it, a stop too', () => {
    const run = scenario({ rewrites: new Map([[sig('TERM'), 0 as const]]) });
    run.begin();
    expect(run.signal('TERM')).toEqual(['signal.dropped']);
    expect(run.signal('INT')).toEqual(['stop 2 to auto 101 and CONT', 'stop.requested']);
  });

  test('a stop stays a stop, and is sent as what it is rewritten to, before --stop-signal', () => {
    const rewrites = new Map([[sig('TERM'), sig('QUIT')]]);
    const run = scenario({ rewrites, stopSignal: sig('USR2'), translateStop: true });
    run.begin();
    expect(run.signal('TERM')).toEqual(['stop 3 to auto 101 and CONT', 'stop.requested']);
    const plain = scenario({ stopSignal: sig('USR2'), translateStop: true });
    plain.begin();
    expect(plain.signal('TERM')).toEqual(['stop 12 to auto 101 and CONT', 'stop.requested']);
  });

  test('what is rewritten to an action asks for a reload, and what is rewritten from one does not', () => {
    const rewrites = new Map([
      [sig('USR1'), sig('HUP')],
      [sig('HUP'), sig('USR2')],
    ]);
    const run = scenario({ rewrites, watches: [watch('/v', 'SIGHUP')] });
    run.begin();
    expect(run.signal('USR1')).toContain('reload.requested');
    expect(run.signal('HUP')).toEqual(['forward 12 to auto 101']);
  });

  test('a signal that stops a job stops rehup as well, whatever it is rewritten to', () => {
    const run = scenario({ rewrites: new Map([[sig('TSTP'), sig('STOP')]]) });
    run.send(begin({ pid1: false, terminal: true }));
    expect(run.signal('TSTP')).toEqual(['forward 19 to auto 101', 'suspend self']);
  });
});
