import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { build, ROOT } from '../../scripts/build/product.ts';
import { fuzzTarget } from '../../scripts/build/static.ts';
import { needing } from '../support/needing.ts';

const line = await build(fuzzTarget());

const test = needing({
  prefix: line.includes('left out') ? undefined : [],
  remedy: `the fuzz target: ${line.replace(/^.*left out: /, '')}`,
});

const corpus = mkdtempSync(join(tmpdir(), 'rehup-fuzz-'));

afterAll(() => rmSync(corpus, { recursive: true }));

const RUNS = process.env['REHUP_SOAK'] === '1' ? 5_000_000 : 50_000;

test('no bytes lead the C host astray', () => {
  // Leaks are found at the end; a search for them in each run takes longer than the runs, and is given up after a while.
  const words = [`-runs=${RUNS}`, '-seed=1', '-max_len=512', '-verbosity=0', '-detect_leaks=0', corpus];
  const { status, stderr } = spawnSync(join(ROOT, 'dist/rehup-fuzz'), words, {
    cwd: corpus,
    encoding: 'utf8',
  });
  expect(stderr).not.toMatch(/SUMMARY/);
  expect(status).toBe(0);
});
