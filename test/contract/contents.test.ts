import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { createVolume } from '../support/kubelet.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { rehup } from '../support/rehup.ts';
import { AT_ONCE, eachWithDirectory } from '../support/volume.ts';

/** Specification 4 on the built executable: never missed, never twice, vanished is not new, contents stay inside. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

describe('contents', () => {
  test('never appear in any output, at any level, and digests of Secrets are keyed', async () => {
    const shared = mkdtempSync('/dev/shm/rehup-');
    const secret = 'hunter2-hunter2';
    const volume = createVolume(join(shared, 'secret'));
    volume.write({ password: `${secret}-0` });
    const words = ['-w', volume.path, '--on-change', 'HUP', '--log-level', 'trace', ...AT_ONCE];
    const run = rehup([
      ...words,
      'sh',
      '-c',
      'trap "echo SIGHUP" HUP; echo ready; while :; do sleep 0.01; done',
    ]);
    await run.said('ready');
    await run.logged('child.started');
    const { createHash } = await import('node:crypto');
    for (let round = 1; round <= 3; round++) {
      volume.write({ password: `${secret}-${round}` });
      await run.said('SIGHUP', round);
      await run.logged('reload.applied', round);
    }
    const errors = run.errors();
    expect(errors).toContain('password');
    expect(errors).not.toContain(secret);
    for (let round = 0; round <= 3; round++) {
      const hash = createHash('sha256').update(`${secret}-${round}`).digest('hex');
      expect(errors).not.toContain(hash.slice(0, 12));
    }
    await run.dispose();
    // The same content has the same digest on a disk in every process, and another one in memory in each.
    const digestIn = async (path: string) => {
      const own = createVolume(path);
      own.write({ password: 'before' });
      const other = rehup(['-w', path, '--on-change', 'none', ...AT_ONCE, 'sleep', '60']);
      await other.logged('child.started');
      own.write({ password: secret });
      const { digests } = await other.logged('config.changed');
      await other.dispose();
      return Object.values(digests as Readonly<Record<string, string>>).at(-1);
    };
    const onDisk = [await digestIn(join(directory.path, 'one')), await digestIn(join(directory.path, 'two'))];
    const inMemory = [await digestIn(join(shared, 'one')), await digestIn(join(shared, 'two'))];
    expect(onDisk[1]).toBe(onDisk[0]);
    expect(new Set([...onDisk, ...inMemory]).size).toBe(3);
    rmSync(shared, { recursive: true });
  });
});
