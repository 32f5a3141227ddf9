import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { IS_NODE, REHUP_BIN } from '../support/rehup.ts';

/** `rehup controller` as a command; what it does stands in test/cluster. */

function asked(...words: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(REHUP_BIN, words, {
    encoding: 'utf8',
    env: { KUBECONFIG: '/nowhere/kubeconfig' },
  });
  return { status, stdout, stderr };
}

test('controller is in one edition, and the other says which', () => {
  if (IS_NODE) {
    const { status, stdout } = asked('controller', '--help');
    expect([status, stdout.split('\n')[0]]).toEqual([0, 'Usage: rehup controller [options]']);
    expect(asked('help', 'controller').stdout).toBe(stdout);
  } else
    expect(asked('controller', '--help')).toEqual({
      status: 125,
      stdout: '',
      stderr: 'rehup: controller: only the Node edition has it; use the executable rehup-node or its image\n',
    });
});

test('what it can not begin with is one line, and 125', () => {
  const { status, stdout, stderr } = asked('controller', '--qps', 'x');
  expect([status, stdout]).toEqual([125, '']);
  expect(stderr).toMatch(
    IS_NODE ? /^rehup: --qps x: not a number; use for example 10\n$/ : /^rehup: controller: .*\n$/,
  );
  const missing = asked('controller', '--kubeconfig', '/nowhere/k', '--listen', '127.0.0.1:1');
  expect(missing.status).toBe(125);
  expect(missing.stderr).toMatch(
    IS_NODE ? /^rehup: controller: .*'\/nowhere\/k'\n$/ : /^rehup: controller: .*\n$/,
  );
});
