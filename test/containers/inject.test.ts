import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test as plain } from 'vitest';
import { ROOT } from '../../scripts/build/product.ts';
import { askedOf } from '../support/asked.ts';
import { standInsFor } from '../support/bases.ts';
import { type Container, createContainers } from '../support/containers.ts';
import { buildImage, CONTAINERS, importImage, removeImages } from '../support/images.ts';
import { NGINX } from '../support/machine.ts';
import { EXAMPLES, isOwn, readExample } from '../support/manifests.ts';
import { needing } from '../support/needing.ts';
import { disposeAll, STATIC_EXECUTABLE } from '../support/rehup.ts';
import { AT_ONCE } from '../support/volume.ts';

/** Specification 10: rehup in front of an image that nobody rebuilds, by a volume that the image of rehup fills or is. */

const test = needing(STATIC_EXECUTABLE, CONTAINERS, NGINX);

const context = mkdtempSync(join(tmpdir(), 'rehup-inject-'));
const containers = createContainers(join(context, 'volumes'));
const EXAMPLE = readExample('inject');
let injector = '';

beforeAll(() => {
  if (CONTAINERS.prefix === undefined) return;
  mkdirSync(join(context, 'dist'));
  cpSync(join(ROOT, 'dist/rehup'), join(context, 'dist/rehup'));
  const dockerfile = join(ROOT, 'examples/inject/Dockerfile');
  injector = buildImage({ name: 'injector', dockerfile, context, bases: {} });
});

afterAll(async () => {
  await disposeAll();
  if (CONTAINERS.prefix !== undefined) removeImages();
  rmSync(context, { recursive: true });
});

/** What the init container of the example leaves in an emptyDir. */
async function injected(): Promise<string> {
  const [init] = EXAMPLE.pod.initContainers ?? [];
  const volume = containers.newEmptyDirectory();
  const more = ['--volume', `${volume}:${init?.volumeMounts?.[0]?.mountPath}`];
  const { self } = containers.run(
    { image: injector, volume, mount: '/unused', memory: '16m', more },
    init?.args,
  );
  expect([await self.ended, self.errors()]).toEqual([0, '']);
  expect(readdirSync(volume)).toEqual(['rehup']);
  return `--volume=${volume}:/rehup:ro`;
}

const entrypoint = (words: readonly string[]) => ['--entrypoint', JSON.stringify(words)];

/** An image with one static program, and nothing else. */
function bareImage(): string {
  const root = mkdtempSync(join(context, 'bare-'));
  execFileSync('musl-gcc', [
    ...['-O2', '-static', join(ROOT, 'test/victims/teller.c')],
    ...['-o', join(root, 'teller')],
  ]);
  chmodSync(root, 0o755);
  execFileSync('tar', ['-C', root, '-cf', `${root}.tar`, '.']);
  return importImage(`${root}.tar`, 'bare');
}

async function tellsOnce({ self, podman }: Container, write: () => void): Promise<void> {
  await self.said('start one');
  await self.logged('child.started');
  write();
  await self.said('1 two');
  await self.logged('reload.applied');
  podman('stop');
  expect(await self.ended).toBe(3);
}

const TELLER = ['/rehup/rehup', '-w', '/etc/app', '--on-change', 'HUP', ...AT_ONCE];

plain('the example is the one with rehup in front of an image that is not its own', () => {
  const those = EXAMPLES.map((name) => readExample(name)).filter(
    ({ place, container }) => place === 'front' && !isOwn(String(container.image)),
  );
  expect(those.map(({ name }) => name)).toEqual(['inject']);
});

test('an image with a shell keeps its own entrypoint, and serves what its ConfigMap says later', async () => {
  const { container } = EXAMPLE;
  const [{ port, path, before, after }] = askedOf('inject');
  const site = (text: string) => ({ 'site.conf': `server { listen ${port}; return 200 "${text}"; }` });
  const volume = containers.newVolume(site(before));
  const [image = ''] = Object.values(await standInsFor(`FROM ${container.image}`));
  const { self, podman, served } = containers.run({
    image,
    volume: volume.path,
    mount: '/etc/nginx/conf.d',
    memory: '64m',
    user: '101',
    more: [
      ...entrypoint(container.command ?? []),
      ...['--env', 'REHUP_VERIFY=500ms', await injected()],
      '--mount=type=tmpfs,destination=/tmp,tmpfs-mode=0777,notmpcopyup',
    ],
  });
  await self.said('/docker-entrypoint.sh: Configuration complete');
  expect(await served(port, before, path)).toContain(before);
  volume.write(site(after));
  expect(await served(port, after, path)).toContain(after);
  await self.logged('reload.applied');
  podman('stop');
  expect(await self.ended).toBe(0);
});

test('an image with nothing in it but its program needs nothing else either', async () => {
  const volume = containers.newVolume({ key: 'one' });
  const run = { image: bareImage(), volume: volume.path, user: '1234:1234' };
  const more = [...entrypoint(TELLER), await injected()];
  const words = ['--', '/teller', '/etc/app/key', '3'];
  await tellsOnce(containers.run({ ...run, more }, words), () => volume.write({ key: 'two' }));
});

test('the image of rehup may itself be the volume', async () => {
  const volume = containers.newVolume({ key: 'one' });
  const run = { image: bareImage(), volume: volume.path };
  const more = [...entrypoint(TELLER), `--mount=type=image,source=${injector},destination=/rehup`];
  const words = ['--', '/teller', '/etc/app/key', '3'];
  await tellsOnce(containers.run({ ...run, more }, words), () => volume.write({ key: 'two' }));
});
