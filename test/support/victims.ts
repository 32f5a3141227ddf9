import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../../scripts/build/product.ts';
import type { Capability } from './machine.ts';

const VICTIMS = join(import.meta.dirname, '../victims');

/** Makes a victim anew when its source is younger; several test files may do so at once, with the same result. */
function build(name: string): boolean {
  const source = join(VICTIMS, `${name}.c`);
  const program = join(CACHE, name);
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return true;
  mkdirSync(CACHE, { recursive: true });
  const beside = `${program}-${process.pid}`;
  const { status } = spawnSync('gcc', ['-O2', '-o', beside, source]);
  return status === 0 && spawnSync('mv', [beside, program]).status === 0;
}

/** A C compiler for the victims that a script could not be. */
export const VICTIMS_IN_C: Capability = {
  prefix: ['teller', 'storm', 'vandal'].every(build) ? [] : undefined,
  remedy: 'a C compiler (apt-get install -y gcc libc6-dev)',
};

/** The words that run the teller: it tells of signals by number with the content of a file, and ends with a code at TERM. */
export function teller(file: string, code = 0): readonly string[] {
  return [join(CACHE, 'teller'), file, String(code)];
}

/** The words that run the storm: it leaves so many orphans that die at once, and ends with a code. */
export function storm(count: number, code: number, ...more: readonly string[]): readonly string[] {
  return [join(CACHE, 'storm'), String(count), String(code), ...more];
}

/** The program that does to a directory what whoever may write in it can do: see its source. */
export const VANDAL = join(CACHE, 'vandal');
