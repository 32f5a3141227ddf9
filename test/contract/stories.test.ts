import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../../scripts/build/product.ts';
import { EXAMPLES, NEEDED_BY } from '../support/manifests.ts';
import { needing } from '../support/needing.ts';
import { REHUP_BIN } from '../support/rehup.ts';

/** The script of each example shows its story with real applications, and ends in 0 only if it came true. */

test('every example is tried here', () => {
  expect(Object.keys(NEEDED_BY)).toEqual(EXAMPLES);
});

describe('the story of', () => {
  for (const [name, capabilities] of Object.entries(NEEDED_BY)) {
    needing(...capabilities)(`${name} comes true`, () => {
      const path = `${dirname(process.execPath)}:${process.env['PATH']}`;
      const { stdout, stderr, status } = spawnSync(join(ROOT, 'examples', name, 'run'), {
        encoding: 'utf8',
        env: { PATH: path, REHUP_BIN },
      });
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout.trim().split('\n').at(-1)).toMatch(
        /^-- (rehup|the application) ended with (the code of the application|its own code): 0$/,
      );
    });
  }
});
