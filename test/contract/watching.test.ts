import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { WRITE_ORDERS } from '../support/kubelet.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { rehup, witness } from '../support/rehup.ts';
import { AT_ONCE, count, eachWithDirectory, followed, writtenVolume } from '../support/volume.ts';

/** Specification 4 on the built executable: never missed, never twice, vanished is not new, contents stay inside. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

/** Less than the files of a copier must have been the same to count, ms. */
const A_MOMENT = 50;

const volumePath = () => join(directory.path, 'volume');

describe('a write of the kubelet', () => {
  test('is looked at once: what comes before the swap tells of nothing', async () => {
    const volume = writtenVolume(volumePath(), { a: '0' });
    const run = await followed(volume.path, join(volume.path, 'a'), {
      options: [...AT_ONCE, '--log-level', 'trace'],
    });
    await run.logged('child.started');
    for (let round = 1; round <= 3; round++) {
      volume.write({ a: `${round}` });
      await run.said(`SIGHUP ${round}`);
    }
    run.signal('SIGTERM');
    await run.ended;
    // The look that follows when events are told of for the first time may find the first change before its own event does.
    const hints = run.log().filter((line) => line.event === 'watch.hint').length;
    expect(hints).toBeGreaterThanOrEqual(2);
    expect(hints).toBeLessThanOrEqual(3);
  });

  for (const order of WRITE_ORDERS) {
    test(`stopped half-way between any two operations (${order}) is one reload, with what came to rest`, async () => {
      // A key for another, a key less, a key more.
      const shapes = [{ gone: 'x' }, { added: 'y' }, {}];
      const volume = writtenVolume(volumePath(), { a: '0', ...shapes[0] }, { order });
      const run = await followed(volume.path, join(volume.path, 'a'));
      await run.logged('child.started');
      let round = 0;
      let tooLong = 0;
      for (let stops = 0, more = true; more; stops++) {
        more = false;
        for (const _ of shapes) {
          round += 1;
          const since = performance.now();
          const steps = volume.operations({ a: `${round}`, ...shapes[round % shapes.length] });
          // The operations up to here, then a pause in which rehup looks at what is there.
          let ended = false;
          for (let step = 0; step <= stops && !ended; step++) ended = steps.next().done === true;
          more ||= !ended;
          run.signal('SIGUSR1');
          await run.said('SIGUSR1', round);
          let rest = 0;
          for (const operation of steps) rest += Number(operation !== undefined);
          // What a copier has written so far may be all there is, each time that this machine was kept from going on.
          if (order === 'copier' && performance.now() - since > A_MOMENT) tooLong += stops + rest;
          await run.said(`SIGHUP ${round}`);
        }
      }
      expect(round).toBeGreaterThan(24);
      run.signal('SIGTERM');
      await run.ended;
      expect(count(run, 'SIGHUP')).toBeGreaterThanOrEqual(round);
      expect(count(run, 'SIGHUP')).toBeLessThanOrEqual(round + tooLong);
    });
  }

  test('in the order of Kata’s copier ends with the last content told', async () => {
    const volume = writtenVolume(volumePath(), { a: '0' }, { order: 'copier' });
    const run = await followed(volume.path, join(volume.path, 'a'));
    for (let round = 1; round <= 5; round++) {
      volume.write({ a: `${round}` });
      await run.said(`SIGHUP ${round}`);
    }
  });

  for (const until of ['link-data', 'make-generation', 'make-file'] as const) {
    test(`in the order of Kata’s copier, stopped before ${until} until it is missed, is one reload in the end`, async () => {
      const volume = writtenVolume(volumePath(), { a: '0' }, { order: 'copier' });
      const run = await followed(volume.path, join(volume.path, 'a'));
      await run.logged('child.started');
      const steps = volume.operations({ a: '1' });
      for (let next = steps.next(); next.value?.name !== until; ) next = steps.next();
      await run.logged('watch.missing');
      expect(count(run, 'SIGHUP')).toBe(0);
      const since = performance.now();
      for (const operation of steps) void operation;
      const atOnce = performance.now() - since <= A_MOMENT;
      await run.said('SIGHUP 1');
      await run.logged('watch.recovered');
      run.signal('SIGTERM');
      await run.ended;
      // A file that is not written yet may be all there is, if this machine was kept from going on.
      if (atOnce) expect(count(run, 'SIGHUP')).toBe(1);
    });
  }

  test('that a crash left with a link to no key counts as it is, a second later', async () => {
    const volume = writtenVolume(volumePath(), { a: '0' });
    symlinkSync('..data/never', join(volume.path, 'never'));
    const run = await followed(volume.path, join(volume.path, 'a'));
    for (let round = 1; round <= 2; round++) {
      const steps = volume.operations({ a: `${round}` });
      // The kubelet would remove the link, had it not crashed.
      const since = performance.now();
      for (const { name } of steps) if (name === 'unlink-key') break;
      await run.said(`SIGHUP ${round}`);
      expect(performance.now() - since).toBeGreaterThan(900);
    }
    run.signal('SIGTERM');
    await run.ended;
    expect(count(run, 'SIGHUP')).toBe(2);
  });

  test('that only makes and removes a generation, or sets modes, is no reload', async () => {
    const options = { order: 'links-first', fsGroup: true } as const;
    const volume = writtenVolume(volumePath(), { a: '0' }, options);
    const run = await followed(volume.path, join(volume.path, 'a'));
    for (let round = 0; round < 10; round++) {
      volume.abort({ a: 'never' });
      volume.write({ a: '0' });
    }
    volume.write({ a: '1' });
    await run.said('SIGHUP 1');
    run.signal('SIGTERM');
    await run.ended;
    expect(count(run, 'SIGHUP')).toBe(1);
  });

  test('of several volumes within the settle time is one reload', async () => {
    const one = writtenVolume(join(directory.path, 'one'), { a: '0' });
    const two = writtenVolume(join(directory.path, 'two'), { a: '0' });
    const watches = ['-w', one.path, '-w', two.path, '--on-change', 'HUP', '--settle', '3s'];
    const run = rehup([...watches, ...AT_ONCE, ...witness(join(two.path, 'a'))]);
    await run.said('start');
    one.write({ a: '1' });
    await run.logged('config.changed');
    two.write({ a: '1' });
    await run.said('SIGHUP 1');
    expect((await run.logged('reload.applied'))['changed']).toBe(2);
    expect(count(run, 'SIGHUP')).toBe(1);
  });

  test('of a service-account token is no reload', async () => {
    const token = { token: 'secret-1', 'ca.crt': 'ca', namespace: 'default' };
    const volume = writtenVolume(volumePath(), token);
    const run = await followed(volume.path, join(volume.path, 'ca.crt'));
    volume.write({ ...token, token: 'secret-2' });
    volume.write({ ...token, 'ca.crt': 'another' });
    await run.said('SIGHUP another');
    expect(count(run, 'SIGHUP')).toBe(1);
  });
});

