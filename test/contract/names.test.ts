import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { asking, filled, LOW_PORT, relay, unbound } from '../support/dns.ts';
import { PID_NAMESPACE, UNBOUND } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { type Rehup, rehup, witness } from '../support/rehup.ts';
import { httpServer } from '../support/server.ts';
import { AT_ONCE, eachWithDirectory, ends, writtenVolume } from '../support/volume.ts';

/** Specification 5.2: a HOST in an address may be a name that DNS knows, here by a real server of DNS. */

const test = needing(PID_NAMESPACE, UNBOUND, LOW_PORT);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

/** So many addresses that no answer by UDP holds them. */
const MANY = Array.from({ length: 1_000 }, (_, index) => `127.1.${index >> 8}.${index & 255}`);

const RECORDS = [
  'lock.svc.test. A 127.0.0.1',
  'lock6.svc.test. AAAA ::1',
  'listed.svc.test. A 127.0.0.9',
  ...MANY.map((address) => `many.svc.test. A ${address}`),
];

/** rehup, which tells each change to this address; the volume, and whom it asks. */
async function telling(url: string, server: string, options: readonly string[] = []) {
  const volume = writtenVolume(here('volume'), { k: '1' });
  const words = ['-w', volume.path, '--on-change', url, ...AT_ONCE, ...options];
  const prefix = asking(here('etc'), server);
  const run = rehup([...words, ...witness('/dev/null')], { prefix });
  await run.said('start');
  return { run, volume };
}

/** Why a reload failed. */
async function reason(run: Rehup): Promise<string> {
  return String((await run.logged('reload.failed'))['reason']);
}

describe('a name', () => {
  for (const [host, address] of [
    ['lock', '127.0.0.1'],
    ['lock.svc.test', '127.0.0.1'],
    ['LOCK.svc.test.', '127.0.0.1'],
    ['lock6', '::1'],
    ['listed', '127.0.0.1'],
  ] as const) {
    test(`is found: ${host}`, async () => {
      const dns = await unbound(here('unbound'), RECORDS);
      const server = await httpServer(200, address);
      const { run, volume } = await telling(`http://${host}:${server.port}/`, dns);
      volume.write({ k: '2' });
      await run.logged('reload.applied');
      expect(server.requests[0]).toContain(`Host: ${host}:${server.port}`);
      await ends(run);
    });
  }

  test('that has a thousand addresses is found by those that an answer holds that is cut off', async () => {
    const dns = await unbound(here('unbound'), RECORDS);
    const cutting = await relay(dns, (answer, send) => send(filled(answer, MANY)));
    const server = await httpServer(200, '0.0.0.0');
    const { run, volume } = await telling(`http://many:${server.port}/`, cutting);
    volume.write({ k: '2' });
    await run.logged('reload.applied');
    await ends(run);
  });

  test('that nobody knows is a failed try that says so', async () => {
    const dns = await unbound(here('unbound'), RECORDS);
    const { run, volume } = await telling('http://nobody:1/', dns);
    volume.write({ k: '2' });
    expect(await reason(run)).toMatch(/nobody is not in \/etc\/hosts, and DNS knows no such name \(E\w+\)/);
    await ends(run);
  });

  test('is found by who answers late, after an answer to somebody else', async () => {
    const dns = await unbound(here('unbound'), RECORDS);
    const slow = await relay(dns, (answer, send) => {
      const other = Buffer.from(answer);
      other.writeUInt16BE(answer.readUInt16BE(0) ^ 1, 0);
      send(other);
      setTimeout(() => send(answer), 300);
    });
    const server = await httpServer(200);
    const { run, volume } = await telling(`http://lock:${server.port}/`, slow);
    volume.write({ k: '2' });
    await run.logged('reload.applied');
    await ends(run);
  });

  test('whose server is silent holds nothing up, and is looked up anew by the next try', async () => {
    const dns = await unbound(here('unbound'), RECORDS);
    let silent = true;
    let asked = (): void => {};
    const whenAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const dead = await relay(dns, (answer, send) => {
      asked();
      if (!silent) send(answer);
    });
    const server = await httpServer(200);
    const { run, volume } = await telling(`http://lock:${server.port}/`, dead);
    volume.write({ k: '2' });
    await whenAsked;
    run.signal('SIGUSR1');
    await run.said('SIGUSR1');
    expect(run.log().map(({ event }) => event)).not.toContain('reload.failed');
    expect(await reason(run)).toMatch(/DNS does not answer \(E\w+\)/);
    silent = false;
    await run.logged('reload.applied');
    await ends(run);
  });

  test('that is being looked up is left at a stop', async () => {
    const dns = await unbound(here('unbound'), RECORDS);
    let asked = (): void => {};
    const whenAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const dead = await relay(dns, () => asked());
    const { run, volume } = await telling('http://lock:1/', dead);
    volume.write({ k: '2' });
    await whenAsked;
    run.signal('SIGTERM');
    expect(await run.ended).toBe(0);
    expect(run.log().map(({ event }) => event)).not.toContain('reload.failed');
  });
});
