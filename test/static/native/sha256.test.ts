import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { needing } from '../../support/needing.ts';
import { VICTIMS_IN_C } from '../../support/victims.ts';

/** The digests themselves are tried through the host (files.test.ts), by the way that this processor takes. */

const test = needing(VICTIMS_IN_C);

test('with the instructions of the processor a digest is what it is without them', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rehup-sha256-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const program = join(directory, 'sha256');
  execFileSync('gcc', ['-O2', '-o', program, join(import.meta.dirname, 'sha256.c')]);
  const has = /^flags\s*:.* sha_ni( |$)/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  expect(execFileSync(program, { encoding: 'utf8' })).toBe(has ? 'same\n' : 'none\n');
});
