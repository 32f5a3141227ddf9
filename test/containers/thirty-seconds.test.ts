import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test as plain } from 'vitest';
import { ROOT } from '../../scripts/build/product.ts';
import { standInsFor } from '../support/bases.ts';
import { blocks, README } from '../support/documents.ts';
import { CONTAINERS, RUN, removeImages } from '../support/images.ts';
import { needing } from '../support/needing.ts';
import { disposeAll, rehup, STATIC_EXECUTABLE } from '../support/rehup.ts';

/** What the README shows in thirty seconds with a container engine alone. */

const [run = '', write = '', kind = ''] = blocks(README, 'sh').filter((text) => /podman|^echo/.test(text));

const directory = mkdtempSync(join(tmpdir(), 'rehup-thirty-'));

afterAll(async () => {
  await disposeAll();
  if (CONTAINERS.prefix !== undefined) removeImages();
  rmSync(directory, { recursive: true });
});

needing(STATIC_EXECUTABLE, CONTAINERS)('the application is restarted when its file is written', async () => {
  mkdirSync(join(directory, 'dist'));
  symlinkSync(join(ROOT, 'dist/rehup'), join(directory, 'dist/rehup'));
  const [image] = Object.values(await standInsFor('FROM alpine:3.22'));
  const name = `rehup-thirty-${process.pid}`;
  const line = run
    .replace('podman run --rm', `${RUN.join(' ')} --network none --name ${name}`)
    .replace('alpine:3.22', `localhost/${image}`);
  const self = rehup(['-c', line], { prefix: [], executable: '/bin/sh', cwd: directory });
  await self.said('hello');
  await self.logged('child.started');
  expect(spawnSync('sh', ['-c', write], { cwd: directory }).status).toBe(0);
  await self.said('good morning');
  spawnSync('podman', ['stop', name]);
  // `sleep` has no handler for TERM, and its end by that is the container's.
  expect(await self.ended).toBe(143);
});

plain('what is shown with kind is the example that has a test of its own on a real Kubernetes', () => {
  const lines = kind.split('\n');
  expect(lines[0]).toContain('--file examples/inject/Dockerfile');
  expect(lines[2]).toBe('kubectl apply -k examples/inject');
  const { data }: { data: Record<string, string> } = JSON.parse(/--patch '(.*)'/.exec(kind)?.[1] ?? '{}');
  expect(Object.keys(data)).toEqual(['site.conf']);
});
