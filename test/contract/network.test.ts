import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { PATIENCE, rehup, witness } from '../support/rehup.ts';
import { httpServer } from '../support/server.ts';
import { AT_ONCE, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** What docs/security.md promises of the network: nothing is listened on, and a call leaves nothing open. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

/** The sockets that a process holds beyond what it was given; a listener is one, of whatever kind. */
function socketsOf(pid: number): readonly string[] {
  const own = readdirSync(`/proc/${pid}/fd`).filter((descriptor) => Number(descriptor) > 2);
  return own.flatMap((descriptor) => {
    try {
      const target = readlinkSync(`/proc/${pid}/fd/${descriptor}`);
      return target.startsWith('socket:') ? [target] : [];
    } catch {
      // Closed since.
      return [];
    }
  });
}

test('rehup holds no socket but its control socket, before and after it has called the application', async () => {
  const server = await httpServer(200);
  expect(socketsOf(process.pid)).not.toEqual([]);
  const volume = writtenVolume(join(directory.path, 'volume'), { key: 'old' });
  const address = `127.0.0.1:${server.port}`;
  const actions = ['--on-change', `http://${address}/reload`, '--ready', `tcp://${address}`];
  const run = rehup(['-w', volume.path, ...actions, ...AT_ONCE, ...witness(join(volume.path, 'key'))]);
  await run.said('start');
  await expect.poll(() => socketsOf(run.pid()), { timeout: PATIENCE }).toHaveLength(1);
  volume.write({ key: 'new' });
  await run.logged('reload.applied');
  await expect.poll(() => socketsOf(run.pid()), { timeout: PATIENCE }).toHaveLength(1);
});
