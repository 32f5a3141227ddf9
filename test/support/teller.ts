import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../../scripts/product.ts';
import type { Capability } from './machine.ts';

const SOURCE = join(import.meta.dirname, '../victims/teller.c');
const PROGRAM = join(CACHE, 'teller');

/** Made anew when its source is younger; several test files may do so at once, with the same result. */
function build(): boolean {
  if (existsSync(PROGRAM) && statSync(PROGRAM).mtimeMs > statSync(SOURCE).mtimeMs) return true;
  mkdirSync(CACHE, { recursive: true });
  const beside = `${PROGRAM}-${process.pid}`;
  const { status } = spawnSync('gcc', ['-O2', '-o', beside, SOURCE]);
  return status === 0 && spawnSync('mv', [beside, PROGRAM]).status === 0;
}

/** A C compiler for the teller, a victim that waits for every signal there is. */
export const TELLER: Capability = {
  prefix: build() ? [] : undefined,
  remedy: 'a C compiler (apt-get install -y gcc libc6-dev)',
};

/** The words that run the teller: it tells of signals by number with the content of a file, and ends with a code at TERM. */
export function teller(file: string, code = 0): readonly string[] {
  return [PROGRAM, file, String(code)];
}