describe('a plain directory', () => {
  test('is watched with all below it, and what is ignored does not count', async () => {
    const root = join(directory.path, 'plain');
    mkdirSync(join(root, 'sub'), { recursive: true });
    writeFileSync(join(root, 'sub', 'file'), '0');
    const options = ['-w', root, '--ignore', '*.swp', '--on-change', 'HUP', '--settle', '50ms', ...AT_ONCE];
    const run = rehup([...options, ...witness(join(root, 'sub', 'file'))]);
    await run.said('start');
    writeFileSync(join(root, 'sub', '.file.swp'), 'editor');
    // Each in one step: what is written in place is empty for a moment, which may be long on a busy machine.
    writeFileSync(join(directory.path, 'file'), '1');
    renameSync(join(directory.path, 'file'), join(root, 'sub', 'file'));
    await run.said('SIGHUP 1');
    mkdirSync(join(directory.path, 'new'));
    writeFileSync(join(directory.path, 'new', 'file'), 'x');
    renameSync(join(directory.path, 'new'), join(root, 'new'));
    const second = await run.logged('config.changed', 2);
    expect(second['paths']).toEqual([join(root, 'new', 'file')]);
    await run.said('SIGHUP 1', 2);
  });

  test('made anew is watched anew', async () => {
    const root = join(directory.path, 'plain');
    mkdirSync(root);
    writeFileSync(join(root, 'file'), '0');
    const options = ['--settle', '0', '--min-interval', '0', '--verify', '0', '--poll', '100ms'];
    const run = await followed(root, join(root, 'file'), { options });
    rmSync(root, { recursive: true });
    await run.logged('watch.missing');
    mkdirSync(root);
    writeFileSync(join(root, 'file'), '1');
    await run.said('SIGHUP 1');
    renameSync(root, `${root}.old`);
    mkdirSync(root);
    writeFileSync(join(root, 'file'), '2');
    await run.said('SIGHUP 2');
  });

  test('that changes while the child starts has changed', async () => {
    const file = join(directory.path, 'file');
    writeFileSync(file, '0');
    const script = 'trap "echo told" HUP; echo 1 > "$0"; while :; do sleep 0.01; done';
    const run = rehup([
      '-w',
      file,
      '--on-change',
      'HUP',
      '--settle',
      '0',
      ...AT_ONCE,
      'sh',
      '-c',
      script,
      file,
    ]);
    await run.said('told');
    expect((await run.logged('config.changed'))['paths']).toEqual([file]);
  });

  test('one file of it that is replaced by a rename is seen', async () => {
    const file = join(directory.path, 'file');
    writeFileSync(file, '0');
    const run = await followed(file, file, { options: ['--settle', '0', ...AT_ONCE] });
    for (let round = 1; round <= 5; round++) {
      writeFileSync(`${file}.tmp`, `${round}`);
      renameSync(`${file}.tmp`, file);
      await run.said(`SIGHUP ${round}`);
    }
    expect(count(run, 'SIGHUP')).toBe(5);
  });
});

