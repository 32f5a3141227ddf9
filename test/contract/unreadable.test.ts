import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { NOBODY, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { rehup, witness } from '../support/rehup.ts';
import { AT_ONCE, AT_ONCE_PLAIN, count, eachWithDirectory, ends, writtenVolume } from '../support/volume.ts';

/** Specification 4.1, 4.5, 4.6 and 4.7 on the built executable: plain directories, and what is lost, frozen or closed. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

const volumePath = () => join(directory.path, 'volume');

describe('as a user that may not', () => {
  const denied = needing(NOBODY);

  function unreadable() {
    chmodSync(directory.path, 0o755);
    const volume = writtenVolume(volumePath(), { a: '0', secret: '0' });
    chmodSync(join(volume.path, 'secret'), 0o600);
    return volume;
  }

  denied('read a file, the start is bad usage that names it and the --ignore that helps', async () => {
    const volume = unreadable();
    const run = rehup(['-w', volume.path, 'true'], { prefix: NOBODY.prefix ?? [] });
    expect(await run.ended).toBe(125);
    const secret = join(volume.path, 'secret');
    expect(run.errors()).toContain(
      `rehup: --watch ${volume.path}: ${secret} can't be read (EACCES); make it readable to this user, or leave it out with --ignore 'secret'\n`,
    );
    const ignoring = rehup(['-w', volume.path, '--ignore', 'secret', 'true'], {
      prefix: NOBODY.prefix ?? [],
    });
    expect(await ignoring.ended).toBe(0);
  });

  denied('read a file at the start, but soon may: it is waited for', async () => {
    const volume = unreadable();
    const words = ['-w', volume.path, '--on-change', 'HUP', ...AT_ONCE];
    const run = rehup([...words, ...witness(join(volume.path, 'a'))], { prefix: NOBODY.prefix ?? [] });
    await run.logged('watch.failed');
    expect(run.output).toEqual([]);
    chmodSync(join(volume.path, 'secret'), 0o644);
    await run.said('start');
    await run.logged('watch.recovered');
  });

  denied('read it any more, the last state counts until it may again', async () => {
    const volume = unreadable();
    chownSync(join(volume.path, 'secret'), 65534, 65534);
    const words = ['-w', volume.path, '--on-change', 'HUP', ...AT_ONCE];
    const run = rehup([...words, ...witness(join(volume.path, 'a'))], { prefix: NOBODY.prefix ?? [] });
    await run.said('start');
    for (const operation of volume.operations({ a: '1', secret: '1' })) {
      // Before it is published, so that nobody may read it at all.
      if (operation.name === 'swap') chmodSync(join(volume.path, newest(volume.path), 'secret'), 0o600);
    }
    expect((await run.logged('watch.failed')).msg).toContain(`EACCES at ${join(volume.path, 'secret')}`);
    expect(count(run, 'SIGHUP')).toBe(0);
    volume.write({ a: '2', secret: '2' });
    await run.said('SIGHUP 2');
    expect(count(run, 'SIGHUP')).toBe(1);
  });

  denied('read it any more, but may again: by no event, nor by a poll', async () => {
    const volume = unreadable();
    chmodSync(join(volume.path, 'secret'), 0o644);
    const words = ['-w', volume.path, '--on-change', 'HUP', ...AT_ONCE];
    const run = rehup([...words, ...witness(join(volume.path, 'a'))], { prefix: NOBODY.prefix ?? [] });
    await run.said('start');
    for (const operation of volume.operations({ a: '1', secret: '1' })) {
      if (operation.name === 'swap') chmodSync(join(volume.path, newest(volume.path), 'secret'), 0o600);
    }
    await run.logged('watch.failed');
    expect(count(run, 'SIGHUP')).toBe(0);
    chmodSync(join(volume.path, 'secret'), 0o644);
    await run.said('SIGHUP 1');
    await run.logged('watch.recovered');
    await ends(run);
    expect(count(run, 'SIGHUP')).toBe(1);
  });

  denied(
    'read a plain directory’s new directory, but may again: by no event of it, nor by a poll',
    async () => {
      const root = join(directory.path, 'plain');
      chmodSync(directory.path, 0o755);
      mkdirSync(root);
      writeFileSync(join(root, 'a'), '0');
      const words = ['-w', root, '--on-change', 'HUP', ...AT_ONCE_PLAIN];
      const run = rehup([...words, ...witness(join(root, 'a'))], { prefix: NOBODY.prefix ?? [] });
      await run.said('start');
      await run.logged('child.started');
      const made = join(directory.path, 'made');
      mkdirSync(made);
      writeFileSync(join(made, 'secret'), '', { mode: 0o600 });
      renameSync(made, join(root, 'sub'));
      expect((await run.logged('watch.failed'))['reason']).toBe(`EACCES at ${join(root, 'sub/secret')}`);
      // Past the first time that it is tried again.
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect(count(run, 'SIGHUP')).toBe(0);
      chmodSync(join(root, 'sub', 'secret'), 0o644);
      await run.said('SIGHUP 0');
      await run.logged('watch.recovered');
      await ends(run);
      expect(count(run, 'SIGHUP')).toBe(1);
    },
  );

  function newest(path: string): string {
    return execFileSync('readlink', [join(path, '..data_tmp')], { encoding: 'utf8' }).trim();
  }
});

test('overlapping watches, the same one twice, a file and its directory: the most specific speaks, in one reload', async () => {
  const root = join(directory.path, 'plain');
  mkdirSync(join(root, 'sub'), { recursive: true });
  for (const name of ['a', 'sub/b', 'sub/c']) writeFileSync(join(root, name), '0');
  const watches = [root, `${root}=USR1`, `${join(root, 'sub')}=USR2`, `${join(root, 'sub/c')}=WINCH`];
  const options = [...watches.flatMap((watch) => ['-w', watch]), '--on-change', 'HUP', ...AT_ONCE_PLAIN];
  const run = rehup([...options, ...witness(join(root, 'a'))]);
  await run.said('start');
  await run.logged('child.started');
  const expected: string[] = [];
  for (const [name, signals] of [
    ['a', ['SIGHUP', 'SIGUSR1']],
    ['sub/b', ['SIGUSR2']],
    ['sub/c', ['SIGWINCH']],
  ] as const) {
    for (let round = 1; round <= 5; round++) {
      writeFileSync(join(root, `../new`), `${name} ${round}`);
      execFileSync('mv', [join(root, '../new'), join(root, name)]);
      expected.push(...signals);
      for (const signal of signals) await run.said(signal, round);
      await run.logged('reload.applied', applied(expected));
    }
  }
  await ends(run);
  const told = run.output.map((line) => line.split(' ')[0]).filter((word) => word?.startsWith('SIG'));
  expect(told.filter((word) => word !== 'SIGTERM' && word !== 'SIGCONT').sort()).toEqual(expected.sort());
});

/** A change below the two watches on the same path is one reload with two signals. */
function applied(signals: readonly string[]): number {
  return signals.filter((signal) => signal !== 'SIGUSR1').length;
}
