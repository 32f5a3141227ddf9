import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { createContainers } from '../support/containers.ts';
import { CONTAINERS, makeImage, removeImages } from '../support/images.ts';
import { needing } from '../support/needing.ts';
import { disposeAll, REHUP_BIN, STATIC_EXECUTABLE } from '../support/rehup.ts';

/** `rehup probe` as the health check of a container that has another init, or none (specification 7). */

const test = needing(STATIC_EXECUTABLE, CONTAINERS);

const directory = mkdtempSync(join(tmpdir(), 'rehup-probe-'));
const containers = createContainers(join(directory, 'volumes'));
let image = '';

beforeAll(async () => {
  if (CONTAINERS.prefix !== undefined) image = await makeImage('alpine-like', REHUP_BIN);
}, 600_000);

afterAll(async () => {
  await disposeAll();
  if (CONTAINERS.prefix !== undefined) removeImages();
  rmSync(directory, { recursive: true });
});

/** Nothing of it is rehup's but the probe. */
const APPLICATION = 'read -r line < /etc/app/key; echo "start $line"; exec busybox sleep 600';

test.each([
  { state: 'in the memory of the container', more: ['--tmpfs', '/dev/shm'] },
  { state: 'in a directory that outlives it', more: undefined },
])(
  'a container whose health check fails by a change is started again, and healthy then: state $state',
  ({ more }) => {
    const volume = containers.newVolume({ key: 'one' });
    const kept = more ?? [
      '--volume',
      `${containers.newEmptyDirectory()}:/state`,
      '--env',
      'REHUP_STATE=/state',
    ];
    const health = [
      ...['--health-cmd', '/rehup probe -w /etc/app', '--health-interval', 'disable'],
      ...['--health-retries', '1', '--health-on-failure', 'restart', '--stop-timeout', '1'],
      // It ends and goes on: podman would remove it now and then between the two.
      '--rm=false',
    ];
    const { self, name, podman } = containers.run(
      { image, volume: volume.path, more: [...kept, ...health, '--entrypoint', '["/bin/sh"]'] },
      ['-c', APPLICATION],
    );
    const check = () =>
      spawnSync('podman', ['--runtime', 'runc', 'healthcheck', 'run', name], { encoding: 'utf8' }).status;
    return (async () => {
      try {
        await self.said('start one');
        expect([check(), check()]).toEqual([0, 0]);
        volume.write({ key: 'two' });
        // Podman starts it again in the same call, whose code is another where that takes its time.
        expect(check()).not.toBe(0);
        await expect.poll(() => logged(name), { timeout: 60_000 }).toEqual(['start one', 'start two']);
        expect([check(), check()]).toEqual([0, 0]);
      } finally {
        podman('rm', '--force', '--time', '0');
      }
      await self.ended.catch(() => undefined);
    })();
  },
);

/** All lives of a container have one log. */
function logged(name: string): readonly string[] {
  return spawnSync('podman', ['logs', name], { encoding: 'utf8' }).stdout.trim().split('\n');
}
