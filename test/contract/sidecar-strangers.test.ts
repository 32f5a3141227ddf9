import { readFileSync } from 'node:fs';
import process from 'node:process';
import { expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { childrenOf, IN_TIME, PATIENCE } from '../support/rehup.ts';
import { keepsIn, killed, newVolume, type Sidecar, sidecarIn, stopped, turns } from '../support/sidecar.ts';
import { eachWithDirectory } from '../support/volume.ts';

/**
 * Specification 7: the port is open to the pod's network, and the worst that a stranger can do there is to delay one change until
 * the next. What it makes up is the name of a main container that does not exist; what is only slow must not be lost for that.
 */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

const SOON = ['--ready-timeout', '1s'];

async function thrice(one: Sidecar, path: string): Promise<void> {
  for (const _ of [1, 2, 3]) await turns(one, path, 503);
}

/** A change that nobody else holds up. */
async function isTold(one: Sidecar, applied: number): Promise<void> {
  await turns(one, '/livez', 503);
  expect(await one.get('/started')).toBe(200);
  await one.self.logged('reload.applied', applied);
  await turns(one, '/livez', 200);
}

test('a name that was made up holds up one change, which the application has all the same', async () => {
  const volume = newVolume(directory.path);
  const one = await sidecarIn(directory.path, ['--ready-timeout', IN_TIME]);
  expect(await one.get('/started')).toBe(200);
  expect(await one.get('/started/made-up')).toBe(200);
  volume.write({ key: 'two' });
  await turns(one, '/livez', 503);
  expect(await one.get('/started')).toBe(200);
  expect(await one.get('/livez')).toBe(200);
  const { path } = await one.self.logged('sidecar.main_overdue');
  expect(path).toBe('/livez/made-up');
  await one.self.logged('reload.applied');
  volume.write({ key: 'three' });
  await isTold(one, 2);
  await stopped(one);
  // Each time, as it may be there all the same.
  expect(one.events().filter((event) => event === 'sidecar.main_overdue')).toHaveLength(2);
  expect(one.events()).not.toContain('reload.failed');
});

test('nor is it waited for where the application starts after its time is over', async () => {
  const volume = newVolume(directory.path);
  const one = await sidecarIn(directory.path, SOON);
  expect(await one.get('/started')).toBe(200);
  expect(await one.get('/started/made-up')).toBe(200);
  volume.write({ key: 'two' });
  await thrice(one, '/livez');
  await one.self.logged('reload.failed');
  expect(await one.get('/started')).toBe(200);
  await one.self.logged('rehup.recovered');
  volume.write({ key: 'three' });
  await isTold(one, 1);
  await stopped(one);
});

test('who makes up its probe too has one change told as failed, and nobody is kept from newer content', async () => {
  const volume = newVolume(directory.path);
  const one = await sidecarIn(directory.path, SOON);
  expect(await one.get('/started')).toBe(200);
  expect(await one.get('/started/made-up')).toBe(200);
  volume.write({ key: 'two' });
  await turns(one, '/livez', 503);
  await thrice(one, '/livez/made-up');
  expect(await one.get('/started')).toBe(200);
  // It changes while that is waited for, too.
  volume.write({ key: 'three' });
  await one.self.logged('reload.failed');
  await isTold(one, 1);
  await one.self.logged('rehup.recovered');
  volume.write({ key: 'four' });
  await isTold(one, 2);
  await stopped(one);
});

test('forty names that were made up are no place taken from the application that starts after them', async () => {
  const volume = newVolume(directory.path);
  const one = await sidecarIn(directory.path, SOON);
  for (let number = 0; number < 40; number++) expect(await one.get(`/started/made-up-${number}`)).toBe(200);
  expect(await one.get('/started')).toBe(200);
  volume.write({ key: 'two' });
  await isTold(one, 1);
  await stopped(one);
});

test('a container whose probe is slow is restarted when it asks, also where the sidecar was killed meanwhile', async () => {
  const volume = newVolume(directory.path);
  const first = await sidecarIn(directory.path, SOON);
  for (const name of ['web', 'slow']) expect(await first.get(`/started/${name}`)).toBe(200);
  volume.write({ key: 'two' });
  await turns(first, '/livez/web', 503);
  expect(await first.get('/started/web')).toBe(200);
  await first.self.logged('reload.applied');
  await keepsIn(directory.path, /"overdue":\["slow"\]/);
  await killed(first);
  const second = await sidecarIn(directory.path, SOON);
  await turns(second, '/livez/slow', 503);
  expect(await second.get('/livez/web')).toBe(200);
  await keepsIn(directory.path, /"answered":\[[^\]]*"slow"/);
  await killed(second);
  const third = await sidecarIn(directory.path, SOON);
  expect(await third.get('/started/slow')).toBe(200);
  await keepsIn(directory.path, /"overdue":\[\]/);
  expect(await third.get('/livez/slow')).toBe(200);
  expect(await third.get('/livez/web')).toBe(200);
  // From now on it is waited for as before.
  volume.write({ key: 'three' });
  for (const name of ['web', 'slow']) {
    await turns(third, `/livez/${name}`, 503);
    expect(await third.get(`/started/${name}`)).toBe(200);
  }
  await third.self.logged('reload.applied');
  await stopped(third);
});

test('processes of a shared process namespace tell of a start, though somebody has made up a hook', async () => {
  const volume = newVolume(directory.path);
  const pod = 'sleep 1000 & first=$!; "$@" & wait $first; sleep 1000 & wait';
  const prefix = [...(PID_NAMESPACE.prefix ?? []), 'sh', '-c', pod, 'sh'];
  const one = await sidecarIn(directory.path, SOON, { prefix });
  expect(await one.get('/started/made-up')).toBe(200);
  volume.write({ key: 'two' });
  await turns(one, '/livez', 503);
  const nameOf = (pid: number) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  const application = () => childrenOf(one.self.pid()).find((pid) => nameOf(pid) === 'sleep') ?? 0;
  await expect.poll(application, { timeout: PATIENCE }).toBeGreaterThan(0);
  process.kill(application(), 'SIGKILL');
  await one.self.logged('sidecar.main_started');
  await one.self.logged('reload.applied');
  await turns(one, '/livez', 200);
  expect(one.events()).not.toContain('rehup.internal_error');
});
