/**
 * `npm run bench:probe`: what one `rehup probe` of a volume of 3 keys takes, with a baseline that is there: from before its
 * exec to its end, beside /bin/true, and its largest RSS.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createVolume } from '../test/support/kubelet.ts';
import { median, milliseconds } from './table.ts';

const ROUNDS = process.argv.includes('--quick') ? 3 : 100;
const DIST = join(import.meta.dirname, '../dist');
/** Debian's package `time`. */
const TIME = '/usr/bin/time';

const folder = mkdtempSync(join(tmpdir(), 'rehup-bench-'));
const volume = createVolume(join(folder, 'volume'));
volume.write({ a: '1', b: '2', c: '3' });

function took(words: readonly string[]): readonly number[] {
  const [program = '', ...rest] = words;
  return Array.from({ length: ROUNDS }, () => {
    const before = process.hrtime.bigint();
    spawnSync(program, rest, { stdio: 'ignore' });
    return Number(process.hrtime.bigint() - before) / 1e6;
  });
}

function largest(words: readonly string[]): string {
  if (!existsSync(TIME)) return `apt-get install -y time`;
  const { stderr } = spawnSync(TIME, ['-f', '%M', ...words], { encoding: 'utf8' });
  return `${stderr.trim().split('\n').at(-1)} KiB`;
}

console.log('| program | least | median (worst) | largest RSS |\n|---|---|---|---|');
for (const name of ['rehup', 'rehup-node']) {
  const words = [join(DIST, name), 'probe', '-w', volume.path, '--state', join(folder, name)];
  // The first takes the baseline.
  spawnSync(words[0] ?? '', words.slice(1), { stdio: 'ignore' });
  row(`${name} probe`, words);
}
row('true', ['/bin/true']);
rmSync(folder, { recursive: true });

function row(name: string, words: readonly string[]): void {
  const times = [...took(words)].sort((one, other) => one - other);
  const [least = 0] = times;
  const middle = `${milliseconds(median(times) ?? 0)} (${milliseconds(times.at(-1) ?? 0)})`;
  console.log(`| ${name} | ${milliseconds(least)} | ${middle} | ${largest(words)} |`);
}
