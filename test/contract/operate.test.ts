import { chmodSync, existsSync, statSync } from 'node:fs';
import { get } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { asks } from '../support/asks.ts';
import { freePort } from '../support/free-port.ts';
import { listening, url } from '../support/listening.ts';
import { NOBODY, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { IN_TIME, rehup, witness } from '../support/rehup.ts';
import { stopped } from '../support/telling.ts';
import { AT_ONCE, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 6 on the built executable: asked over HTTP and over the control socket. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

/** What a connection answers to these bytes until it is closed. */
function talk(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text;
    });
    socket.on('close', () => resolve(answer)).on('error', reject);
  });
}

/** The status of an answer to a request from another address. */
function statusFrom(localAddress: string, where: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    get(where, { localAddress, timeout: 10_000, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    }).on('error', reject);
  });
}

test('the first line of the log says what this rehup runs on', async () => {
  const volume = writtenVolume(join(directory.path, 'volume'), { a: '0', b: '1' });
  const one = await listening(directory.path, [
    '-w',
    `${volume.path}=HUP`,
    '--check',
    'test -e {dir}',
    '--ready',
    'exec:true',
  ]);
  const [first = ''] = one.run.errors().split('\n');
  expect(JSON.parse(first)).toMatchObject({
    event: 'rehup.started',
    pid1: true,
    watches: [{ path: volume.path, action: 'SIGHUP', kind: 'kubelet volume', mode: 'events', files: 2 }],
    check: `test -e {dir:${volume.path}}`,
    ready: 'exec:true',
    listen: `127.0.0.1:${one.port}`,
  });
  await stopped(one.run);
});

test('--dry-run says the same to people, starts nothing, and ends with 125 where a start would be refused', async () => {
  const volume = writtenVolume(join(directory.path, 'volume'), { a: '0', b: '1' });
  const target = join(directory.path, 'target');
  const words = ['--dry-run', '--stage', `${volume.path}=${target}`, '--', 'touch', target];
  const tried = await asks(words);
  expect(tried).toMatchObject({ code: 0, stderr: '' });
  expect(tried.stdout).toContain(`would start: touch ${target}`);
  expect(tried.stdout).toContain(`  ${volume.path}: kubelet volume on `);
  expect(tried.stdout).toContain(', 2 files, by events; a change: restart (now ');
  expect(existsSync(target)).toBe(false);
  const refused = await asks(['--dry-run', '-w', '/nowhere/at/all', 'true']);
  expect(refused).toMatchObject({ code: 125, stdout: '' });
  expect(refused.stderr).toContain('--watch /nowhere/at/all: not there');
});

test('--drain turns /readyz to 503 before a restart, which a stop does not wait for', async () => {
  const volume = writtenVolume(join(directory.path, 'volume'), { a: '0' });
  const one = await listening(directory.path, ['-w', volume.path, '--drain', IN_TIME]);
  volume.write({ a: '1' });
  await one.run.logged('reload.held');
  const during = await fetch(url(one, '/readyz'));
  expect([during.status, await during.text()]).toEqual([503, 'the child is about to be restarted\n']);
  expect(one.run.output).toHaveLength(1);
  await one.run.said('start', 2);
  await one.run.logged('reload.applied');
  expect((await fetch(url(one, '/readyz'))).status).toBe(200);
  volume.write({ a: '2' });
  await one.run.logged('reload.held', 2);
  await stopped(one.run);
  expect(one.run.log().filter(({ event }) => event === 'child.started')).toHaveLength(2);
});

