import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../../scripts/build/product.ts';
import { OWN_NETWORK } from '../support/machine.ts';
import { EXAMPLES, NEEDED_BY } from '../support/manifests.ts';
import { needing } from '../support/needing.ts';
import { REHUP_BIN } from '../support/rehup.ts';

/**
 * The script of each example shows its story with real applications, and ends in 0 only if it came true. The ports that it finds
 * free are free until it listens on them: each has a network of its own, where the machine has any.
 */

test('every example is tried here', () => {
  expect(Object.keys(NEEDED_BY)).toEqual(EXAMPLES);
});

describe('the story of', () => {
  for (const [name, capabilities] of Object.entries(NEEDED_BY)) {
    needing(...capabilities)(`${name} comes true`, () => {
      const path = `${dirname(process.execPath)}:${process.env['PATH']}`;
      const [program = '', ...words] = [...(OWN_NETWORK.prefix ?? []), join(ROOT, 'examples', name, 'run')];
      const { stdout, stderr, status } = spawnSync(program, words, {
        encoding: 'utf8',
        env: { PATH: path, REHUP_BIN },
      });
      expect({ status, stderr }, `${stdout}${stderr}`).toEqual({ status: 0, stderr: '' });
      expect(stdout.trim().split('\n').at(-1)).toMatch(
        /^-- (rehup|the application) ended with (the code of the application|its own code): 0$/,
      );
    });
  }
});