describe('what is not there', () => {
  test('yet, may be watched if its directory is there, and its appearance is a change', async () => {
    const file = join(directory.path, 'later');
    const run = await followed(file, file, { options: ['--settle', '0', ...AT_ONCE] });
    await run.logged('watch.missing');
    writeFileSync(file, '1');
    await run.said('SIGHUP 1');
  });

  test('yet, nor its directory, may be watched on a mounted volume, and its appearance is a change', async () => {
    mkdirSync(volumePath());
    const file = join(volumePath(), 'deep', 'deeper', 'file');
    const script = 'mount -t tmpfs none "$1" && shift && exec "$@"';
    const prefix = [...(PID_NAMESPACE.prefix ?? []), 'sh', '-c', script, 'sh', volumePath()];
    const words = ['-w', file, '--on-change', 'HUP', '--settle', '0', ...AT_ONCE, ...witness(file)];
    const run = rehup(words, { prefix });
    await run.said('start');
    await run.logged('child.started');
    const inside = `/proc/${run.pid()}/root${volumePath()}`;
    mkdirSync(join(inside, 'deep'));
    mkdirSync(join(inside, 'new'));
    writeFileSync(join(inside, 'new', 'file'), '1');
    renameSync(join(inside, 'new'), join(inside, 'deep', 'deeper'));
    await run.said('SIGHUP 1');
    // Without the mount there is nothing that it may appear on.
    expect(await rehup(['-w', file, 'true']).ended).toBe(125);
  });

  test('any more, keeps its last state and is picked up when it is back', async () => {
    const volume = writtenVolume(volumePath(), { a: '0' });
    const run = await followed(volume.path, join(volume.path, 'a'));
    volume.write({});
    await run.logged('watch.missing');
    volume.write({ a: '0' });
    await run.logged('watch.recovered');
    volume.write({ a: '1' });
    await run.said('SIGHUP 1');
    expect(count(run, 'SIGHUP')).toBe(1);
  });

  test('an optional ConfigMap that is empty at start: its first key is a change', async () => {
    const volume = writtenVolume(volumePath(), {});
    const run = await followed(volume.path, join(volume.path, 'a'));
    volume.write({ a: '1' });
    await run.said('SIGHUP 1');
  });
});

describe('without an event', () => {
  test('a poll sees what a link leads to, which no event tells of', async () => {
    const elsewhere = join(directory.path, 'elsewhere');
    const root = join(directory.path, 'watched');
    mkdirSync(root);
    writeFileSync(elsewhere, '0');
    symlinkSync(elsewhere, join(root, 'link'));
    const options = ['--settle', '0', '--min-interval', '0', '--verify', '0', '--poll', '50ms'];
    const run = await followed(root, join(root, 'link'), { options });
    writeFileSync(elsewhere, '1');
    await run.said('SIGHUP 1');
  });
});
