import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
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

/** Specification 4.1, 4.5, 4.6 and 4.7 on the built executable: plain directories, and what is lost, frozen or closed. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const others: ChildProcess[] = [];

afterEach(() => {
  for (const other of others.splice(0)) other.kill('SIGKILL');
});

const volumePath = () => join(directory.path, 'volume');

describe('a plain directory', () => {
  test('with a FIFO, a socket, a device and lost+found: none is opened', async () => {
    const root = join(directory.path, 'plain');
    mkdirSync(join(root, 'lost+found'), { recursive: true });
    writeFileSync(join(root, 'file'), '0');
    const fifo = join(root, 'fifo');
    execFileSync('mkfifo', [fifo]);
    symlinkSync('/dev/zero', join(root, 'device'));
    // Blocked until somebody opens the FIFO for reading.
    const writer = spawn('sh', ['-c', 'echo ready; echo x > "$1"; echo opened', 'sh', fifo]);
    others.push(writer);
    let told = '';
    await new Promise<void>((resolve) =>
      writer.stdout.on('data', (data) => {
        told += data;
        resolve();
      }),
    );
    const run = await followed(root, join(root, 'file'), { options: AT_ONCE_PLAIN });
    for (let round = 1; round <= 5; round++) {
      writeFileSync(join(root, 'lost+found', 'inside'), `${round}`);
      writeFileSync(join(root, 'file'), `${round}`);
      await run.said(`SIGHUP ${round}`);
    }
    expect(told).toBe('ready\n');
    expect(run.errors()).not.toContain('inside');
  });

  test('with names that are no text: told escaped, and seen', async () => {
    const root = join(directory.path, 'plain');
    mkdirSync(root);
    const run = await followed(root, '/dev/null', { options: AT_ONCE_PLAIN });
    const names = ['with space', 'new\nline', 'latin1-\xe9'];
    for (const [index, name] of names.entries()) {
      const file = Buffer.concat([Buffer.from(`${root}/`), Buffer.from(name, 'latin1')]);
      // In one step: a file is made and then written.
      writeFileSync(join(directory.path, 'new'), '1');
      renameSync(join(directory.path, 'new'), file);
      const { paths } = await run.logged('config.changed', index + 1);
      expect(paths).toEqual([`${root}/${name.replace('\xe9', '\\xe9').replace('\n', '\\n')}`]);
    }
  });

  test('with links that go round, out of it and nowhere', async () => {
    const root = join(directory.path, 'plain');
    const elsewhere = join(directory.path, 'elsewhere');
    mkdirSync(join(root, 'sub'), { recursive: true });
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, 'file'), '0');
    symlinkSync('..', join(root, 'sub', 'up'));
    symlinkSync('self', join(root, 'self'));
    symlinkSync('nowhere', join(root, 'dangling'));
    symlinkSync(elsewhere, join(root, 'out'));
    const run = await followed(root, join(root, 'out/file'), { options: AT_ONCE_PLAIN });
    await run.logged('child.started');
    writeFileSync(join(elsewhere, 'file'), '1');
    await run.said('SIGHUP 1');
  });

  test('of 10,000 files works; with one more it is bad usage, or keeps its last state', async () => {
    const root = join(directory.path, 'plain');
    mkdirSync(root);
    for (let index = 0; index < 10_000; index++) writeFileSync(join(root, `${index}`), '0');
    const run = await followed(root, join(root, '7'));
    writeFileSync(join(root, '7'), '1');
    await run.said('SIGHUP 1');
    writeFileSync(join(root, 'one more'), '');
    expect((await run.logged('watch.failed')).msg).toContain('more than 10000 files');
    const refused = rehup(['-w', root, 'true']);
    expect(await refused.ended).toBe(125);
    expect(refused.errors()).toContain(
      `rehup: --watch ${root}: more than 10000 files; watch less, or leave something out with --ignore\n`,
    );
    unlinkSync(join(root, 'one more'));
    await run.logged('watch.recovered');
    await ends(run);
    expect(count(run, 'SIGHUP')).toBe(1);
  });

  test('that is touched, listed, read, given modes and written with the same bytes is no reload', async () => {
    const root = join(directory.path, 'plain');
    mkdirSync(root);
    const file = join(root, 'file');
    writeFileSync(file, '0');
    const options = ['--ignore', '*~', '--ignore', '.*.swp', '--settle', '1s', ...AT_ONCE];
    const run = await followed(root, file, { options });
    await run.logged('child.started');
    const script =
      'touch "$1"; chmod 600 "$1"; chown 65534 "$1" 2>/dev/null; ls -la "$2"; cat "$1"; cp "$1" "$1~"; mv "$1" "$1~"; mv "$1~" "$1"';
    for (let round = 0; round < 5; round++) {
      execFileSync('sh', ['-c', `${script}; echo x > "$2/.file.swp"`, 'sh', file, root]);
    }
    writeFileSync(file, '1');
    await run.said('SIGHUP 1');
    await ends(run);
    expect(count(run, 'SIGHUP')).toBe(1);
  });
});

describe('what is lost', () => {
  test('all keys, with --allow-empty: a change, and the keys that come back another', async () => {
    const volume = writtenVolume(volumePath(), { a: '0' });
    const run = await followed(volume.path, join(volume.path, 'a'), {
      options: ['--allow-empty', ...AT_ONCE],
    });
    await run.logged('child.started');
    volume.write({});
    await run.said('SIGHUP ENOENT');
    volume.write({ a: '1' });
    await run.said('SIGHUP 1');
    await ends(run);
    expect(count(run, 'SIGHUP')).toBe(2);
  });

  test('a required object that is deleted and made again', async () => {
    const volume = writtenVolume(volumePath(), { a: '0' });
    const run = await followed(volume.path, join(volume.path, 'a'));
    await run.logged('child.started');
    for (let round = 1; round <= 3; round++) {
      rmSync(volume.path, { recursive: true });
      mkdirSync(volume.path);
      volume.write({ a: `${round}` });
      await run.said(`SIGHUP ${round}`);
    }
    await ends(run);
    expect(count(run, 'SIGHUP')).toBe(3);
  });
});

describe('what can never change', () => {
  /** Rehup where `source` is mounted at `target`. */
  function mounted(source: string, target: string, words: readonly string[]): Rehup {
    const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
    const prefix = [...(PID_NAMESPACE.prefix ?? []), 'sh', '-c', script, 'sh', source, target];
    return rehup(words, { prefix });
  }

  for (const key of ['a', 'sub']) {
    test(`${key === 'a' ? 'a file' : 'a directory'} mounted by subPath: a warning at the start`, async () => {
      const volume = writtenVolume(volumePath(), { a: '0', 'sub/b': '0' });
      const source = join(volume.path, volume.generation() ?? '', key);
      const parent = join(directory.path, 'with space');
      const target = join(parent, key);
      mkdirSync(key === 'a' ? parent : target, { recursive: true });
      if (key === 'a') writeFileSync(target, '');
      const by = [target, parent];
      for (const watched of by) {
        const run = mounted(source, target, ['-w', watched, ...AT_ONCE, 'sleep', '60']);
        const warning = await run.logged('watch.frozen');
        expect(warning).toMatchObject({ level: 'warn', watch: watched, mount: target, reason: 'subpath' });
        expect(warning.msg).toContain('mount the whole volume instead');
        await run.logged('child.started');
      }
    });
  }

  test('a volume that was torn down under the container: the last state counts, and one warning', async () => {
    const source = writtenVolume(join(directory.path, 'source'), { a: '0' });
    mkdirSync(volumePath());
    const words = ['-w', volumePath(), '--allow-empty', '--on-change', 'HUP', '--poll', '50ms'];
    const run = mounted(source.path, volumePath(), [...words, ...witness(join(volumePath(), 'a'))]);
    await run.said('start');
    source.tearDown();
    rmSync(source.path, { recursive: true });
    const warning = await run.logged('watch.frozen');
    expect(warning).toMatchObject({ watch: volumePath(), reason: 'torn-down' });
    await run.logged('watch.missing');
    await ends(run);
    expect(count(run, 'SIGHUP')).toBe(0);
    expect(run.log().filter(({ event }) => event === 'watch.frozen')).toHaveLength(1);
  });

  test('a volume as a whole is none of these', async () => {
    const source = writtenVolume(join(directory.path, 'source'), { a: '0' });
    mkdirSync(volumePath());
    const words = ['-w', volumePath(), '--on-change', 'HUP', ...AT_ONCE];
    const run = mounted(source.path, volumePath(), [...words, ...witness(join(volumePath(), 'a'))]);
    await run.said('start');
    source.write({ a: '1' });
    await run.said('SIGHUP 1');
    expect(run.errors()).not.toContain('watch.frozen');
  });
});
