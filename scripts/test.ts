/**
 * `npm test`: runs vitest on all tests (or those named in the arguments) against each executable that was built, and
 * ends with what passed, what failed and what this machine could not run. `REHUP_TEST_ALL=1`: nothing may be left out.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import process from 'node:process';

const ROOT = join(import.meta.dirname, '..');
const CACHE = join(ROOT, 'node_modules/.cache/rehup');
const RESULT = join(CACHE, 'test-result.json');
const LEFT_OUT = join(CACHE, 'left-out.txt');

type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number };

/** The executables that were built, the one that people put into images first; or the one that REHUP_BIN names. */
function executables(): readonly string[] {
  const given = process.env['REHUP_BIN'];
  if (given !== undefined) return [given];
  return ['dist/rehup', 'dist/rehup-node'].map((name) => join(ROOT, name)).filter((file) => existsSync(file));
}

function runVitest(
  executable: string,
  words: readonly string[],
): { readonly ok: boolean; readonly counts: Counts } {
  rmSync(RESULT, { force: true });
  const vitest = join(ROOT, 'node_modules/.bin/vitest');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${RESULT}`];
  const { status } = spawnSync(vitest, ['run', ...reporters, ...words], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, REHUP_BIN: executable },
  });
  const result: Record<string, unknown> = existsSync(RESULT) ? JSON.parse(readFileSync(RESULT, 'utf8')) : {};
  const count = (name: string) => Number(result[name] ?? 0);
  return {
    ok: status === 0,
    counts: {
      passed: count('numPassedTests'),
      failed: count('numFailedTests') + count('numFailedTestSuites') * (count('numTotalTests') === 0 ? 1 : 0),
      skipped: count('numPendingTests'),
    },
  };
}

/** What this machine lacks, and one command that brings all of it that Debian has. */
function leftOutLine(remedies: readonly string[]): string {
  const packages = remedies.flatMap(
    (text) => /apt-get install -y ([^,;)]*)/.exec(text)?.[1]?.split(' ') ?? [],
  );
  const things = remedies.map((text) =>
    text
      .replace(/:? ?apt-get install -y [^,;)]*/, '')
      .replace('(, and ', '(')
      .replace(' ()', ''),
  );
  const command = packages.length === 0 ? '' : `; apt-get install -y ${[...new Set(packages)].join(' ')}`;
  return `Left out, because this machine lacks: ${[...new Set(things)].join(', ')}${command}`;
}

mkdirSync(dirname(RESULT), { recursive: true });
rmSync(LEFT_OUT, { force: true });
const words = process.argv.slice(2);
const total = { passed: 0, failed: 0, skipped: 0 };
let ok = true;
for (const [index, executable] of executables().entries()) {
  // All tests once, and those of the built program again for each other one.
  const run = runVitest(executable, index === 0 || words.length > 0 ? words : ['test/contract']);
  console.log(`${relative(ROOT, executable)}: ${run.counts.passed} passed, ${run.counts.failed} failed`);
  ok &&= run.ok;
  for (const name of ['passed', 'failed', 'skipped'] as const) total[name] += run.counts[name];
}
const leftOut = existsSync(LEFT_OUT) ? [...new Set(readFileSync(LEFT_OUT, 'utf8').trim().split('\n'))] : [];
console.log(`\nTests: ${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
if (leftOut.length > 0) console.log(leftOutLine(leftOut));
process.exitCode = ok ? 0 : 1;
