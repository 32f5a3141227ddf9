import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect } from 'vitest';
import { type FleetLock, fleetLock } from '../support/fleet-lock.ts';
import { freePort } from '../support/free-port.ts';
import type { Volume } from '../support/kubelet.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { IN_TIME, PATIENCE, type Rehup, rehup } from '../support/rehup.ts';
import { eachWithDirectory, writtenVolume } from '../support/volume.ts';

/**
 * Specification 7, `exit:CODE`, on the built executable. A life ends with the code; what the kubelet then does is played: all
 * containers are new (nothing of the pod is left), or the sidecar alone is (another's process is still there).
 */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

/** In a pod of its own: nothing listens there, though the network is the machine's, so that servers can be asked. */
const HIDDEN = 'for one in tcp tcp6; do mount --bind /dev/null /proc/1/net/$one; done; exec "$@"';
const ALL_NEW = { prefix: [...(PID_NAMESPACE.prefix ?? []), 'sh', '-c', HIDDEN, 'sh'] };

const locks: FleetLock[] = [];
afterEach(async () => {
  await Promise.all(locks.splice(0).map((lock) => lock.stop()));
});

function newVolume(): Volume {
  mkdirSync(here('state'));
  return writtenVolume(here('volume'), { key: 'one' });
}

/** The words of the sidecar; what is said later counts. */
async function wordsOf(...more: readonly string[]): Promise<readonly string[]> {
  const listen = ['--listen', `127.0.0.1:${await freePort()}`];
  const quick = ['--verify', '0', '--poll', '0'];
  return [
    'sidecar',
    '-w',
    here('volume'),
    '--on-change',
    'exit:88',
    '--state',
    here('state'),
    ...listen,
    ...quick,
    ...more,
  ];
}

const events = (self: Rehup) => self.log().map(({ event }) => event);

async function endsWith(self: Rehup, code: number): Promise<void> {
  expect(await self.ended).toBe(code);
  expect(events(self)).not.toContain('rehup.internal_error');
}

async function stopped(self: Rehup): Promise<void> {
  self.signal('SIGTERM');
  await endsWith(self, 0);
}

describe('a change', () => {
  test('ends the sidecar with the code, and the next life says what came of it', async () => {
    const volume = newVolume();
    const words = await wordsOf('--min-interval', '0', '--check', `sh -c 'grep -qv bad {dir}/key'`);
    const first = rehup(words, ALL_NEW);
    await first.logged('sidecar.started');
    volume.write({ key: 'bad' });
    await first.logged('reload.rejected');
    volume.write({ key: 'two' });
    await endsWith(first, 88);
    expect(events(first)).not.toContain('reload.applied');
    const second = rehup(words, ALL_NEW);
    expect(await second.logged('sidecar.resumed')).toMatchObject({ code: 88, paths: [here('volume/key')] });
    expect(await second.logged('reload.applied')).toMatchObject({ action: 'exit:88' });
    await stopped(second);
    // Another end is none for a change.
    const third = rehup(words, ALL_NEW);
    await third.logged('sidecar.started');
    await stopped(third);
    expect(events(third)).not.toContain('sidecar.resumed');
  });

  test('that the application does not serve on is failed, by --ready, and told', async () => {
    const volume = newVolume();
    const ready = ['--ready', `exec:grep -q good ${here('volume/key')}`, '--ready-timeout', IN_TIME];
    const words = await wordsOf('--min-interval', '0', ...ready);
    volume.write({ key: 'good' });
    const first = rehup(words, ALL_NEW);
    await first.logged('sidecar.started');
    volume.write({ key: 'other' });
    await endsWith(first, 88);
    const second = rehup(words, ALL_NEW);
    expect(await second.logged('reload.failed')).toMatchObject({
      reason: expect.stringContaining('--ready'),
    });
    await second.logged('rehup.degraded');
    volume.write({ key: 'good again' });
    await endsWith(second, 88);
    const third = rehup(words, ALL_NEW);
    await third.logged('reload.applied');
    await stopped(third);
  });

  test('soon after another one waits: a minute by default, over both lives', async () => {
    const volume = newVolume();
    const words = await wordsOf();
    const first = rehup(words, ALL_NEW);
    await first.logged('sidecar.started');
    volume.write({ key: 'two' });
    await endsWith(first, 88);
    const second = rehup(words, ALL_NEW);
    await second.logged('reload.applied');
    volume.write({ key: 'three' });
    const held = await second.logged('reload.held');
    expect(held).toMatchObject({ reason: 'min-interval' });
    expect(Number(held['ms'])).toBeGreaterThan(0);
    expect(Number(held['ms'])).toBeLessThanOrEqual(60_000);
    await stopped(second);
  });

  test('turns /readyz to 503 for --drain before it ends', async () => {
    const volume = newVolume();
    const port = await freePort();
    const words = await wordsOf('--min-interval', '0', '--drain', '1h', '--listen', `127.0.0.1:${port}`);
    const self = rehup(words, ALL_NEW);
    await self.logged('sidecar.started');
    const ready = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status;
    await expect.poll(ready, { timeout: PATIENCE }).toBe(200);
    volume.write({ key: 'two' });
    await expect.poll(ready, { timeout: PATIENCE }).toBe(503);
    expect(events(self)).not.toContain('sidecar.ending');
    await stopped(self);
  });
});

