import { spawnSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { rehup } from '../support/rehup.ts';
import { teller, VICTIMS_IN_C } from '../support/victims.ts';
import { AT_ONCE, eachWithDirectory, told, writtenVolume } from '../support/volume.ts';

/** What the limits of a process (setrlimit(2)) do to rehup itself is nobody else's. */

const test = needing(PID_NAMESPACE, VICTIMS_IN_C);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

/** A process under limits, as prlimit(1) takes them, and rehup in it. */
const under = (...limits: readonly string[]) => [...(PID_NAMESPACE.prefix ?? []), 'prlimit', ...limits, '--'];

function prlimit(pid: number, ...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('prlimit', [`--pid=${pid}`, ...words], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

test('a write of rehup beyond RLIMIT_FSIZE fails, and signals nobody', async () => {
  const volume = writtenVolume(here('volume'), { key: 'one' });
  const stage = ['--stage', `${here('volume')}=${here('target')}`, '--on-change', 'HUP', ...AT_ONCE];
  const run = rehup([...stage, ...teller(here('target/key'), 3)], { prefix: under('--fsize=102400') });
  await run.said('start one');
  volume.write({ key: 'two', big: 'x'.repeat(300_000) });
  const failed = await run.logged('reload.failed');
  expect(failed.msg).toMatch(/copy of .*\/big failed \(EFBIG\); raise the limit .*ulimit -f/);
  volume.write({ key: 'three' });
  await run.said('1 three');
  run.signal('SIGTERM');
  expect(await run.ended).toBe(3);
  expect(run.output.filter((line) => line.startsWith('25'))).toEqual([]);
});

test('a SIGXCPU for the time that rehup itself has used is not forwarded', async () => {
  const big = here('watched');
  const size = 100 * 1024 * 1024;
  writeFileSync(big, '');
  truncateSync(big, size);
  const words = ['-w', big, '--on-change', 'HUP', '--settle', '0', ...AT_ONCE, ...teller('/dev/null', 3)];
  const run = rehup(words);
  await run.said('start');
  expect(prlimit(run.pid(), '--cpu=1:600')).toBe('');
  // The kernel raises a limit that it has told of, by a second.
  for (let change = 1; Number(prlimit(run.pid(), '--cpu', '--output=SOFT', '--noheadings')) < 2; change++) {
    truncateSync(big, size + change);
    await run.said('1 ', change);
  }
  run.signal('SIGTERM');
  expect(await run.ended).toBe(3);
  expect(told(run).filter((line) => line.startsWith('24'))).toEqual([]);
});

test('a SIGXCPU that was sent to rehup is forwarded all the same', async () => {
  const run = rehup(teller('/dev/null', 3));
  await run.said('start');
  run.signal('SIGXCPU');
  await run.said('24');
  run.signal('SIGTERM');
  expect(await run.ended).toBe(3);
});
