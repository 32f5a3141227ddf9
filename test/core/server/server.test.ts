import { describe, expect, test } from 'vitest';
import { fleet, watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';
import { CHECK, supervisor } from '../../support/supervisor.ts';
import {
  answered,
  asks,
  body,
  comes,
  HOST,
  NEAR,
  OK,
  READY,
  type Run,
  says,
  UNAVAILABLE,
  USER,
} from '../../support/visitor.ts';

/** Specification 6, *HTTP*, as sequences of events. */

describe('/readyz', () => {
  test('is 200 while the child runs, and says why it is not', () => {
    const run = supervisor({ onExit: 'restart' });
    expect(answered(run, '/readyz')).toBe(OK);
    run.exits(1);
    expect(answered(run, '/readyz')).toBe(UNAVAILABLE);
    expect(body(run)).toBe('no child runs: waiting\n');
    expect(answered(run, '/livez')).toBe(OK);
  });

  test('is 503 from each start until --ready succeeds, and asks that target at most once a second then', () => {
    const run = supervisor(READY);
    expect(answered(run, '/readyz')).toBe(UNAVAILABLE);
    run.ends({ kind: 'connected' });
    comes(run, 7);
    expect(asks(run, 7, '/readyz')).toEqual(['job 2: tcp://127.0.0.1:80']);
    comes(run, 8);
    expect(asks(run, 8, '/readyz')).toEqual([]);
    expect(run.ends({ kind: 'failed', reason: 'refused (ECONNREFUSED)' })).toEqual([
      `reply 7: HTTP/1.1 ${UNAVAILABLE}`,
      `reply 8: HTTP/1.1 ${UNAVAILABLE}`,
    ]);
    expect(body(run)).toBe('--ready does not succeed: refused (ECONNREFUSED)\n');
    expect(answered(run, '/readyz')).toBe(UNAVAILABLE);
    run.passes(1_000);
    comes(run, 9);
    expect(asks(run, 9, '/readyz')).toEqual(['job 3: tcp://127.0.0.1:80']);
    expect(run.ends({ kind: 'connected' })).toEqual([`reply 9: HTTP/1.1 ${OK}`]);
  });

  test('answers within the time of a kubelet where the target does not', () => {
    const run = supervisor(READY);
    run.ends({ kind: 'connected' });
    comes(run, 1);
    asks(run, 1, '/readyz');
    expect((run.timers.get('ask') ?? 0) - run.now).toBe(800);
    expect(run.elapses('ask')).toEqual(['cancel job 2', `reply 1: HTTP/1.1 ${UNAVAILABLE}`]);
  });

  test('is not changed by a reload that is under way, by signal, nor by one after which it is late', () => {
    const run = supervisor({ ...READY, watches: [watch('/v', 'SIGHUP')], verify: 5_000 });
    run.ends({ kind: 'connected' });
    run.elapses('verify-start');
    run.changes('two');
    comes(run, 1);
    expect(asks(run, 1, '/readyz')).toEqual(['job 2: tcp://127.0.0.1:80']);
    expect(run.ends({ kind: 'connected' })).toEqual([`reply 1: HTTP/1.1 ${OK}`]);
    run.passes(65_000);
    run.elapses('ready');
    comes(run, 2);
    expect(asks(run, 2, '/readyz')).toEqual(['job 3: tcp://127.0.0.1:80']);
  });

  test('is what the child says of its start, and nobody is asked, with --ready notify', () => {
    const run = supervisor({ ready: { kind: 'notify' }, watches: [watch('/v', 'SIGHUP')] });
    expect(answered(run, '/readyz')).toBe(UNAVAILABLE);
    run.says('READY=1\nSTATUS=a <b> of 2');
    expect(answered(run, '/readyz')).toBe(OK);
    run.changes('two');
    run.says('RELOADING=1');
    expect(answered(run, '/readyz')).toBe(OK);
    answered(run, '/status', NEAR);
    expect(JSON.parse(body(run)).child.says).toBe('a <b> of 2');
    answered(run, '/', NEAR);
    expect(body(run)).toContain('It says: <q>a &lt;b&gt; of 2</q>');
  });

  test('is not changed by a rejected or failed reload', () => {
    const run = supervisor(CHECK);
    run.changes('bad');
    run.ran(1);
    expect(answered(run, '/readyz')).toBe(OK);
  });
});

describe('/status and the page', () => {
  test('are for the loopback address and the socket, unless they were opened', () => {
    for (const path of ['/', '/status']) {
      expect(answered(supervisor(), path)).toBe('403 Forbidden');
      expect(answered(supervisor(), path, NEAR)).toBe(OK);
      expect(answered(supervisor(), path, USER)).toBe(OK);
      expect(answered(supervisor({ listenStatus: true }), path)).toBe(OK);
    }
  });
});

test('the page shows the slot of the fleet: none, waited for, held, and kept for content that failed', () => {
  const run = supervisor({ fleet: fleet(), verify: 5_000, onExit: 'restart' });
  const slot = () => {
    answered(run, '/', NEAR);
    return /<p>The slot of the fleet <code>web<\/code> at <code>[^<]*<\/code>: (.*)\.<\/p>/.exec(
      body(run),
    )?.[1];
  };
  expect(slot()).toBe('<b>none</b>');
  run.elapses('verify-start');
  run.replies(200);
  run.changes('two');
  run.replies(423, '{"kind":"full","value":"<web-2>"}');
  expect(slot()).toMatch(/^<b>waiting<\/b> since <time .*<\/time>: &lt;web-2&gt; \(423\)$/);
  run.elapses('fleet');
  run.replies(200);
  expect(slot()).toMatch(/^<b>held<\/b> since /);
  run.exits(3);
  expect(slot()).toMatch(/^<b class="bad">kept<\/b> since /);
});

describe('/status', () => {
  const status = (run: Run) => {
    answered(run, '/status', NEAR);
    return JSON.parse(body(run));
  };
  const at = (ms: number) => new Date(ms).toISOString();

  test('tells what is waited for, since when, and until when', () => {
    const run = supervisor({ settle: 3_000, minInterval: 60_000 });
    run.changes('two');
    run.passes(1_000);
    const { wall } = HOST;
    const asked = { reason: 'settle', since: at(wall - 1_000), until: at(wall + 2_000) };
    expect(status(run).waiting).toEqual(asked);
    run.changes('three');
    expect(status(run).waiting).toEqual({ ...asked, until: at(wall + 3_000) });
    run.elapses('settle');
    run.changes('four');
    run.elapses('settle');
    expect(status(run).waiting).toMatchObject({ reason: 'min-interval', until: at(wall + 57_000) });
    run.elapses('min-interval');
    expect(status(run).waiting).toBe(null);
  });

  test('tells what an old child left behind until it is gone', () => {
    const left = { pid: 7, name: 'left', started: '1', origin: '1' };
    const run = supervisor({ watches: [watch('/v', 'restart')] });
    run.changes('two');
    run.answers.leftovers = [left];
    run.exits(0);
    expect(status(run).leftovers).toEqual(['left 7']);
    run.answers.leftovers = [];
    run.elapses('group');
    expect(status(run)).toMatchObject({ leftovers: [], child: { phase: 'running', starts: { reload: 1 } } });
  });
});

describe('a connection', () => {
  test('that sends nothing is told that it is late, and one that takes no answer is left', () => {
    const run = supervisor();
    comes(run, 1);
    says(run, 1, 'GET / HT');
    expect(run.elapses('visit')).toEqual(['reply 1: HTTP/1.1 408 Request Timeout']);
    expect(run.elapses('visit')).toEqual(['hang up 1']);
    expect(run.timers.has('visit')).toBe(false);
  });

  test('for which there is no room takes that of the oldest that has not sent a request', () => {
    const run = supervisor();
    for (let connection = 1; connection <= 16; connection++)
      run.send({ type: 'accepted', connection, peer: { kind: 'tcp', address: `10.0.0.${connection}` } });
    asks(run, 1, '/livez');
    expect(
      run.send({ type: 'accepted', connection: 17, peer: { kind: 'tcp', address: '10.0.1.1' } }),
    ).toEqual(['hang up 2']);
    expect(asks(run, 17, '/livez')).toEqual([`reply 17: HTTP/1.1 ${OK}`]);
    expect(run.state.server.visits.size).toBe(16);
  });

  test('of an address that has eight takes the place of one of its own', () => {
    const run = supervisor();
    for (let connection = 1; connection <= 8; connection++) comes(run, connection);
    run.send({ type: 'accepted', connection: 9, peer: { kind: 'tcp', address: '10.0.1.1' } });
    expect(comes(run, 10)).toEqual(['hang up 1']);
    expect(run.state.server.visits.size).toBe(9);
  });

  test('takes the place of one that does not take its answer, of the address that has most of them', () => {
    const run = supervisor();
    const from = (connection: number, address: string) => {
      const words = run.send({ type: 'accepted', connection, peer: { kind: 'tcp', address } });
      asks(run, connection, '/livez');
      run.passes(1);
      return words;
    };
    for (let connection = 1; connection <= 8; connection++) from(connection, `10.0.0.${connection}`);
    for (let connection = 9; connection <= 16; connection++) from(connection, '10.0.1.1');
    expect(from(17, '10.0.2.1')).toEqual(['hang up 9']);
    expect(from(18, '10.0.0.1')).toEqual(['hang up 10']);
  });

  test('for which there is no room since all the others wait for an answer is told so', () => {
    const run = supervisor({ verify: 5_000 });
    for (let connection = 1; connection <= 8; connection++) {
      comes(run, connection, USER);
      asks(run, connection, '/reload', 'POST');
    }
    expect(comes(run, 9, USER)).toEqual([`reply 9: HTTP/1.1 ${UNAVAILABLE}`, 'hang up 9']);
    expect(run.state.server.visits.size).toBe(8);
  });

  test('leaves no timer and no state behind', () => {
    const run = supervisor();
    answered(run, '/livez');
    expect(run.state.server.visits.size).toBe(0);
    expect(run.timers.has('visit')).toBe(false);
  });
});

describe('--listen', () => {
  const LISTEN = { watches: [watch('/v', 'SIGHUP')], listen: { host: undefined, port: 9847 } };

  test('comes before the first start, for both families where there are both', () => {
    const run = scenario(LISTEN);
    expect(run.begin()).toEqual(['listen :: 9847']);
    expect(run.send({ type: 'listening', where: '[::]:9847', errno: 'EAFNOSUPPORT' })).toEqual([
      'listen 0.0.0.0 9847',
    ]);
    expect(run.send({ type: 'listening', where: '[0.0.0.0]:9847', errno: undefined })).toEqual([
      'start',
      'child.started',
    ]);
  });

  test('that can not be had is bad usage', () => {
    const run = scenario(LISTEN);
    run.begin();
    expect(run.send({ type: 'listening', where: '[::]:9847', errno: 'EADDRINUSE' })).toEqual([
      expect.stringMatching(/^exit 125: .*9847.*EADDRINUSE/),
    ]);
  });
});
