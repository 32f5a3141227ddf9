import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { ROOT } from '../../scripts/build/product.ts';
import { standInsFor } from '../support/bases.ts';
import { createContainers } from '../support/containers.ts';
import { buildImage, CONTAINERS, removeImages } from '../support/images.ts';
import { NGINX } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { disposeAll, STATIC_EXECUTABLE } from '../support/rehup.ts';

/** Dockerfile.example as it is: each stage is built, and run as strictly as a cluster may. */

const test = needing(STATIC_EXECUTABLE, CONTAINERS, NGINX);

const DOCKERFILE = join(ROOT, 'Dockerfile.example');
const TEXT = readFileSync(DOCKERFILE, 'utf8');

const context = mkdtempSync(join(tmpdir(), 'rehup-dockerfile-'));
const containers = createContainers(join(context, 'volumes'));
let bases: Readonly<Record<string, string>> = {};

beforeAll(async () => {
  if (CONTAINERS.prefix === undefined || NGINX.prefix === undefined) return;
  mkdirSync(join(context, 'dist'));
  cpSync(join(ROOT, 'dist/rehup'), join(context, 'dist/rehup'));
  const victim = join(ROOT, 'test/victims/teller.c');
  execFileSync('musl-gcc', ['-static', '-O2', victim, '-o', join(context, 'app')]);
  execFileSync('npm', ['pack', '--pack-destination', context], { cwd: ROOT, stdio: 'ignore' });
  bases = await standInsFor(TEXT);
}, 600_000);

afterAll(async () => {
  await disposeAll();
  if (CONTAINERS.prefix !== undefined) removeImages();
  rmSync(context, { recursive: true });
});

function build(target: string): string {
  return buildImage({ name: target, dockerfile: DOCKERFILE, context, target, bases });
}

test('every stage is tried here', () => {
  const stages = [...TEXT.matchAll(/^FROM \S+ AS (\S+)/gm)].map(([, stage]) => stage);
  expect(stages).toEqual(['nginx', ...RESTARTED.map(({ target }) => target)]);
});

/** The application is restarted, and tells what it has read. */
const RESTARTED = [
  { target: 'slim', memory: '8m' },
  { target: 'alpine', memory: '8m' },
  { target: 'scratch-image', memory: '8m' },
  { target: 'node-edition', memory: '192m' },
];

describe('Dockerfile.example', () => {
  test('nginx serves by the changed configuration, and finishes when it is stopped', async () => {
    const site = (text: string) => `server { listen 8080; location / { return 200 "${text}"; } }`;
    const volume = containers.newVolume({ 'site.conf': site('one') });
    const mount = '/etc/nginx/conf.d';
    const more = ['--tmpfs', '/tmp', '--env', 'REHUP_VERIFY=1s'];
    const options = { image: build('nginx'), volume: volume.path, mount, memory: '32m', more };
    const { self, podman, served } = containers.run({ ...options, user: '101' });
    await self.logged('child.started');
    expect(await served(8080, 'one')).toBe('one');
    volume.write({ 'site.conf': site('two') });
    expect(await served(8080, 'two')).toBe('two');
    await self.logged('reload.applied');
    expect(self.log().filter(({ event }) => event === 'child.started')).toHaveLength(1);
    podman('stop');
    expect(await self.ended).toBe(0);
  });

  for (const { target, memory } of RESTARTED) {
    test(`${target} restarts its application`, async () => {
      const volume = containers.newVolume({ settings: 'one' });
      // What they wait by default would only slow this down.
      const more = ['--env', 'REHUP_VERIFY=0', '--env', 'REHUP_MIN_INTERVAL=0'];
      const { self, podman } = containers.run({ image: build(target), volume: volume.path, memory, more });
      await self.said('start one');
      await self.logged('child.started');
      volume.write({ settings: 'two' });
      await self.said('start two');
      podman('stop');
      expect(await self.ended).toBe(target === 'node-edition' ? 143 : 0);
    });
  }
});
