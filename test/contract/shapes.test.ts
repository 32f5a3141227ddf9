import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect } from 'vitest';
import { digestOf, seenDigests } from '../support/digests.ts';
import { createVolume, type Payload, WRITE_ORDERS } from '../support/kubelet.ts';
import { amongMountsOf, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { type Rehup, rehup, witness } from '../support/rehup.ts';
import {
  AT_ONCE,
  AT_ONCE_PLAIN,
  count,
  eachWithDirectory,
  ends,
  followed,
  writtenVolume,
} from '../support/volume.ts';

/** Specification 4.1, 4.5, 4.6 and 4.7 on the built executable: whatever may lie below a watch. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const others: ChildProcess[] = [];

afterEach(() => {
  for (const other of others.splice(0)) other.kill('SIGKILL');
});

const volumePath = () => join(directory.path, 'volume');

/** Kubelet volumes as they come: what is there, another state of it, and a key that tells which it is. */
const VOLUMES: Readonly<Record<string, readonly [from: Payload, to: Payload, key: string]>> = {
  'a ConfigMap': [{ 'app.conf': 'one', '.env': 'A=1' }, { 'app.conf': 'two', '.env': 'A=1' }, 'app.conf'],
  'projected sources': [
    { 'cm/app.conf': 'one', 'secret/key': 's', labels: 'a="1"' },
    { 'cm/app.conf': 'two', 'secret/key': 's', labels: 'a="1"' },
    'cm/app.conf',
  ],
  'the downward API': [{ labels: 'one', annotations: '' }, { labels: 'two', annotations: '' }, 'labels'],
  'nested paths': [{ 'a/b/c/d': 'one' }, { 'a/b/c/d': 'two' }, 'a/b/c/d'],
  binaryData: [
    { blob: Uint8Array.of(0, 255, 10, 13), k: 'one' },
    { blob: Uint8Array.of(0, 255, 10, 14), k: 'two' },
    'k',
  ],
  '1 MiB': [{ big: 'x'.repeat(2 ** 20 - 1), k: 'one' }, { big: 'x'.repeat(2 ** 20), k: 'two' }, 'k'],
  '64 KiB and one byte more': [sized(65_535, 'one'), sized(65_536, 'two'), 'k'],
  'names that take more than 4 KiB': [longNamed('one'), longNamed('two'), 'k'],
  'a thousand keys': [thousand('one'), thousand('two'), 'k7'],
};

/** So many bytes in two files. */
function sized(bytes: number, text: string): Payload {
  return { big: 'x'.repeat(bytes - text.length), k: text };
}

function longNamed(text: string): Payload {
  const others = Array.from({ length: 20 }, (_, index) => [`${'k'.repeat(240)}${index}`, 'x']);
  return { ...Object.fromEntries(others), k: text };
}

function thousand(text: string): Payload {
  return Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`k${index}`, text]));
}

describe('a volume of', () => {
  for (const [what, [from, to, key]] of Object.entries(VOLUMES)) {
    for (const memory of [false, true]) {
      test(`${what}, ${memory ? 'in memory, as a Secret' : 'on a disk'}, whole and by one file`, async () => {
        const shared = mkdtempSync('/dev/shm/rehup-');
        const path = memory ? join(shared, 'volume') : volumePath();
        const volume = writtenVolume(path, from);
        const file = join(path, key);
        const runs = [await followed(path, file), await followed(file, file)];
        for (const run of runs) await run.logged('child.started');
        volume.rewrite(from);
        volume.write(to);
        for (const run of runs) {
          await run.said('SIGHUP two');
          await ends(run);
          expect(count(run, 'SIGHUP')).toBe(1);
        }
        rmSync(shared, { recursive: true });
      });
    }
  }

  for (const order of WRITE_ORDERS) {
    test(`a key more and a key less (${order}) is one reload`, async () => {
      const volume = writtenVolume(volumePath(), { a: '0', old: 'x' }, { order });
      const run = await followed(volume.path, join(volume.path, 'a'));
      await run.logged('child.started');
      volume.write({ a: '1', added: 'y' });
      await run.said('SIGHUP 1');
      await ends(run);
      if (order !== 'copier') expect(count(run, 'SIGHUP')).toBe(1);
    });
  }
});

