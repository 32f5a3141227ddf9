import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { amongMountsOf, INOTIFY_LIMITS, limit, limited, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { PATIENCE } from '../support/patience.ts';
import { type Rehup, rehup, witness } from '../support/rehup.ts';
import { AT_ONCE, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 4.3 on the built executable, where events do not come, or no longer: the poll, and events again. */

const directory = eachWithDirectory();
const volumePath = () => join(directory.path, 'volume');

/** Only a poll leads to a look, and each look that an event led to is logged. */
const TRACED = ['--on-change', 'HUP', '--min-interval', '0', '--verify', '0', '--settle', '0'];

function follow(watched: string, file: string, prefix: readonly string[], poll = '50ms'): Rehup {
  const options = [...TRACED, '--poll', poll, '--log-level', 'trace'];
  return rehup(['-w', watched, ...options, ...witness(file)], { prefix });
}

function events(run: Rehup, event: string) {
  return run.log().filter((line) => line.event === event);
}

/** Events work if something that no look need find is told of as a hint. */
async function expectEvents(run: Rehup, happen: () => void): Promise<void> {
  const before = events(run, 'watch.hint').length;
  happen();
  await run.logged('watch.hint', before + 1);
}

/** Whether events come, as it was told in turn; more than once where a look found a directory gone, of which there are none to miss. */
function tellings(run: Rehup): readonly string[] {
  return run
    .log()
    .filter(
      ({ event, level }) => (event === 'watch.degraded' && level !== 'debug') || event === 'watch.restored',
    )
    .map(({ event }) => event);
}

/** Events are missing after so many reloads, and that was told once. */
async function expectDegraded(run: Rehup, reloads: number): Promise<void> {
  await run.logged('reload.applied', reloads);
  await expect.poll(() => tellings(run).at(-1), { timeout: PATIENCE }).toBe('watch.degraded');
  expect(tellings(run).filter((event, index, all) => event === all[index - 1])).toEqual([]);
}

/** Events come again once there is room. */
async function expectRestored(run: Rehup): Promise<void> {
  const before = events(run, 'watch.restored').length;
  limit(run.pid(), 'max_inotify_watches', 10);
  await run.logged('watch.restored', before + 1);
}

/** Waits until the directories that the last change was found in are watched, which the change itself need not await. */
async function armedAnew(run: Rehup): Promise<void> {
  // What the child says may be read before what rehup logged earlier.
  await run.logged('reload.applied', run.output.filter((line) => line.startsWith('SIGHUP')).length);
  const all = run.log().map(({ event }) => event);
  const before = all.slice(0, all.lastIndexOf('config.changed'));
  await run.logged('watch.armed', before.filter((event) => event === 'watch.armed').length + 1);
}

describe.each(INOTIFY_LIMITS)('without $limit', ({ limit: name, errno, sysctl }) => {
  const none = limited(name, 0);

  needing(none)('from the start, the poll finds each change, until events work', async () => {
    const volume = writtenVolume(volumePath(), { a: '0' });
    const run = follow(volume.path, join(volume.path, 'a'), none.prefix ?? []);
    await run.said('start');
    const warning = await run.logged('watch.degraded');
    expect(warning['errno']).toBe(errno);
    expect(warning.msg).toContain(sysctl);
    for (let round = 1; round <= 3; round++) {
      volume.write({ a: `${round}` });
      await run.said(`SIGHUP ${round}`);
    }
    expect(events(run, 'watch.degraded').filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect(events(run, 'watch.hint')).toHaveLength(0);
    limit(run.pid(), name, 10);
    await run.logged('watch.restored');
    await expectEvents(run, () => volume.write({ a: '4' }));
    await run.said('SIGHUP 4');
  });
});

const some = limited('max_inotify_watches', 10);

needing(some)('in the middle of life: a directory that is made anew when no watch is left', async () => {
  const root = join(directory.path, 'plain');
  const file = join(root, 'file');
  mkdirSync(root);
  writeFileSync(file, '0');
  const run = follow(root, file, some.prefix ?? []);
  await run.said('start');
  await run.logged('watch.armed');
  await expectEvents(run, () => writeFileSync(file, '1'));
  await run.said('SIGHUP 1');
  limit(run.pid(), 'max_inotify_watches', 0);
  for (let round = 2; round <= 4; round++) {
    renameSync(root, `${root}.${round}`);
    mkdirSync(root);
    writeFileSync(file, `${round}`);
    await run.said(`SIGHUP ${round}`);
  }
  expect((await run.logged('watch.degraded')).msg).toContain('fs.inotify.max_user_watches');
  await expectDegraded(run, 4);
  await expectRestored(run);
  await expectEvents(run, () => writeFileSync(file, '5'));
  await run.said('SIGHUP 5');
});

needing(some)(
  'in the middle of life: of several volumes one is made anew when no watch is left, twice',
  async () => {
    const volumes = ['one', 'two'].map((name) => writtenVolume(join(directory.path, name), { a: '0' }));
    const [one, two] = volumes;
    if (one === undefined || two === undefined) throw new Error('there are two volumes');
    const watches = volumes.flatMap(({ path }) => ['-w', path]);
    const options = [...watches, ...TRACED, '--poll', '50ms', '--log-level', 'trace'];
    const run = rehup([...options, ...witness(join(one.path, 'a'))], { prefix: some.prefix ?? [] });
    await run.said('start');
    await run.logged('watch.armed');
    await expectEvents(run, () => one.write({ a: '1' }));
    await run.said('SIGHUP 1');
    for (let time = 1; time <= 2; time++) {
      limit(run.pid(), 'max_inotify_watches', 0);
      rmSync(one.path, { recursive: true });
      mkdirSync(one.path);
      one.write({ a: `${time} anew` });
      await run.said(`SIGHUP ${time} anew`);
      // The other volume still has its watch.
      await expect.poll(() => tellings(run).at(-1), { timeout: PATIENCE }).toBe('watch.degraded');
      for (let round = 1; round <= 3; round++) {
        one.write({ a: `${time} ${round}` });
        await run.said(`SIGHUP ${time} ${round}`);
        await expectEvents(run, () => two.write({ a: `${time} ${round}` }));
      }
      await expectDegraded(run, events(run, 'reload.applied').length);
      await expectRestored(run);
      await expectEvents(run, () => one.write({ a: `${time} last` }));
      await run.said(`SIGHUP ${time} last`);
    }
  },
);

const instances = limited('max_inotify_instances', 10);

needing(instances)(
  'in the middle of life: when no instance is left, the one that there is serves on, by events alone',
  async () => {
    const volume = writtenVolume(volumePath(), { a: '0' });
    const run = follow(volume.path, join(volume.path, 'a'), instances.prefix ?? [], '0');
    await run.said('start');
    await run.logged('watch.armed');
    limit(run.pid(), 'max_inotify_instances', 0);
    for (let round = 1; round <= 5; round++) {
      // Made anew, so that there is a moment without any directory to watch.
      if (round % 2 === 0) {
        rmSync(volume.path, { recursive: true });
        mkdirSync(volume.path);
      }
      volume.write({ a: `${round}` });
      await run.said(`SIGHUP ${round}`);
    }
    expect(events(run, 'watch.degraded')).toHaveLength(0);
  },
);

describe('a watch that dies', () => {
  const test = needing(PID_NAMESPACE);
  const prefix = PID_NAMESPACE.prefix ?? [];

  /** Rehup where `source` is mounted at the volume's path, with a poll or by events alone. */
  function mounted(source: string, poll: string): Rehup {
    mkdirSync(volumePath());
    const script = 'mount --bind "$1" "$2" && shift 2 && exec "$@"';
    const words = [...prefix, 'sh', '-c', script, 'sh', source, volumePath()];
    return follow(volumePath(), join(volumePath(), 'a'), words, poll);
  }

  test('silently, since its volume was unmounted and another mounted: found by the poll, watched anew', async () => {
    const one = writtenVolume(join(directory.path, 'one'), { a: '0' });
    const two = writtenVolume(join(directory.path, 'two'), { a: '1' });
    const run = mounted(one.path, '50ms');
    await run.said('start');
    await run.logged('watch.armed');
    amongMountsOf(run.pid(), `umount -l ${volumePath()} && mount --bind ${two.path} ${volumePath()}`);
    await run.said('SIGHUP 1');
    await armedAnew(run);
    await expectEvents(run, () => two.write({ a: '2' }));
    await run.said('SIGHUP 2');
  });

  test('because its file system is gone: by events alone it is watched anew', async () => {
    const one = writtenVolume(join(directory.path, 'one'), { a: '0' });
    const run = mounted(one.path, '0');
    await run.said('start');
    await run.logged('child.started');
    await run.logged('watch.armed');
    // It comes as a whole, above what is watched; a poll is not there to find it, a signal is, if no confirmation was first.
    const spare = join(directory.path, 'spare');
    mkdirSync(spare);
    const fill = `cd ${spare} && mkdir ..1 && echo -n 1 > ..1/a && ln -s ..1 ..data && ln -s ..data/a a && cd /`;
    const show = `mount --bind ${spare} ${volumePath()} && umount ${spare}`;
    amongMountsOf(run.pid(), `mount -t tmpfs none ${spare} && ${fill} && ${show}`);
    run.signal('SIGHUP');
    await run.said('SIGHUP 1');
    await run.logged('watch.armed', 2);
    amongMountsOf(run.pid(), `umount -l ${volumePath()}`);
    await run.said('SIGHUP 0');
    await run.logged('watch.armed', 3);
    await expectEvents(run, () => one.write({ a: '3' }));
    await run.said('SIGHUP 3');
  });

  test('because its directory was removed and made again, by events alone', async () => {
    const root = join(directory.path, 'deep', 'plain');
    const file = join(root, 'file');
    mkdirSync(root, { recursive: true });
    writeFileSync(file, '0');
    const run = follow(root, file, prefix, '0');
    await run.said('start');
    await run.logged('child.started');
    for (let round = 1; round <= 3; round++) {
      rmSync(root, { recursive: true });
      mkdirSync(root);
      writeFileSync(file, `${round}`);
      await run.said(`SIGHUP ${round}`);
    }
  });

  test('is not one that a link leads to: by events alone', async () => {
    const volume = writtenVolume(volumePath(), { a: '0' });
    const link = join(directory.path, 'link');
    symlinkSync(volume.path, link);
    const run = rehup(['-w', link, '--on-change', 'HUP', ...AT_ONCE, ...witness(join(link, 'a'))]);
    await run.said('start');
    for (let round = 1; round <= 3; round++) {
      volume.write({ a: `${round}` });
      await run.said(`SIGHUP ${round}`);
    }
  });
});
