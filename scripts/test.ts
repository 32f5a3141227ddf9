/**
 * `npm test`: runs vitest on all tests (or those named in the arguments) against each executable that was built, and
 * ends with what passed, what failed and what this machine could not run. `REHUP_TEST_ALL=1`: nothing may be left out.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import process from 'node:process';
import { missingForCluster } from '../test/cluster/engine/needs.ts';
import { RESULTS_FILE, type Results } from './results-reporter.ts';

const ROOT = join(import.meta.dirname, '..');
const CACHE = join(ROOT, 'node_modules/.cache/rehup');
const LEFT_OUT = join(CACHE, 'left-out.txt');

/** The executables that were built, the one that people put into images first; or the one that REHUP_BIN names. */
function executables(): readonly string[] {
  const given = process.env['REHUP_BIN'];
  if (given !== undefined) return [given];
  return ['dist/rehup', 'dist/rehup-node'].map((name) => join(ROOT, name)).filter((file) => existsSync(file));
}

type Run = { readonly ok: boolean; readonly results: Results };

/** Of a run that ended before it could tell. */
const NOTHING: Results = { passed: 0, failed: 0, skipped: 0, failures: [] };

/** Runs vitest; what it prints goes to the file that is given, or is shown. */
async function runVitest(executable: string, words: readonly string[], output?: string): Promise<Run> {
  const resultFile = join(CACHE, `${basename(executable)}.json`);
  rmSync(resultFile, { force: true });
  const shown = output === undefined ? 'inherit' : openSync(output, 'w');
  const vitest = spawn(join(ROOT, 'node_modules/.bin/vitest'), ['run', ...words], {
    cwd: ROOT,
    stdio: ['inherit', shown, shown],
    env: { ...process.env, REHUP_BIN: executable, [RESULTS_FILE]: resultFile },
  });
  const [code] = await once(vitest, 'exit');
  if (shown !== 'inherit') closeSync(shown);
  const results: Results = existsSync(resultFile) ? JSON.parse(readFileSync(resultFile, 'utf8')) : NOTHING;
  return { ok: code === 0, results };
}

/**
 * All tests on the first executable, and those of the built program on each other one: beside them, and shown
 * afterwards; or after them, when the soak measures times.
 */
async function runAll(words: readonly string[]): Promise<readonly (Run & { readonly executable: string })[]> {
  const [first, ...others] = executables();
  if (first === undefined) return [];
  const run = async (executable: string, chosen: readonly string[], output?: string) => ({
    executable,
    ...(await runVitest(executable, chosen, output)),
  });
  const again = words.length > 0 ? words : ['test/contract'];
  if (process.env['REHUP_SOAK'] === '1') {
    const results = [await run(first, words)];
    for (const other of others) results.push(await run(other, again));
    return results;
  }
  const outputs = others.map((other) => join(CACHE, `${basename(other)}.txt`));
  const results = await Promise.all([
    run(first, words),
    ...others.map((other, index) => run(other, again, outputs[index])),
  ]);
  for (const output of outputs) process.stdout.write(readFileSync(output));
  return results;
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

mkdirSync(CACHE, { recursive: true });
rmSync(LEFT_OUT, { force: true });
const runs = await runAll(process.argv.slice(2));
for (const {
  executable,
  results: { passed, failed, failures },
} of runs) {
  console.log(`${relative(ROOT, executable)}: ${passed} passed, ${failed} failed`);
  for (const failure of failures) console.log(`  failed: ${failure}`);
}
const total = (name: 'passed' | 'failed' | 'skipped') =>
  runs.reduce((sum, { results }) => sum + results[name], 0);
const leftOut = existsSync(LEFT_OUT) ? [...new Set(readFileSync(LEFT_OUT, 'utf8').trim().split('\n'))] : [];
console.log(`\nTests: ${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`);
if (leftOut.length > 0) console.log(leftOutLine(leftOut));
const missing = missingForCluster();
const lacks = missing.length === 0 ? '' : `, which need ${missing.join(', ')}`;
console.log(`Not among them: the tests on a real Kubernetes${lacks}; npm run e2e runs them`);
process.exitCode = runs.every(({ ok }) => ok) ? 0 : 1;
