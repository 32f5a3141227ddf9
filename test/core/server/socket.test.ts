import { describe, expect, test } from 'vitest';
import { watch } from '../../support/given.ts';
import { CHECK, SIGNAL, supervisor } from '../../support/supervisor.ts';
import { asks, body, comes, OK, READY, type Run, UNAVAILABLE, USER } from '../../support/visitor.ts';

/** Specification 6, *Control socket*, as sequences of events. */

describe('the control socket', () => {
  test('is for the same user and root', () => {
    const run = supervisor();
    expect(comes(run, 1, { kind: 'socket', uid: 1001 })).toEqual(['socket.refused', 'hang up 1']);
    expect(comes(run, 2, { kind: 'socket', uid: 0 })).toEqual([]);
    expect(asks(run, 2, '/status')).toEqual([`reply 2: HTTP/1.1 ${OK}`]);
  });

  test('alone takes POST /reload, which applies what is there and answers with the outcome', () => {
    const run = supervisor({ verify: 5_000 });
    run.elapses('verify-start');
    comes(run, 1);
    expect(asks(run, 1, '/reload', 'POST')).toEqual(['reply 1: HTTP/1.1 405 Method Not Allowed']);
    comes(run, 2, USER);
    expect(asks(run, 2, '/reload', 'POST')).toEqual(['reload.requested', SIGNAL, 'reload.started']);
    expect(run.elapses('verify-reload')).toEqual(['reload.applied', `reply 2: HTTP/1.1 ${OK}`]);
    expect(JSON.parse(body(run))).toEqual({ reload: 1, outcome: 'applied', reason: null });
  });

  test('answers two that ask for the same reload, and who asked in the middle of one with the next', () => {
    const run = supervisor({ verify: 5_000, ...READY });
    run.ends({ kind: 'connected' });
    run.elapses('verify-start');
    run.changes('two');
    comes(run, 1, USER);
    comes(run, 2, USER);
    asks(run, 1, '/reload', 'POST');
    asks(run, 2, '/reload', 'POST');
    run.elapses('verify-reload');
    run.elapses('probe');
    expect(run.ends({ kind: 'connected' })).toEqual(['reload.applied', SIGNAL, 'reload.started']);
    run.elapses('verify-reload');
    run.elapses('probe');
    expect(run.ends({ kind: 'connected' })).toEqual([
      'reload.applied',
      `reply 1: HTTP/1.1 ${OK}`,
      `reply 2: HTTP/1.1 ${OK}`,
    ]);
  });

  test('answers with the last reload where that takes the place of the one that was asked for, which says why', () => {
    const run = supervisor({ verify: 5_000 });
    run.elapses('verify-start');
    const why = () =>
      run.performed.flatMap((effect) =>
        effect.type === 'log' && effect.line.event === 'reload.superseded'
          ? [effect.line.fields['reason']]
          : [],
      );
    comes(run, 1, USER);
    asks(run, 1, '/reload', 'POST');
    comes(run, 2, USER);
    expect(asks(run, 2, '/reload', 'POST')).toContain('reload.superseded');
    expect(why()).toEqual(['the same content is being applied once more']);
    expect(run.changes('two')).toContain('reload.superseded');
    expect(why().at(-1)).toBe('newer content is being applied');
    expect(run.elapses('verify-reload')).toEqual([
      'reload.applied',
      `reply 1: HTTP/1.1 ${OK}`,
      `reply 2: HTTP/1.1 ${OK}`,
    ]);
    expect(JSON.parse(body(run))).toMatchObject({ reload: 3, outcome: 'applied' });
  });

  describe('takes POST /reload in every state, and answers with the outcome of that reload', () => {
    const answers = (run: Run) => run.performed.filter(({ type }) => type === 'reply');
    const asked = (run: Run) => {
      comes(run, 1, USER);
      return asks(run, 1, '/reload', 'POST');
    };
    const outcome = (run: Run) => {
      expect(answers(run)).toHaveLength(1);
      return JSON.parse(body(run));
    };
    const applied = (reload: number) => ({ reload, outcome: 'applied', reason: null });

    for (const [name, change] of [
      ['settling', { settle: 3_000 }],
      ['splaying', { splay: 60_000 }],
    ] as const)
      test(`${name}: at once`, () => {
        const run = supervisor(change);
        run.changes('two');
        expect(asked(run)).toContain(SIGNAL);
        expect(outcome(run)).toEqual(applied(1));
      });

    test('held by --min-interval: at once', () => {
      const run = supervisor({ minInterval: 60_000 });
      run.changes('two');
      run.changes('three');
      asked(run);
      expect(outcome(run)).toEqual(applied(2));
    });

    test('held by a start that is not verified: after it', () => {
      const run = supervisor({ ...READY });
      asked(run);
      expect(answers(run)).toEqual([]);
      expect(run.ends({ kind: 'connected' })).toContain(SIGNAL);
      run.elapses('probe');
      run.ends({ kind: 'connected' });
      expect(outcome(run)).toEqual(applied(1));
    });

    test('checking: after that, by one of its own', () => {
      const run = supervisor(CHECK);
      run.changes('two');
      asked(run);
      run.ran(0);
      expect(answers(run)).toEqual([]);
      run.ran(1);
      expect(outcome(run)).toMatchObject({ reload: 2, outcome: 'rejected' });
    });

    test('verifying: in its place', () => {
      const run = supervisor({ verify: 5_000 });
      run.elapses('verify-start');
      run.changes('two');
      expect(asked(run)).toContain('reload.superseded');
      run.elapses('verify-reload');
      expect(outcome(run)).toEqual(applied(2));
    });

    test('stopping the child: after its start, by a restart of its own', () => {
      const run = supervisor({ watches: [watch('/v', 'restart')] });
      run.changes('two');
      asked(run);
      expect(run.exits(0)).toContain('stop 15 to auto 102 and CONT');
      expect(answers(run)).toEqual([]);
      run.exits(0);
      expect(outcome(run)).toEqual(applied(2));
    });

    test('without a child: once there is one', () => {
      const run = supervisor({ onExit: 'restart' });
      run.exits(1);
      asked(run);
      expect(answers(run)).toEqual([]);
      run.elapses('back-off');
      expect(outcome(run)).toEqual(applied(1));
    });

    test('that ends rehup: when the child has ended', () => {
      const run = supervisor({ watches: [watch('/v', 'exit')] });
      asked(run);
      run.exits(0);
      expect(outcome(run)).toEqual(applied(1));
    });
  });

  test('tries again what was rejected, never without its check', () => {
    const run = supervisor(CHECK);
    run.changes('bad');
    run.ran(1);
    comes(run, 1, USER);
    expect(asks(run, 1, '/reload', 'POST')).toEqual(['reload.requested', expect.stringContaining('check')]);
    expect(run.ran(1)).toContain(`reply 1: HTTP/1.1 ${OK}`);
    expect(JSON.parse(body(run))).toMatchObject({ outcome: 'rejected' });
  });

  test('is told when a stop comes before the reload', () => {
    const run = supervisor({ ...CHECK });
    comes(run, 1, USER);
    asks(run, 1, '/reload', 'POST');
    expect(run.signal('TERM')).toContain(`reply 1: HTTP/1.1 ${UNAVAILABLE}`);
  });
});
