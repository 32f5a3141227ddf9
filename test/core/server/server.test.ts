import { describe, expect, test } from 'vitest';
import { watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';
import { CHECK, SIGNAL, supervisor } from '../../support/supervisor.ts';

/** Specification 6, *HTTP*, as sequences of events. */

type Run = ReturnType<typeof supervisor>;

const HOST = { wall: 1_000_000, reaped: 3, dropped: 4 };
const FAR = { kind: 'tcp', address: '10.0.0.9' } as const;
const NEAR = { kind: 'tcp', address: '127.0.0.1' } as const;
const USER = { kind: 'socket', uid: 1000 } as const;

const comes = (
  run: Run,
  connection: number,
  peer: typeof FAR | typeof NEAR | typeof USER | { kind: 'socket'; uid: number } = FAR,
) => run.send({ type: 'accepted', connection, peer });
const says = (run: Run, connection: number, bytes: string) =>
  run.send({ type: 'received', connection, bytes, host: HOST });
const asks = (run: Run, connection: number, path: string, method = 'GET') =>
  says(run, connection, `${method} ${path} HTTP/1.1\r\n\r\n`);

/** The body of the last reply. */
function body(run: Run): string {
  const reply = run.performed.findLast((effect) => effect.type === 'reply');
  return reply?.type === 'reply' ? (reply.bytes.split('\r\n\r\n')[1] ?? '') : '';
}

function answered(run: Run, path: string, peer: typeof FAR | typeof NEAR | typeof USER = FAR): string {
  comes(run, 1, peer);
  const [line = ''] = asks(run, 1, path);
  run.send({ type: 'hung-up', connection: 1 });
  return line.replace('reply 1: HTTP/1.1 ', '');
}

const OK = '200 OK';
const UNAVAILABLE = '503 Service Unavailable';
const READY = {
  ready: { kind: 'tcp', endpoint: { host: '127.0.0.1', port: 80, text: 'tcp://127.0.0.1:80' } },
} as const;

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

  test('leaves no timer and no state behind', () => {
    const run = supervisor();
    answered(run, '/livez');
    expect(run.state.server.visits.size).toBe(0);
    expect(run.timers.has('visit')).toBe(false);
  });
});

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
