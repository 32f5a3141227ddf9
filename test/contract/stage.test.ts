import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { NOBODY, PID_NAMESPACE, SMALL_TMPFS } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { script } from '../support/processes.ts';
import { QUOTA } from '../support/quota.ts';
import { PATIENCE, rehup, witness } from '../support/rehup.ts';
import { AT_ONCE, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 5, *stage*, from outside: what the application can see, and what is left in the target. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);
const names = () => readdirSync(here('target')).sort();
const staged = (...words: readonly string[]) => ['--stage', `${here('volume')}=${here('target')}`, ...words];

test('the application sees a volume of its own, and only what is active and good is left in it', async () => {
  const volume = writtenVolume(here('volume'), { key: 'one', old: '1' });
  const child = witness(join(here('target'), 'key'));
  const run = rehup([...staged('--on-change', 'HUP', ...AT_ONCE), ...child]);
  expect(await run.said('start')).toMatch(/ one$/);
  for (const text of ['two', 'three', 'four']) {
    volume.write({ key: text, 'sub/new': text });
    await run.said(`SIGHUP ${text}`);
  }
  await run.logged('reload.applied', 3);
  await expect.poll(names, { timeout: PATIENCE }).toEqual(['..data', '..good', '..rehup_4', 'key', 'sub']);
  expect(readlinkSync(here('target/key'))).toBe('..data/key');
  expect(readFileSync(here('target/sub/new'), 'utf8')).toBe('four');
});

test('modes are kept, whatever the umask', async () => {
  writtenVolume(here('volume'), { key: 'one' }, { mode: 0o640 });
  const run = rehup([...staged(), ...witness(join(here('target'), 'key'))], {
    prefix: ['sh', '-c', 'umask 077; exec "$@"', 'sh', ...(PID_NAMESPACE.prefix ?? [])],
  });
  await run.said('start');
  expect(statSync(here('target/key')).mode & 0o777).toBe(0o640);
  expect(statSync(here('target/..data/')).mode & 0o777).toBe(0o755);
});

test('a reader that opens ..data once never sees a mix while generations go by', async () => {
  const volume = writtenVolume(here('volume'), { a: '0', b: '0' });
  const reader = script(
    here('reader'),
    `trap 'echo done; exit 0' TERM
echo start
while :; do
  if cd -P '${here('target')}/..data' 2>/dev/null; then
    a=$(cat a 2>/dev/null) && b=$(cat b 2>/dev/null) && { [ "$a" = "$b" ] || echo "mix $a $b"; echo "$a" > '${here('last')}'; }
  fi
done`,
  );
  const run = rehup([...staged('--on-change', 'none', '--settle', '0', ...AT_ONCE), reader]);
  await run.said('start');
  for (let generation = 1; generation <= 60; generation++) {
    volume.write({ a: `${generation}`, b: `${generation}` });
    if (generation % 20 === 0) await run.logged('reload.applied', generation / 20);
  }
  await expect.poll(() => readFileSync(here('last'), 'utf8').trim(), { timeout: PATIENCE }).toBe('60');
  run.signal('SIGTERM');
  await run.ended;
  expect(run.output.filter((line) => line.startsWith('mix'))).toEqual([]);
});

test('a SIGKILL at any instant leaves one whole generation, and the next start cleans up', async () => {
  const volume = writtenVolume(here('volume'), { a: '0', b: '0' });
  const child = witness(join(here('target'), 'a'));
  let written = 0;
  for (let round = 0; round < 8; round++) {
    const run = rehup([...staged('--on-change', 'none', '--settle', '0', ...AT_ONCE), ...child]);
    await run.said('start');
    const until = Date.now() + round * 7;
    do {
      written += 1;
      volume.write({ a: `${written}`, b: `${written}` });
    } while (Date.now() < until);
    run.signal('SIGKILL');
    await run.ended.catch(() => {});
    const generation = join(here('target'), readlinkSync(here('target/..data')));
    expect(readFileSync(join(generation, 'a'), 'utf8')).toBe(readFileSync(join(generation, 'b'), 'utf8'));
  }
  const last = rehup([...staged('--on-change', 'none', ...AT_ONCE), ...child]);
  expect(await last.said('start')).toMatch(new RegExp(` ${written}$`));
  const links = () => [readlinkSync(here('target/..data')), readlinkSync(here('target/..good'))];
  await expect.poll(() => new Set(links()).size, { timeout: PATIENCE }).toBe(1);
  const active = readlinkSync(here('target/..data'));
  await expect.poll(names, { timeout: PATIENCE }).toEqual(['..data', '..good', active, 'a', 'b'].sort());
});