describe('a volume of the Secrets Store CSI driver, on a tmpfs of its own', () => {
  /** Rehup and its child among mounts of their own, the first of them a tmpfs at the volume's path. */
  function onTmpfs(words: readonly string[]): Rehup {
    mkdirSync(volumePath());
    const script = 'mount -t tmpfs none "$1" && shift && exec "$@"';
    return rehup(words, {
      prefix: [...(PID_NAMESPACE.prefix ?? []), 'sh', '-c', script, 'sh', volumePath()],
    });
  }

  /** A volume as that driver writes it, where the mounts of a process lead to. */
  function writeAmong(run: Rehup) {
    const volume = createVolume(`/proc/${run.pid()}/root${volumePath()}`, { order: 'links-first' });
    return (payload: Payload) => volume.write(payload);
  }

  test('is no change while it is written anew as it was, one reload when it is not, and told by keyed digests', async () => {
    const run = onTmpfs([
      '-w',
      volumePath(),
      '--on-change',
      'HUP',
      ...AT_ONCE,
      ...witness(join(volumePath(), 'a')),
    ]);
    await run.said('start');
    await run.logged('child.started');
    const write = writeAmong(run);
    // The first mount of a secret, which the container may be faster than.
    write({ a: '1', 'tls/key': 'x' });
    await run.said('SIGHUP 1');
    for (let round = 2; round <= 5; round++) {
      write({ a: `${round - 1}`, 'tls/key': 'x' });
      write({ a: `${round}`, 'tls/key': 'x' });
      await run.said(`SIGHUP ${round}`);
    }
    await ends(run);
    expect(count(run, 'SIGHUP')).toBe(5);
    const plain = digestOf({ a: '5', 'tls/key': 'x' });
    expect(seenDigests(run).map((digests) => digests.get(volumePath()))).not.toContain(plain);
  });

  test('that is deleted by the driver, mount and all, keeps its last state, and is picked up when it is mounted again', async () => {
    const options = ['--min-interval', '0', '--verify', '0', '--poll', '50ms'];
    const run = onTmpfs([
      '-w',
      volumePath(),
      '--on-change',
      'HUP',
      ...options,
      ...witness(join(volumePath(), 'a')),
    ]);
    await run.said('start');
    writeAmong(run)({ a: '1' });
    await run.said('SIGHUP 1');
    amongMountsOf(run.pid(), `umount -l ${volumePath()}`);
    await run.logged('watch.missing');
    amongMountsOf(run.pid(), `mount -t tmpfs none ${volumePath()}`);
    writeAmong(run)({ a: '2' });
    await run.said('SIGHUP 2');
    await ends(run);
    expect(count(run, 'SIGHUP')).toBe(2);
  });
});

describe('a file that is a link into a volume elsewhere', () => {
  const link = () => join(directory.path, 'app.conf');

  for (const memory of [false, true]) {
    test(`${memory ? 'in memory' : 'on a disk'}: each generation of it is one reload, and no other key of it`, async () => {
      const shared = mkdtempSync('/dev/shm/rehup-');
      const path = memory ? join(shared, 'volume') : volumePath();
      const volume = writtenVolume(path, { 'app.conf': '0', other: '0' });
      symlinkSync(join(volume.path, 'app.conf'), link());
      const run = await followed(link(), link(), { options: AT_ONCE_PLAIN });
      await run.logged('child.started');
      for (let round = 1; round <= 3; round++) {
        volume.write({ 'app.conf': `${round - 1}`, other: `${round}` });
        volume.write({ 'app.conf': `${round}`, other: `${round}` });
        await run.said(`SIGHUP ${round}`);
      }
      await ends(run);
      expect(count(run, 'SIGHUP')).toBe(3);
      const isPlain = seenDigests(run).at(-1)?.get(link()) === digestOf({ '': '3' });
      expect(isPlain).toBe(!memory);
      rmSync(shared, { recursive: true });
    });
  }

  test('is missing while the volume has no such key, and picked up when it has', async () => {
    const volume = writtenVolume(volumePath(), { 'app.conf': '0' });
    symlinkSync(join(volume.path, 'app.conf'), link());
    const run = await followed(link(), link(), { options: AT_ONCE_PLAIN });
    volume.write({ other: 'x' });
    await run.logged('watch.missing');
    volume.write({ 'app.conf': '1' });
    await run.said('SIGHUP 1');
    await ends(run);
    expect(count(run, 'SIGHUP')).toBe(1);
  });

  test('that is led elsewhere is a change, by an event alone', async () => {
    const volume = writtenVolume(volumePath(), { one: '1', two: '2' });
    symlinkSync(join(volume.path, 'one'), link());
    const run = await followed(link(), link(), { options: AT_ONCE_PLAIN });
    await run.logged('child.started');
    symlinkSync(join(volume.path, 'two'), `${link()}.new`);
    renameSync(`${link()}.new`, link());
    await run.said('SIGHUP 2');
  });
});
