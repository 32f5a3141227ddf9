import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestAPI, test } from 'vitest';
import type { Capability } from './machine.ts';

/** Where tests that are left out are listed for the end of `npm test`. */
export const LEFT_OUT = join(import.meta.dirname, '../../node_modules/.cache/rehup/left-out.txt');

/** A test that needs something of the machine: left out and listed where it is not there, failed under REHUP_TEST_ALL=1. */
export function needing(...capabilities: readonly Capability[]): TestAPI {
  const missing = capabilities.find((capability) => capability.prefix === undefined);
  if (missing === undefined) return test;
  if (process.env['REHUP_TEST_ALL'] === '1')
    throw new Error(`REHUP_TEST_ALL=1 and this machine lacks ${missing.remedy}`);
  mkdirSync(dirname(LEFT_OUT), { recursive: true });
  appendFileSync(LEFT_OUT, `${missing.remedy}\n`);
  return test.skipIf(true) as TestAPI;
}