describe.each([
  ['is full', SMALL_TMPFS, 100_000, 'ENOSPC'],
  ['has a quota', QUOTA, 8_000_000, 'EDQUOT|ENOSPC'],
] as const)('a target that %s', (_, capability, tooMuch, errno) => {
  needing(PID_NAMESPACE, capability)(
    'fails the reload: the application keeps what it has, until what is there fits',
    async () => {
      mkdirSync(here('target'));
      const volume = writtenVolume(here('volume'), { key: 'one' });
      const child = witness(join(here('target'), 'key'));
      const run = rehup([...staged('--on-change', 'HUP', ...AT_ONCE), ...child], {
        prefix: [...(capability.prefix ?? []), here('target'), ...(PID_NAMESPACE.prefix ?? [])],
      });
      await run.said('start');
      volume.write({ key: 'two', large: 'x'.repeat(tooMuch) });
      const { reason } = await run.logged('reload.failed');
      expect(reason).toMatch(new RegExp(`of .*large failed \\((${errno})\\); give it room`));
      await run.logged('watch.stale');
      volume.write({ key: 'three', small: 'x'.repeat(10_000) });
      await run.said('SIGHUP three');
      await run.logged('rehup.recovered');
      run.signal('SIGTERM');
      expect(await run.ended).toBe(0);
      expect(run.output.filter((line) => line.startsWith('SIGHUP'))).toEqual(['SIGHUP three']);
    },
  );
});

describe('a target that can not be used ends it with 125 before anything is started, and nothing is deleted', () => {
  async function refused(source: string, target: string, prefix = PID_NAMESPACE.prefix): Promise<string> {
    const run = rehup(['--stage', `${source}=${target}`, ...witness('/dev/null')], { prefix: prefix ?? [] });
    expect(await run.ended).toBe(125);
    expect(run.output).toEqual([]);
    const lines = run.errors().trim().split('\n');
    expect(lines.filter((line) => line.startsWith('rehup: '))).toHaveLength(1);
    return lines.at(-1) ?? '';
  }

  test('something else lies in it', async () => {
    writtenVolume(here('volume'), { key: 'one' });
    mkdirSync(here('target'));
    writeFileSync(here('target/precious'), 'mine');
    expect(await refused(here('volume'), here('target'))).toMatch(/precious was not put there by --stage/);
    expect(readFileSync(here('target/precious'), 'utf8')).toBe('mine');
    expect(names()).toEqual(['precious']);
  });

  test('it lies in the source through a link', async () => {
    writtenVolume(here('volume'), { key: 'one' });
    mkdirSync(here('volume/inner'));
    symlinkSync(here('volume/inner'), here('link'));
    expect(await refused(here('volume'), here('link'))).toMatch(/lies in the source/);
  });

  test('the source lies in it', async () => {
    const inner = writtenVolume(here('target/volume'), { key: 'one' });
    expect(await refused(inner.path, here('target'))).toContain(here('target'));
    expect(names()).toEqual(['volume']);
  });

  test('the source lies in memory and the target does not', async () => {
    const memory = mkdtempSync('/dev/shm/rehup-');
    try {
      writtenVolume(join(memory, 'secret'), { key: 'one' });
      expect(await refused(join(memory, 'secret'), here('target'))).toMatch(/a Secret must not reach a disk/);
      expect(existsSync(here('target'))).toBe(false);
    } finally {
      rmSync(memory, { recursive: true });
    }
  });

  needing(NOBODY)('it can not be written', async () => {
    chmodSync(directory.path, 0o755);
    writtenVolume(here('volume'), { key: 'one' });
    mkdirSync(here('target'), { mode: 0o755 });
    const line = await refused(here('volume'), here('target'), NOBODY.prefix);
    expect(line).toContain(here('target'));
    expect(line).toContain('EACCES');
  });
});
