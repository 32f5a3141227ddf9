import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { PATIENCE } from './rehup.ts';

/** A `--check` that passes everything, once the test lets it. */
export function heldCheck(directory: string) {
  const begun = join(directory, 'begun');
  const pass = join(directory, 'pass');
  const script = `echo >>${begun}; while [ ! -e ${pass} ]; do sleep 0.05; done`;
  return {
    words: ['--check', `sh -c '${script}'`, '--check-timeout', '10m'],
    /** Waits until it was begun so often. */
    begun: (times: number) =>
      expect
        .poll(() => (existsSync(begun) ? readFileSync(begun, 'utf8').length : 0), { timeout: PATIENCE })
        .toBe(times),
    pass: () => writeFileSync(pass, ''),
  };
}
