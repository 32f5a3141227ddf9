import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { heldCheck } from '../support/held-check.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { childrenOf, PATIENCE, rehup } from '../support/rehup.ts';
import { httpServer } from '../support/server.ts';
import { ANSWERED, keepsIn, killed, newVolume, sidecarIn, stopped, turns } from '../support/sidecar.ts';
import { eachWithDirectory } from '../support/volume.ts';

/** Specification 7, `unhealthy`, on the built executable; the kubelet's probes and hooks are requests of the test. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const sidecar = (more: readonly string[] = [], options: Parameters<typeof rehup>[1] = {}) =>
  sidecarIn(directory.path, more, options);

describe('a change', () => {
  test('is 503 at /livez until /started, and applied then; what the check rejects is not', async () => {
    const volume = newVolume(directory.path);
    const one = await sidecar(['--check', `sh -c 'grep -qv bad {dir}/key'`]);
    expect(await one.get('/started')).toBe(200);
    expect(await one.get('/livez')).toBe(200);
    volume.write({ key: 'bad' });
    await one.self.logged('reload.rejected');
    expect(await one.get('/livez')).toBe(200);
    volume.write({ key: 'two' });
    await one.self.logged('sidecar.unhealthy');
    expect([await one.get('/livez'), await one.get('/readyz')]).toEqual([503, 503]);
    expect(await one.get('/started')).toBe(200);
    await one.self.logged('reload.applied');
    expect([await one.get('/livez'), await one.get('/readyz')]).toEqual([200, 200]);
    await stopped(one);
  });

  test.each([false, true])(
    'is told though the application was started while the first check ran; it changed by then: %j',
    async (changes) => {
      const volume = newVolume(directory.path);
      const check = heldCheck(directory.path);
      const one = await sidecarIn(directory.path, check.words, {}, 'rehup.started');
      await check.begun(1);
      expect(await one.get('/started')).toBe(200);
      if (changes) {
        volume.write({ key: 'two' });
        await check.begun(2);
      }
      check.pass();
      await one.self.logged('sidecar.started');
      if (!changes) {
        await one.self.logged('sidecar.main_started');
        expect(await one.get('/livez')).toBe(200);
        volume.write({ key: 'two' });
      }
      await one.self.logged('sidecar.unhealthy');
      expect(await one.get('/livez')).toBe(503);
      expect(await one.get('/started')).toBe(200);
      await one.self.logged('reload.applied');
      expect(await one.get('/livez')).toBe(200);
      await stopped(one);
    },
  );

  test('without a hook is stale, and /livez stays 200', async () => {
    const volume = newVolume(directory.path);
    const one = await sidecar();
    volume.write({ key: 'two' });
    expect(await one.self.logged('reload.failed')).toMatchObject({
      reason: expect.stringMatching(/postStart.*\/started/),
    });
    await one.self.logged('watch.stale');
    expect(await one.get('/livez')).toBe(200);
    await stopped(one);
  });

  test('that came while the sidecar was away is told by its next life, once', async () => {
    const volume = newVolume(directory.path);
    const first = await sidecar();
    await first.get('/started');
    await stopped(first);
    volume.write({ key: 'two' });
    const second = await sidecar();
    await turns(second, '/livez', 503);
    await keepsIn(directory.path, ANSWERED);
    // What a 503 was answered for is read by the next start, whoever hears of that.
    await killed(second);
    const third = await sidecar();
    expect(await third.get('/started')).toBe(200);
    await third.self.logged('reload.applied');
    expect(await third.get('/livez')).toBe(200);
    await stopped(third);
    const fourth = await sidecar();
    expect(await fourth.get('/livez')).toBe(200);
    expect(fourth.self.log().map(({ event }) => event)).not.toContain('config.changed');
    await stopped(fourth);
  });

  test('leaves nothing of contents in --state, and nobody else may read what is there', async () => {
    const volume = newVolume(directory.path);
    volume.write({ key: 'a secret that is nowhere' });
    const one = await sidecar();
    await one.get('/started');
    await expect
      .poll(() => readdirSync(here('state')), { timeout: PATIENCE })
      .toEqual(['rehup-sidecar.json']);
    const kept = here('state/rehup-sidecar.json');
    await expect.poll(() => readFileSync(kept, 'utf8'), { timeout: PATIENCE }).toContain('"hooks":[""]');
    expect(statSync(kept).mode & 0o777).toBe(0o600);
    expect(readFileSync(kept, 'utf8')).not.toContain('secret');
    await stopped(one);
  });
});

describe('processes of a shared process namespace', () => {
  /** Another container's application beside the sidecar, started anew when it ends. */
  const POD = 'sleep 1000 & first=$!; "$@" & wait $first; sleep 1000 & wait';

  test('tell of a restart where there is no hook', async () => {
    const volume = newVolume(directory.path);
    const prefix = [...(PID_NAMESPACE.prefix ?? []), 'sh', '-c', POD, 'sh'];
    const one = await sidecar([], { prefix });
    const { self, get } = one;
    expect(await get('/livez')).toBe(200);
    volume.write({ key: 'two' });
    await turns(one, '/livez', 503);
    const nameOf = (pid: number) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    const application = () => childrenOf(self.pid()).find((pid) => nameOf(pid) === 'sleep') ?? 0;
    await expect.poll(application, { timeout: PATIENCE }).toBeGreaterThan(0);
    process.kill(application(), 'SIGKILL');
    await self.logged('sidecar.main_started');
    await self.logged('reload.applied');
    await turns(one, '/livez', 200);
    expect(one.events()).not.toContain('rehup.internal_error');
  });
});

