import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE, RAMFS } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { script } from '../support/processes.ts';
import { PATIENCE, type Rehup, rehup, witness } from '../support/rehup.ts';
import { AT_ONCE, eachWithDirectory, ends, writtenVolume } from '../support/volume.ts';

/** Specification 5, *stage*, from outside: a target that others write in, and what is in it beside what counts. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);
const target = (name: string) => join(here('target'), name);

/** A look each 100 ms, and nothing that waits for time to pass. */
const LOOKING = ['--min-interval', '0', '--verify', '0', '--poll', '100ms', '--on-change', 'HUP'];

function stage(options: readonly string[] = LOOKING, key = 'key'): Rehup {
  return rehup(['--stage', `${here('volume')}=${here('target')}`, ...options, ...witness(target(key))]);
}

function emptyDir(): void {
  mkdirSync(here('target'));
  chmodSync(here('target'), 0o777);
}

test('has one rehup at a time: a second one is refused, and told who has it; the lock ends with its holder', async () => {
  writtenVolume(here('volume'), { key: 'one' });
  writtenVolume(here('other'), { other: 'two' });
  const first = stage();
  await first.said('start');
  const words = ['--stage', `${here('other')}=${here('target')}`, ...witness('/dev/null')];
  const second = rehup(words, { prefix: [] });
  expect(await second.ended).toBe(125);
  expect(second.output).toEqual([]);
  expect(second.errors()).toMatch(
    new RegExp(`process ${first.pid()} \\(.*\\) has its lock; a target has one rehup at a time`),
  );
  expect(readFileSync(target('key'), 'utf8')).toBe('one');
  first.signal('SIGKILL');
  await first.ended.catch(() => {});
  const third = stage();
  await third.said('start');
});

describe('what somebody else puts into it', () => {
  test('in the place of a key that comes is replaced, and told', async () => {
    emptyDir();
    const volume = writtenVolume(here('volume'), { key: 'one' });
    const run = stage([...AT_ONCE, '--on-change', 'HUP']);
    await run.said('start');
    writeFileSync(target('coming'), 'evil');
    mkdirSync(target('full'));
    writeFileSync(target('full/of'), 'evil');
    volume.write({ key: 'two', coming: 'good', full: 'good' });
    await run.said('SIGHUP two');
    expect(readFileSync(target('coming'), 'utf8')).toBe('good');
    expect(readFileSync(target('full'), 'utf8')).toBe('good');
    const told = await run.logged('stage.tampered', 2);
    expect(told['reason']).toMatch(/was in the way of a key/);
  });

  test.each<[string, () => void]>([
    [
      'a file in the place of a key',
      () => {
        unlinkSync(target('key'));
        writeFileSync(target('key'), 'evil');
      },
    ],
    [
      'a link elsewhere',
      () => {
        unlinkSync(target('key'));
        symlinkSync('/etc/hostname', target('key'));
      },
    ],
    ['no key', () => unlinkSync(target('key'))],
    ['no ..data', () => unlinkSync(target('..data'))],
    [
      'another ..data',
      () => {
        mkdirSync(target('..rehup_7'));
        writeFileSync(target('..rehup_7/key'), 'evil');
        symlinkSync('..rehup_7', here('link'));
        renameSync(here('link'), target('..data'));
      },
    ],
    ['a generation by another name', () => renameSync(target('..rehup_1'), target('..rehup_9'))],
    ['no generation', () => rmSync(target('..rehup_1'), { recursive: true })],
    ['other bytes in it', () => writeFileSync(target('key'), 'evil')],
    ['one file more in it', () => writeFileSync(target('sub/more'), 'evil')],
  ])('after it was published (%s) is noticed, and it is published anew', async (_name, change) => {
    emptyDir();
    const volume = writtenVolume(here('volume'), { key: 'one', 'sub/a': 'one' });
    const run = stage();
    await run.said('start');
    change();
    await run.logged('stage.tampered');
    const shown = () => {
      try {
        return [
          readFileSync(target('key'), 'utf8'),
          readFileSync(target('sub/a'), 'utf8'),
          readlinkSync(target('key')),
        ];
      } catch (error) {
        return String(error);
      }
    };
    await expect.poll(shown, { timeout: PATIENCE }).toEqual(['one', 'one', '..data/key']);
    volume.write({ key: 'two', 'sub/a': 'two' });
    await run.said('SIGHUP two');
    // Nothing was told of that to the application.
    expect(run.output.filter((line) => line.startsWith('SIGHUP'))).toEqual(['SIGHUP two']);
    expect(run.log().filter(({ event }) => event === 'stage.failed')).toEqual([]);
  });

  test('beside the keys stays, and is told once', async () => {
    emptyDir();
    const volume = writtenVolume(here('volume'), { key: 'one' });
    const run = stage();
    await run.said('start');
    writeFileSync(target('app.pid'), '7');
    const { reason } = await run.logged('stage.tampered');
    expect(reason).toMatch(/app\.pid was not put there by --stage, and is left/);
    volume.write({ key: 'two' });
    await run.said('SIGHUP two');
    await ends(run);
    expect(run.log().filter(({ event }) => event === 'stage.tampered')).toHaveLength(1);
    expect(readFileSync(target('app.pid'), 'utf8')).toBe('7');
  });

  test('that only others own or may read differently is no change', async () => {
    writtenVolume(here('volume'), { key: 'one' });
    const run = stage();
    await run.said('start');
    chmodSync(target('key'), 0o600);
    const waited = writtenVolume(here('volume'), { key: 'two' });
    await run.said('SIGHUP two');
    waited.write({ key: 'three' });
    await run.said('SIGHUP three');
    expect(run.log().filter(({ event }) => event.startsWith('stage.'))).toEqual([]);
  });
});

