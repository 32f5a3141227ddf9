import { expect } from 'vitest';
import { heldCheck } from '../support/held-check.ts';
import type { Volume } from '../support/kubelet.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import {
  ANSWERED,
  keepsIn,
  killed,
  NOT_ANSWERED,
  newVolume,
  type Sidecar,
  sidecarIn,
  stopped,
  turns,
} from '../support/sidecar.ts';
import { eachWithDirectory } from '../support/volume.ts';

/**
 * Specification 7: what the application has read outlives each sidecar, also one that is killed before its first check is over,
 * and what a sidecar can't know, the next one does not take for known. The property test of the core found each of these.
 */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

const life = (more: readonly string[] = [], until?: string) => sidecarIn(directory.path, more, {}, until);

/** A life whose first check is under way. */
async function checking(): Promise<Sidecar> {
  const check = heldCheck(directory.path);
  const one = await life(check.words, 'rehup.started');
  await check.begun(1);
  return one;
}

/** A life that knows of a hook, and ends as it should. */
async function usual(): Promise<void> {
  const one = await life();
  await one.get('/started');
  await stopped(one);
}

const keeps = (is: RegExp) => keepsIn(directory.path, is);

/** A life that was killed when it had answered a probe for new content. */
async function answered(volume: Volume): Promise<void> {
  const one = await life();
  await one.get('/started');
  volume.write({ key: 'two' });
  await turns(one, '/livez', 503);
  await keeps(ANSWERED);
  await killed(one);
}

/** It has the application restarted, once. */
async function restarts(one: Sidecar): Promise<void> {
  await turns(one, '/livez', 503);
  expect(await one.get('/started')).toBe(200);
  await one.self.logged('reload.applied');
  expect(await one.get('/livez')).toBe(200);
  await stopped(one);
}

test('a start on what a probe was answered for, heard before the first check was over', async () => {
  const volume = newVolume(directory.path);
  await answered(volume);
  const second = await checking();
  expect(await second.get('/started')).toBe(200);
  await keeps(NOT_ANSWERED);
  await killed(second);
  const third = await life();
  expect(await third.get('/livez')).toBe(200);
  expect(third.events()).not.toContain('config.changed');
  await stopped(third);
});

test('a start soon after a change and back that nobody saw, heard before the first check was over', async () => {
  const volume = newVolume(directory.path);
  await usual();
  volume.write({ key: 'two' });
  volume.write({ key: 'one' });
  const second = await checking();
  expect(await second.get('/started')).toBe(200);
  await keeps(/"told":\{"[^"]*":""\}/);
  await killed(second);
  await restarts(await life());
});

test('a start soon after a change and back that nobody saw, heard by the life after the next', async () => {
  const volume = newVolume(directory.path);
  await usual();
  volume.write({ key: 'two' });
  volume.write({ key: 'one' });
  await killed(await life());
  const third = await life();
  expect(await third.get('/started')).toBe(200);
  await third.self.logged('sidecar.start_ignored');
  await restarts(third);
});

test('a start after a change and back since a probe was answered', async () => {
  const volume = newVolume(directory.path);
  await answered(volume);
  volume.write({ key: 'three' });
  volume.write({ key: 'two' });
  const second = await life();
  expect(await second.get('/started')).toBe(200);
  await second.self.logged('sidecar.start_ignored');
  await restarts(second);
});

test('a start that is not told yet, and may have read what changed while the first check ran', async () => {
  const volume = newVolume(directory.path);
  const check = heldCheck(directory.path);
  const one = await life(check.words, 'rehup.started');
  await check.begun(1);
  volume.write({ key: 'two' });
  await check.begun(2);
  check.pass();
  await one.self.logged('sidecar.started');
  await killed(one);
  const second = await life();
  expect(await second.get('/started')).toBe(200);
  await restarts(second);
});
