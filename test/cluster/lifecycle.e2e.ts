import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { ROOT } from '../../scripts/build/product.ts';
import { awaited } from './client/waiting.ts';
import { remainsOf } from './engine/remains.ts';

/** A second cluster beside that of the tests, and what is left of it. */

let running: ChildProcess | undefined;

afterEach(() => void running?.kill('SIGKILL'));

/** Starts `npm run cluster` and waits until it is ready; its process, the name of its run and how long it took, ms. */
async function started() {
  const began = performance.now();
  const child = spawn(process.execPath, [join(ROOT, 'scripts/cluster.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  running = child;
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [, name = ''] = await awaited(
    'the second cluster',
    () => /^export KUBECONFIG=.*\/(rehup-cluster-[^/]+)\//m.exec(output) ?? undefined,
    { shown: () => output },
  );
  return { child, name, took: performance.now() - began };
}

async function nothingRemains(name: string): Promise<void> {
  await awaited('nothing to remain', () => (remainsOf(name).length === 0 ? true : undefined), {
    patience: 60_000,
    shown: () => remainsOf(name).join('\n'),
  });
}

test('a second cluster starts beside the first, and nothing is left of it after its end', async () => {
  const { child, name, took } = await started();
  // 20 s where nothing else goes on.
  expect(took).toBeLessThan(60_000);
  // Of each kind there is something to be left behind.
  const kinds = new Set(remainsOf(name).map((line) => line.split(':')[0]));
  expect([...kinds].sort()).toEqual(['cgroup', 'folder', 'link', 'process']);
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(remainsOf(name)).toEqual([]);
});

test('nor after a SIGKILL of the one that started it', async () => {
  const { child, name } = await started();
  child.kill('SIGKILL');
  await nothingRemains(name);
});
