import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';
import { ROOT } from '../../scripts/build/product.ts';
import { asking, LOW_PORT, unbound } from '../support/dns.ts';
import { createVolume } from '../support/kubelet.ts';
import { type Capability, PID_NAMESPACE, UNBOUND } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { disposeAll, rehup, witness } from '../support/rehup.ts';
import { httpServer } from '../support/server.ts';
import { AT_ONCE, ends } from '../support/volume.ts';

/** The executable for arm64, as far as qemu's emulation of Linux goes: its own code runs emulated, its children do not. */

const FILE = join(ROOT, 'dist/rehup-arm64');

const EMULATED: Capability = {
  prefix:
    existsSync(FILE) && spawnSync('qemu-aarch64-static', [FILE, '--version']).status === 0
      ? [...(PID_NAMESPACE.prefix ?? []), 'qemu-aarch64-static']
      : undefined,
  remedy: 'dist/rehup-arm64 and an emulator (apt-get install -y gcc-aarch64-linux-gnu qemu-user-static)',
};

const test = needing(EMULATED);

const directory = mkdtempSync(join(tmpdir(), 'rehup-arm64-'));

afterAll(async () => {
  await disposeAll();
  rmSync(directory, { recursive: true });
});

const run = (words: readonly string[]) => rehup(words, { prefix: EMULATED.prefix ?? [], executable: FILE });

describe('on arm64', () => {
  test('exit codes are those of anywhere', async () => {
    expect(await run(['sh', '-c', 'exit 7']).ended).toBe(7);
    expect(await run(['sh', '-c', 'kill -9 $$']).ended).toBe(137);
    expect(await run(['/nothing']).ended).toBe(127);
    expect(await run(['/etc/passwd']).ended).toBe(126);
    expect(await run(['--settle', '5x', 'true']).ended).toBe(125);
  });

  test('signals are forwarded, changes are told, and a stop ends it', async () => {
    const path = join(directory, 'volume');
    const volume = createVolume(path);
    volume.write({ key: 'one' });
    const options = ['-w', path, '--on-change', 'SIGHUP', '--min-interval', '0'];
    const self = run([...options, ...witness(join(path, 'key'), 'exit=5')]);
    await self.said('start');
    await self.logged('child.started');
    self.signal('SIGUSR1');
    await self.said('SIGUSR1');
    for (const content of ['two', 'three']) {
      volume.write({ key: content });
      await self.said(`SIGHUP ${content}`);
    }
    self.signal('SIGTERM');
    expect(await self.ended).toBe(5);
  });

  test('a change restarts the child, too', async () => {
    const path = join(directory, 'other');
    const volume = createVolume(path);
    volume.write({ key: 'one' });
    const self = run(['-w', path, '--min-interval', '0', '--verify', '0', ...witness(join(path, 'key'))]);
    await self.said('start');
    await self.logged('child.started');
    volume.write({ key: 'two' });
    expect(await self.said('start', 2)).toMatch(/ two$/);
    self.signal('SIGTERM');
    expect(await self.ended).toBe(0);
  });
});

needing(
  EMULATED,
  UNBOUND,
  LOW_PORT,
)('on arm64 a name is found by DNS, in an image that is for another C library', async () => {
  const server = await httpServer(200);
  const dns = await unbound(join(directory, 'unbound'), ['lock.svc.test. A 127.0.0.1']);
  const path = join(directory, 'named');
  const volume = createVolume(path);
  volume.write({ key: 'one' });
  const prefix = [...asking(join(directory, 'etc'), dns), 'qemu-aarch64-static'];
  const words = ['-w', path, '--on-change', `http://lock:${server.port}/`, ...AT_ONCE];
  const self = rehup([...words, ...witness('/dev/null')], { prefix, executable: FILE });
  await self.said('start');
  volume.write({ key: 'two' });
  await self.logged('reload.applied');
  expect(server.requests).toHaveLength(1);
  await ends(self);
});
