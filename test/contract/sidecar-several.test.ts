import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { heldCheck } from '../support/held-check.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { PATIENCE } from '../support/rehup.ts';
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

/** Specification 7, `unhealthy` with several main containers: each is restarted once for the same content, whichever is first. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

/** Both have been started. */
async function running(): Promise<Sidecar> {
  const one = await sidecarIn(directory.path);
  for (const name of ['web', 'worker']) expect(await one.get(`/started/${name}`)).toBe(200);
  return one;
}

/** What is kept of whose probe was answered for the new content, or who has started on it. */
async function keeps(what: 'answered' | 'anew', names: readonly string[]): Promise<void> {
  const kept = () => JSON.parse(readFileSync(here('state/rehup-sidecar.json'), 'utf8')).kept[what];
  await expect.poll(kept, { timeout: PATIENCE }).toEqual(names);
}

const livez = ({ get }: Sidecar) => Promise.all([get('/livez/web'), get('/livez/worker')]);

/** The second one starts, and it is over. */
async function isOver(one: Sidecar): Promise<void> {
  expect(await one.get('/started/worker')).toBe(200);
  await one.self.logged('reload.applied');
  expect(await livez(one)).toEqual([200, 200]);
  await stopped(one);
}

test('a change has both restarted, each once, also where the sidecar is killed between the two', async () => {
  const volume = newVolume(directory.path);
  const first = await running();
  volume.write({ key: 'two' });
  await turns(first, '/livez/web', 503);
  await turns(first, '/livez/worker', 503);
  expect(await first.get('/started/web')).toBe(200);
  expect(await livez(first)).toEqual([200, 503]);
  await keeps('anew', ['web']);
  await killed(first);
  const second = await sidecarIn(directory.path);
  await turns(second, '/livez/worker', 503);
  expect(await second.get('/livez/web')).toBe(200);
  await isOver(second);
});

test('a change after the one has started has that one restarted again, and not the other that has read it', async () => {
  const volume = newVolume(directory.path);
  const one = await running();
  volume.write({ key: 'two' });
  await turns(one, '/livez/web', 503);
  expect(await one.get('/started/web')).toBe(200);
  await keepsIn(directory.path, ANSWERED);
  volume.write({ key: 'three' });
  // It was seen.
  await keepsIn(directory.path, NOT_ANSWERED);
  await turns(one, '/livez/worker', 503);
  expect(await one.get('/started/worker')).toBe(200);
  await turns(one, '/livez/web', 503);
  expect(await one.get('/livez/worker')).toBe(200);
  expect(await one.get('/started/web')).toBe(200);
  await one.self.logged('reload.applied', 2);
  expect(await livez(one)).toEqual([200, 200]);
  await stopped(one);
});

test('both starts on what probes were answered for, heard before the first check was over, are all there is to it', async () => {
  const volume = newVolume(directory.path);
  const first = await running();
  volume.write({ key: 'two' });
  await turns(first, '/livez/web', 503);
  await turns(first, '/livez/worker', 503);
  await keepsIn(directory.path, ANSWERED);
  await keeps('answered', ['web', 'worker']);
  await killed(first);
  const check = heldCheck(directory.path);
  const second = await sidecarIn(directory.path, check.words, {}, 'rehup.started');
  await check.begun(1);
  expect(await second.get('/started/web')).toBe(200);
  expect(await second.get('/started/worker')).toBe(200);
  check.pass();
  await second.self.logged('reload.applied');
  expect(await livez(second)).toEqual([200, 200]);
  await stopped(second);
  expect(second.events()).not.toContain('sidecar.unhealthy');
});