describe('where no rule restarts the others', () => {
  /** Three lives in one pod whose other container is never started anew. */
  const LIVES = 'sleep 1000 & for life in 1 2 3; do "$@"; done; kill $!; wait';

  test('it says so, tries once more, says what is missing, and stays', async () => {
    const volume = newVolume();
    const prefix = [...(PID_NAMESPACE.prefix ?? []), 'sh', '-c', LIVES, 'sh'];
    const self = rehup(await wordsOf('--min-interval', '0'), { prefix });
    await self.logged('sidecar.started');
    volume.write({ key: 'two' });
    await self.logged('sidecar.started', 2);
    expect(await self.logged('reload.failed')).toMatchObject({
      reason: expect.stringContaining('it alone was started again'),
    });
    await self.logged('sidecar.started', 3);
    expect(await self.logged('reload.failed', 2)).toMatchObject({
      reason: expect.stringMatching(/is still there.*RestartAllContainers.*values: \[88\]/),
    });
    volume.write({ key: 'three' });
    await self.logged('reload.failed', 3);
    expect(events(self).filter((event) => event === 'sidecar.ending')).toHaveLength(2);
    expect(events(self)).not.toContain('rehup.internal_error');
  });
});

describe('--fleet-lock', () => {
  /** A sidecar of the group `web`, whose application serves content that begins with `good`. */
  async function member(lock: FleetLock, action: string, ...more: readonly string[]) {
    const fleet = ['--fleet-lock', lock.url, '--fleet-group', 'web', '--fleet-id', 'web-1'];
    const ready = ['--ready', `exec:grep -q good ${here('volume/key')}`, '--ready-timeout', IN_TIME];
    return wordsOf('--min-interval', '0', ...fleet, ...ready, '--on-change', action, ...more);
  }

  async function server(): Promise<FleetLock> {
    const lock = await fleetLock('heathcliff26', 1);
    locks.push(lock);
    return lock;
  }

  /** What an earlier life might have held was given back. */
  async function settled(lock: FleetLock, count: number): Promise<void> {
    await lock.until(() => lock.asked.filter(({ what }) => what === 'unlock').length >= count);
  }

  test('the slot is held over the end, given back when the next life is verified, and kept where it failed', async () => {
    const lock = await server();
    const volume = newVolume();
    volume.write({ key: 'good 1' });
    const words = await member(lock, 'exit:88');
    const first = rehup(words, ALL_NEW);
    await settled(lock, 1);
    lock.lock('web-2');
    volume.write({ key: 'good 2' });
    expect(await first.logged('reload.held')).toMatchObject({ reason: 'fleet-lock' });
    lock.unlock('web-2');
    await endsWith(first, 88);
    expect(lock.holders()).toEqual(['web-1']);
    const second = rehup(words, ALL_NEW);
    await second.logged('reload.applied');
    await settled(lock, 2);
    expect(lock.holders()).toEqual([]);
    volume.write({ key: 'bad' });
    await endsWith(second, 88);
    const third = rehup(words, ALL_NEW);
    await third.logged('reload.failed');
    expect(lock.holders()).toEqual(['web-1']);
    // A stop does not give back what failed.
    await stopped(third);
    expect(lock.holders()).toEqual(['web-1']);
    // What changes while it is away is not missed.
    volume.write({ key: 'good 3' });
    const fourth = rehup(words, ALL_NEW);
    await endsWith(fourth, 88);
    expect(lock.holders()).toEqual(['web-1']);
    const fifth = rehup(words, ALL_NEW);
    await fifth.logged('reload.applied');
    await settled(lock, 3);
    expect(lock.holders()).toEqual([]);
    await stopped(fifth);
  });

  test('a webhook is called with a slot, which is given back afterwards; a rejected change asks for none', async () => {
    const lock = await server();
    const volume = newVolume();
    volume.write({ key: 'good 1' });
    const check = ['--check', `sh -c '! grep wrong {dir}/key'`];
    const self = rehup(await member(lock, `http://127.0.0.1:${lock.port}/not-there`, ...check), {
      prefix: [],
    });
    await settled(lock, 1);
    volume.write({ key: 'good but wrong' });
    await self.logged('reload.rejected');
    expect(lock.asked.filter(({ what }) => what === 'lock')).toEqual([]);
    volume.write({ key: 'good 2' });
    await self.logged('fleet.granted');
    await self.logged('reload.failed');
    expect(lock.holders()).toEqual(['web-1']);
    await stopped(self);
  });

  test('a server that does not answer any more holds up no stop', async () => {
    const lock = await server();
    const volume = newVolume();
    volume.write({ key: 'good 1' });
    const self = rehup(await member(lock, 'exit:88', '--drain', '1h'), ALL_NEW);
    await settled(lock, 1);
    volume.write({ key: 'good 2' });
    await self.logged('fleet.granted');
    lock.delay = undefined;
    await stopped(self);
  });
});
