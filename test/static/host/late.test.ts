import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { build, CACHE, ROOT } from '../../../scripts/build/product.ts';
import { staticExecutable } from '../../../scripts/build/static.ts';
import { STATIC_HOST } from '../../support/native.ts';
import { needing } from '../../support/needing.ts';

/** A static host that the machine keeps waiting: a child that dies in time is never verified. */

needing(STATIC_HOST)('what happened before a timer was due is told before it', async () => {
  const program = join(CACHE, 'late');
  await build(staticExecutable({ entry: { file: join(ROOT, 'test/static/host/late.ts') }, output: program }));
  expect((await promisify(execFile)(program)).stdout).toBe('exited verify-start\n');
});
