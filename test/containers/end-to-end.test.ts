import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { type Container, createContainers } from '../support/containers.ts';
import { CONTAINERS, makeImage, removeImages } from '../support/images.ts';
import type { Volume } from '../support/kubelet.ts';
import { needing } from '../support/needing.ts';
import { childrenOf, disposeAll, PATIENCE, REHUP_BIN, STATIC_EXECUTABLE } from '../support/rehup.ts';
import { AT_ONCE } from '../support/volume.ts';

/** What happens to a container from outside, and between containers. */

const test = needing(STATIC_EXECUTABLE, CONTAINERS);

const directory = mkdtempSync(join(tmpdir(), 'rehup-end-to-end-'));
const directories = [directory];
const containers = createContainers(join(directory, 'volumes'));
let image = '';

beforeAll(async () => {
  // With a shell, as the application's image has one.
  if (CONTAINERS.prefix !== undefined) image = await makeImage('alpine-like', REHUP_BIN);
}, 600_000);

afterAll(async () => {
  await disposeAll();
  if (CONTAINERS.prefix !== undefined) removeImages();
  for (const one of directories) rmSync(one, { recursive: true });
});

function run(words: readonly string[], more: readonly string[] = []): Container {
  const volume = containers.newVolume({ key: 'one' }).path;
  return containers.run({ image, volume, memory: '16m', more }, words);
}

const TELLER = ['/teller', '/etc/app/key', '3'];

/** Reads nothing but zeros, and keeps them. */
const GREEDY = 'echo begin; exec busybox tail /dev/zero';

test('a child that is killed for its memory is started again, and rehup lives', async () => {
  const { self, podman } = run(['--on-exit', 'restart', 'sh', '-c', GREEDY], ['--memory-swap', '16m']);
  await self.said('begin', 2);
  expect(await self.logged('child.exited')).toMatchObject({ signal: 'SIGKILL', asked: false });
  podman('stop');
  await self.ended;
});

test('without that the container ends with 137, as the kubelet expects of it', async () => {
  const { self } = run(['sh', '-c', GREEDY], ['--memory-swap', '16m']);
  expect(await self.ended).toBe(137);
});

test('a stop lets the application finish in its time, and ends with its code', async () => {
  const slow = 'trap "sleep 1; echo finished; exit 7" TERM; echo ready; while :; do sleep 0.1; done';
  const { self, podman } = run(['sh', '-c', slow]);
  await self.said('ready');
  podman('stop', '--time', '30');
  expect(await self.ended).toBe(7);
  await self.said('finished');
});

test('an application that does not stop is killed by the runtime, at its time and not by rehup', async () => {
  const { self, podman } = run([
    'sh',
    '-c',
    'trap "echo heard" TERM; echo ready; while :; do sleep 0.1; done',
  ]);
  await self.said('ready');
  podman('stop', '--time', '2');
  expect(await self.ended).toBe(137);
  expect(self.output).toEqual(['ready', 'heard']);
  expect(self.log().map(({ event }) => event)).not.toContain('child.killed');
});

test('orphans of exec sessions are reaped, and the application is none of them', async () => {
  const { self, exec, podman, pid } = run(TELLER);
  await self.said('start');
  await self.logged('child.started');
  for (let session = 0; session < 5; session++) {
    // The session ends first, so its children are rehup's.
    exec('sh', '-c', 'for orphan in 1 2 3; do (sleep 0.3 &) done');
  }
  await expect.poll(() => childrenOf(pid()), { timeout: PATIENCE }).toHaveLength(1);
  podman('stop');
  expect(await self.ended).toBe(3);
});