describe('HTTP', () => {
  test('tells of liveness, readiness, metrics, status and a page', async () => {
    const volume = writtenVolume(join(directory.path, 'volume'), { a: '0' });
    const one = await listening(directory.path, ['-w', volume.path, '--on-change', 'HUP']);
    for (const path of ['/livez', '/readyz']) expect((await fetch(url(one, path))).status).toBe(200);
    volume.write({ a: '1' });
    await one.run.logged('reload.applied');
    const metrics = await fetch(url(one, '/metrics'));
    expect(metrics.headers.get('content-type')).toContain('version=0.0.4');
    expect(await metrics.text()).toMatch(/^rehup_reloads_total\{outcome="applied"\} 1$/m);
    const status = (await (await fetch(url(one, '/status'))).json()) as {
      reloads: object[];
      watches: object[];
    };
    expect(status).toMatchObject({
      version: 1,
      degraded: null,
      child: { phase: 'running', starts: { first: 1 } },
      watches: [
        { path: volume.path, kind: 'kubelet volume', action: 'SIGHUP', mode: 'events', stale: false },
      ],
      reloads: [{ reload: 1, outcome: 'applied', paths: [join(volume.path, 'a')], changed: 1 }],
    });
    const page = await fetch(url(one, '/'));
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await page.text()).toContain(volume.path);
    const head = await fetch(url(one, '/metrics'), { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(1_000);
    await stopped(one.run);
  });

  test('answers what is no request of ours with a status code, and closes', async () => {
    const one = await listening(directory.path);
    for (const [bytes, code] of [
      ['POST /reload HTTP/1.1\r\n\r\n', 405],
      ['GET /nothing HTTP/1.1\r\n\r\n', 404],
      ['GET / HTTP/3.0\r\n\r\n', 505],
      ['\x16\x03\x01\x02\x00\x01\r\n\r\n', 400],
      [`GET / HTTP/1.1\r\nA: ${'x'.repeat(100_000)}`, 431],
      ['GET /livez HTTP/1.1\r\nConnection: keep-alive\r\n\r\nGET /livez HTTP/1.1\r\n\r\n', 200],
    ] as const) {
      const answer = await talk(one.port, bytes);
      expect([bytes.slice(0, 40), answer.split('\r\n')[0]]).toEqual([
        bytes.slice(0, 40),
        expect.stringContaining(`HTTP/1.1 ${code} `),
      ]);
      expect(answer).toContain('Connection: close');
      expect(answer.split('HTTP/1.1')).toHaveLength(2);
    }
    await stopped(one.run);
  });

  test('lets nobody keep a probe out: silent, slow and a thousand connections', async () => {
    const one = await listening(directory.path);
    const sockets: Socket[] = [];
    for (let count = 0; count < 1_000; count++) {
      const socket = connect(one.port, '127.0.0.1').on('error', () => {});
      if (count % 2 === 0) socket.write('GET / HT');
      sockets.push(socket);
    }
    // The kubelet asks from an address of its own.
    for (let count = 0; count < 10; count++)
      expect(await statusFrom('127.0.0.2', url(one, '/livez'))).toBe(200);
    for (const socket of sockets) socket.destroy();
    await stopped(one.run);
  });

  test('that can not be listened on is bad usage, before anything is started', async () => {
    const port = await freePort();
    const other = createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const run = rehup(['--listen', `127.0.0.1:${port}`, ...witness('/dev/null')]);
    expect(await run.ended).toBe(125);
    expect(run.errors()).toMatch(new RegExp(`rehup: .*${port}.*EADDRINUSE`));
    expect(run.output).toEqual([]);
    other.close();
  });
});

describe('the control socket', () => {
  test('is its owner’s alone, and goes with rehup', async () => {
    const one = await listening(directory.path);
    expect(statSync(one.socket).mode & 0o777).toBe(0o600);
    await stopped(one.run);
    expect(existsSync(one.socket)).toBe(false);
  });

  test('tells the status, for people and as JSON', async () => {
    const volume = writtenVolume(join(directory.path, 'volume'), { a: '0' });
    const one = await listening(directory.path, ['-w', volume.path]);
    const people = await asks(['status', '--socket', one.socket]);
    expect(people).toMatchObject({ code: 0, stderr: '' });
    expect(people.stdout).toContain(`${volume.path}  kubelet volume, restart, events`);
    expect(people.stdout).not.toContain('\u001b');
    const json = await asks(['status', '--json', '--socket', one.socket]);
    expect(JSON.parse(json.stdout)).toMatchObject({ version: 1, child: { phase: 'running' } });
    await stopped(one.run);
  });

  test('takes a reload, and its command ends with the outcome', async () => {
    const volume = writtenVolume(join(directory.path, 'volume'), { a: '0' });
    const check = `sh -c '! grep -q bad ${volume.path}/a'`;
    const one = await listening(directory.path, ['-w', volume.path, '--on-change', 'HUP', '--check', check]);
    expect(await asks(['reload', '--socket', one.socket])).toEqual({
      code: 0,
      stdout: 'reload 1 applied\n',
      stderr: '',
    });
    await one.run.said('SIGHUP');
    volume.write({ a: 'bad' });
    await one.run.logged('reload.rejected');
    const again = await asks(['reload', '--socket', one.socket]);
    expect(again).toMatchObject({ code: 1, stderr: '' });
    expect(again.stdout).toMatch(/^reload 3 rejected: the check sh exited with 1\n$/);
    await stopped(one.run);
  });

  test('says where it looked, and that nobody answers', async () => {
    expect(await asks(['status', '--socket', '/nowhere/socket'])).toEqual({
      code: 2,
      stdout: '',
      stderr: 'rehup: nobody answers: /nowhere/socket: ENOENT\n',
    });
    const { code, stderr } = await asks(['status'], ['unshare', '--mount']);
    expect(code).toBe(2);
    // A namespace may have the number of one that is gone, with what was left of it.
    expect(stderr).toMatch(
      /^rehup: (?:no rehup of this container has a socket in \/run, \/tmp, \/dev\/shm; name it with --socket|nobody answers: .*ECONNREFUSED)\n$/,
    );
  });

  test('that an earlier life left is replaced, and one that answers is not', async () => {
    const socket = join(directory.path, 'socket');
    const first = rehup(['--socket', socket, ...AT_ONCE, ...witness('/dev/null')]);
    await first.said('start');
    await first.logged('child.started');
    const second = rehup(['--socket', socket, ...witness('/dev/null')]);
    expect(await second.ended).toBe(125);
    expect(second.errors()).toContain(`--socket ${socket}: can't be made (EADDRINUSE)`);
    await first.dispose();
    expect(existsSync(socket)).toBe(true);
    const third = rehup(['--socket', socket, ...AT_ONCE, ...witness('/dev/null')]);
    await third.said('start');
    await third.logged('child.started');
    expect((await asks(['status', '--socket', socket])).code).toBe(0);
    await stopped(third);
  });

  needing(PID_NAMESPACE, NOBODY)(
    'refuses another user, and a socket of another user is not believed',
    async () => {
      chmodSync(directory.path, 0o755);
      const one = await listening(directory.path);
      chmodSync(one.socket, 0o666);
      const stranger = await asks(['status', '--socket', one.socket], NOBODY.prefix ?? []);
      expect(stranger.code).toBe(2);
      await one.run.logged('socket.refused');
      await stopped(one.run);
    },
  );
});