describe('--health', () => {
  test('is what /livez answers: well, not well, refused, hanging', async () => {
    const server = await httpServer(200);
    newVolume(directory.path);
    const one = await sidecar(['--health', `http://127.0.0.1:${server.port}/healthz`]);
    await turns(one, '/livez', 200);
    server.answer = 302;
    // What is expected to be well may be late on a busy machine, and is asked again then.
    await turns(one, '/livez', 200);
    server.answer = 500;
    expect(await one.get('/livez')).toBe(503);
    server.answer = 'close';
    expect(await one.get('/livez')).toBe(503);
    server.answer = 'hang';
    const began = Date.now();
    expect(await one.get('/livez')).toBe(503);
    // It was really waited for, and then answered all the same.
    expect(Date.now() - began).toBeGreaterThanOrEqual(750);
    server.answer = 200;
    await turns(one, '/livez', 200);
    expect(server.requests[0]).toMatch(/^GET \/healthz /);
    // Why it was not well is in the log, once, since the kubelet does not tell.
    const [failed] = one.self.log().filter(({ event }) => event === 'sidecar.health_failed');
    expect(failed).toMatchObject({
      level: 'warn',
      reason: expect.stringMatching(/^answered 500$|^no answer/),
    });
    await one.self.logged('sidecar.health_recovered');
    await stopped(one);
  });

  test('of a port that nobody listens on is 503, and one that answers slowly is waited for as long as --health-timeout says', async () => {
    newVolume(directory.path);
    const refused = await sidecar(['--health', `tcp://127.0.0.1:${await freePort()}`]);
    expect(await refused.get('/livez')).toBe(503);
    await stopped(refused);
    const slow = createServer((_, response) => void setTimeout(() => response.end('well'), 1_500));
    servers.push(slow);
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const { port } = slow.address() as AddressInfo;
    const patient = await sidecar(['--health', `http://127.0.0.1:${port}/`, '--health-timeout', '50s']);
    expect(await patient.get('/livez')).toBe(200);
    await stopped(patient);
  });
});

test.each([
  [['--health', 'exec:app'], '--health exec:app: not a health check that can be asked from here'],
  [
    ['--health', 'https://127.0.0.1/'],
    "--health https://127.0.0.1/: TLS is not rehup's job; use http:// to a port of the same pod",
  ],
  [['--health-timeout', '0'], '--health-timeout 0'],
])('bad usage is one line: %j', async (words, line) => {
  const self = rehup(['sidecar', '-w', '/etc', '--on-change', 'unhealthy', ...words], { prefix: [] });
  expect(await self.ended).toBe(125);
  expect(self.plain()).toEqual([expect.stringContaining(line)]);
  // A command can't be asked from here.
  expect(self.plain().join()).not.toContain('exec: with');
});