test('66,000 names, and one that is numbered far ahead of all generations, end nothing, and no later start', async () => {
  const volume = writtenVolume(here('volume'), { key: 'one' });
  const run = stage();
  await run.said('start');
  const names = Array.from({ length: 66_000 }, (_, index) => target(`name-${index}`));
  for (const name of names) writeFileSync(name, '');
  mkdirSync(target('..rehup_999999999999999'));
  volume.write({ key: 'two' });
  await run.logged('reload.applied');
  expect(readFileSync(target('key'), 'utf8')).toBe('two');
  await ends(run);
  for (const name of names) unlinkSync(name);
  mkdirSync(target('..rehup_999999999999999'), { recursive: true });
  const later = stage();
  await later.said('start');
  await ends(later);
});

test('a token is there, and published anew when it rotates, without an action', async () => {
  const keys = { 'ca.crt': 'ca', namespace: 'default', key: 'one' };
  const volume = writtenVolume(here('volume'), { ...keys, token: 'first' });
  const run = stage();
  await run.said('start');
  expect(readFileSync(target('token'), 'utf8')).toBe('first');
  for (const token of ['second', 'third']) {
    volume.write({ ...keys, token });
    await expect.poll(() => readFileSync(target('token'), 'utf8'), { timeout: PATIENCE }).toBe(token);
  }
  volume.write({ ...keys, key: 'two', token: 'fourth' });
  await run.said('SIGHUP two');
  expect(readFileSync(target('token'), 'utf8')).toBe('fourth');
  await ends(run);
  expect(run.output.filter((line) => line.startsWith('SIGHUP'))).toEqual(['SIGHUP two']);
  expect(run.log().filter(({ event }) => event.startsWith('stage.'))).toEqual([]);
  // The next life knows it for what it is.
  const next = stage();
  await next.said('start');
  await ends(next);
  expect(readFileSync(target('token'), 'utf8')).toBe('fourth');
});

test('a token that rotates beside content that is rejected comes with what is good again', async () => {
  const keys = { 'ca.crt': 'ca', namespace: 'default' };
  const volume = writtenVolume(here('volume'), { ...keys, key: 'good', token: 'first' });
  const check = script(here('check'), `! grep -q bad "$1/key"`);
  const run = stage([...LOOKING, '--check', `${check} {dir}`]);
  await run.said('start');
  volume.write({ ...keys, key: 'bad', token: 'second' });
  await run.logged('reload.rejected');
  volume.write({ ...keys, key: 'good', token: 'second' });
  await expect.poll(() => readFileSync(target('token'), 'utf8'), { timeout: PATIENCE }).toBe('second');
  expect(run.output.filter((line) => line.startsWith('SIGHUP'))).toEqual([]);
});

