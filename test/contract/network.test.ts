import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { ONE_PORT, PID_NAMESPACE, PYTHON } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { PATIENCE, rehup, witness } from '../support/rehup.ts';
import { httpServer } from '../support/server.ts';
import { AT_ONCE, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** What docs/security.md promises of the network: nothing is listened on, and a call leaves nothing open, nor meets itself. */

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

const ALONE = needing(ONE_PORT, PYTHON);

for (const host of ['127.0.0.1', '[::1]']) {
  ALONE(`a port on which nobody listens is not ready by the kernel’s choice of it: ${host}`, async () => {
    const listens = join(directory.path, 'listens');
    // Without SO_REUSEADDR: what is left of a connection would keep the port from it (tcp(7), TIME_WAIT).
    const application = `import os, socket, time
while not os.path.exists('${listens}'): time.sleep(0.01)
made = socket.socket(socket.${host === '[::1]' ? 'AF_INET6' : 'AF_INET'})
made.bind(('${host.replace(/[[\]]/g, '')}', 40000))
made.listen()
print('listens', flush=True)
time.sleep(1000)`;
    const words = [
      '--ready',
      `tcp://${host}:40000`,
      '--ready-timeout',
      '500ms',
      'python3',
      '-c',
      application,
    ];
    const run = rehup(words, { prefix: ONE_PORT.prefix ?? [] });
    await run.logged('start.unready');
    writeFileSync(listens, '');
    await run.said('listens');
  });
}