test('content that the check rejects leaves the application as it is, and better content is told', async () => {
  const volume = containers.newVolume({ key: 'good 1' });
  const check = ['--check', 'busybox grep -q ^good {dir}/key'];
  const words = ['-w', '/etc/app', '--on-change', 'HUP', ...AT_ONCE, ...check, ...TELLER];
  const { self, podman } = containers.run({ image, volume: volume.path }, words);
  await self.said('start');
  await self.logged('child.started');
  volume.write({ key: 'bad 2' });
  expect(await self.logged('reload.rejected')).toMatchObject({ reason: 'the check busybox exited with 1' });
  await self.logged('rehup.degraded');
  volume.write({ key: 'good 3' });
  await self.said('1 ');
  await self.logged('rehup.recovered');
  podman('stop');
  expect(await self.ended).toBe(3);
  expect(self.output).toEqual(['descriptors', 'start good 1', '1 good 3', '15 good 3']);
});

/**
 * Reads the stage at its start, tells what it read, and dies of what begins with `bad`. It says itself that it serves: however
 * slow this machine is, that is not taken for good.
 */
const PICKY = `read -r line < /live/key; echo "start $line"; case $line in bad*) exit 7;; esac
  trap 'exit 0' TERM; echo >&3; while :; do sleep 0.1; done`;

test.each([
  { volumes: 'a ConfigMap in an emptyDir', parent: tmpdir() },
  { volumes: 'a Secret in an emptyDir of memory', parent: '/dev/shm' },
])(
  'what the application dies of is rolled back, and the next container comes up on the good one: $volumes',
  async ({ parent }) => {
    const own = mkdtempSync(join(parent, 'rehup-staged-'));
    directories.push(own);
    const { newVolume, newEmptyDirectory, run: start } = createContainers(join(own, 'volumes'));
    const volume = newVolume({ key: 'good 1' });
    const more = ['--volume', `${newEmptyDirectory()}:/live`];
    const words = ['--stage', '/etc/app=/live', '--ready', 'notify-fd:3', ...AT_ONCE, 'sh', '-c', PICKY];
    const first = start({ image, volume: volume.path, more }, words);
    await first.self.said('start good 1');
    volume.write({ key: 'bad 2' });
    expect(await first.self.logged('reload.rolled_back')).toMatchObject({
      reason: 'the child exited with 7',
    });
    first.podman('stop');
    expect(await first.self.ended).toBe(0);
    expect(first.self.output).toEqual(['start good 1', 'start bad 2', 'start good 1']);

    const second = start({ image, volume: volume.path, more }, words);
    await second.self.logged('rehup.degraded');
    volume.write({ key: 'good 3' });
    await second.self.logged('rehup.recovered');
    second.podman('stop');
    expect(await second.self.ended).toBe(0);
    // What failed in an earlier life is not tried again (specification 5, stage).
    expect(second.self.output).toEqual(['start good 1', 'start good 3']);
  },
);

/** On one machine; a container takes podman a second of two cores. */
const SIDE_BY_SIDE = process.env['REHUP_SOAK'] === '1' ? 50 : 6;

test(`${SIDE_BY_SIDE} containers side by side are each told of their own change`, async () => {
  const all: (Container & { readonly volume: Volume })[] = [];
  while (all.length < SIDE_BY_SIDE) {
    // As many at once as podman starts within the patience of the tests.
    const some = Array.from({ length: Math.min(5, SIDE_BY_SIDE - all.length) }, () => {
      const volume = containers.newVolume({ key: 'one' });
      const words = ['-w', '/etc/app', '--on-change', 'HUP', ...AT_ONCE, ...TELLER];
      return { volume, ...containers.run({ image, volume: volume.path }, words) };
    });
    await Promise.all(some.map(({ self }) => self.said('start')));
    await Promise.all(some.map(({ self }) => self.logged('child.started')));
    all.push(...some);
  }
  for (const [index, { volume }] of all.entries()) volume.write({ key: `two ${index}` });
  await Promise.all(all.map(({ self }, index) => self.said(`1 two ${index}`)));
  for (const { podman } of all) podman('kill', '--signal', 'TERM');
  expect(await Promise.all(all.map(({ self }) => self.ended))).toEqual(all.map(() => 3));
  for (const { self } of all) expect(self.output.filter((line) => line.startsWith('1 '))).toHaveLength(1);
}, 600_000);