test('every name of the source is there: a directory with two names, and one that a link leads to', async () => {
  mkdirSync(here('volume/common/x'), { recursive: true });
  writeFileSync(here('volume/common/x/key'), 'one');
  symlinkSync('common', here('volume/tenant'));
  symlinkSync('../common/x', here('volume/common/again'));
  const run = stage(LOOKING, 'tenant/x/key');
  expect(await run.said('start')).toMatch(/ one$/);
  expect(readFileSync(target('common/again/key'), 'utf8')).toBe('one');
  writeFileSync(here('volume/common/x/key'), 'two');
  await run.said('SIGHUP two');
  await ends(run);
  const next = stage(LOOKING, 'tenant/x/key');
  expect(await next.said('start')).toMatch(/ two$/);
  await ends(next);
  // It is known as what is there: nothing was copied anew.
  expect(readlinkSync(target('..data'))).toBe('..rehup_2');
});

needing(PID_NAMESPACE, RAMFS)(
  'one volume that is mounted at two places below the source is at both',
  async () => {
    const places = ['source/a', 'source/b'];
    for (const place of places) mkdirSync(here(place), { recursive: true });
    const volume = writtenVolume(here('volume'), { key: 'one' });
    const mounts = `for place in ${places.map((place) => `'${here(place)}'`).join(' ')}; do
    mount --bind '${here('volume')}' "$place" || exit; done; exec "$@"`;
    const run = rehup(
      ['--stage', `${here('source')}=${here('target')}`, ...LOOKING, ...witness(target('b/key'))],
      { prefix: ['unshare', '--mount', 'sh', '-c', mounts, 'sh', ...(PID_NAMESPACE.prefix ?? [])] },
    );
    expect(await run.said('start')).toMatch(/ one$/);
    expect(readFileSync(target('a/key'), 'utf8')).toBe('one');
    volume.write({ key: 'two' });
    await run.said('SIGHUP two');
    expect(readFileSync(target('a/key'), 'utf8')).toBe('two');
  },
);

describe('the next life of the container', () => {
  test('starts on the last good generation where the source is empty or gone, and picks it up when it is back', async () => {
    const volume = writtenVolume(here('volume'), { key: 'one' });
    const first = stage();
    await first.said('start');
    await expect.poll(() => readlinkSync(target('..good')), { timeout: PATIENCE }).toBe('..rehup_1');
    await ends(first);
    volume.write({});
    const second = stage();
    expect(await second.said('start')).toMatch(/ one$/);
    await second.logged('watch.missing');
    volume.write({ key: 'two' });
    await second.said('SIGHUP two');
    await expect
      .poll(() => readlinkSync(target('..good')), { timeout: PATIENCE })
      .toBe(readlinkSync(target('..data')));
    await ends(second);
    rmSync(here('volume'), { recursive: true });
    const third = stage();
    expect(await third.said('start')).toMatch(/ two$/);
    await third.logged('watch.missing');
  });

  test('does not try what the application failed on in an earlier one', async () => {
    const volume = writtenVolume(here('volume'), { key: 'good' });
    const picky = script(
      here('picky'),
      // It says itself that it serves: however slow this machine is, bad content is not taken for good.
      `read -r text < '${target('key')}'; echo "start $text"; case $text in bad*) exit 7;; esac
trap 'exit 0' TERM; echo >&3; while :; do sleep 0.05; done`,
    );
    const words = ['--stage', `${here('volume')}=${here('target')}`, ...AT_ONCE];
    const start = () => rehup([...words, '--ready', 'notify-fd:3', picky]);
    const first = start();
    await first.said('start good');
    await expect.poll(() => readlinkSync(target('..good')), { timeout: PATIENCE }).toBe('..rehup_1');
    volume.write({ key: 'bad' });
    await first.logged('reload.rolled_back');
    await ends(first);
    expect(first.output).toContain('start bad');
    const second = start();
    await second.said('start good');
    expect((await second.logged('start.degraded'))['reason']).toMatch(/failed on this content before/);
    volume.write({ key: 'good again' });
    await second.said('start good again');
    await second.logged('reload.applied');
    await ends(second);
    expect(second.output.filter((line) => line.startsWith('start bad'))).toEqual([]);
  });
});
