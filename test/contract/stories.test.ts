import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../../scripts/product.ts';
import type { Capability } from '../support/machine.ts';
import { EXAMPLES } from '../support/manifests.ts';
import { needing } from '../support/needing.ts';
import { REHUP_BIN } from '../support/rehup.ts';

/** The script of each example shows its story with real applications, and ends in 0 only if it came true. */

function program(name: string, debian: string): Capability {
  const there = ['/usr/sbin', '/usr/bin'].some((folder) => existsSync(join(folder, name)));
  return { prefix: there ? [] : undefined, remedy: `${name} (apt-get install -y ${debian})` };
}

const NGINX = program('nginx', 'nginx-light');

/** What each needs of the machine. */
const NEEDS: Readonly<Record<string, readonly Capability[]>> = {
  'haproxy-master-worker': [program('haproxy', 'haproxy')],
  'nginx-sighup': [NGINX],
  'node-restart': [],
};

test('every example is tried here', () => {
  expect(Object.keys(NEEDS)).toEqual(EXAMPLES);
});

describe('the story of', () => {
  for (const [name, capabilities] of Object.entries(NEEDS)) {
    needing(...capabilities)(`${name} comes true`, () => {
      const path = `${dirname(process.execPath)}:${process.env['PATH']}`;
      const { stdout, stderr, status } = spawnSync(join(ROOT, 'examples', name, 'run'), {
        encoding: 'utf8',
        env: { PATH: path, REHUP_BIN },
      });
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout.trim().split('\n').at(-1)).toMatch(
        /^-- rehup ended with the code of the application: 0$/,
      );
    });
  }
});
