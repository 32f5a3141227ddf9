import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { ROOT } from '../../scripts/product.ts';
import { standInsFor } from '../support/bases.ts';
import { createContainers, freePort, served } from '../support/containers.ts';
import { buildImage, CONTAINERS, removeImages } from '../support/images.ts';
import { EXAMPLES, type Example, readExample } from '../support/manifests.ts';
import { needing } from '../support/needing.ts';
import { disposeAll, STATIC_EXECUTABLE } from '../support/rehup.ts';

/** Each example as an image of its own, run as its Deployment says, with what its ConfigMap holds. */

const test = needing(STATIC_EXECUTABLE, CONTAINERS);

const context = mkdtempSync(join(tmpdir(), 'rehup-examples-'));
const containers = createContainers(join(context, 'volumes'));
let bases: Readonly<Record<string, string>> = {};

beforeAll(async () => {
  if (CONTAINERS.prefix === undefined) return;
  mkdirSync(join(context, 'dist'));
  cpSync(join(ROOT, 'dist/rehup'), join(context, 'dist/rehup'));
  cpSync(join(ROOT, 'examples'), join(context, 'examples'), { recursive: true });
  bases = await standInsFor(EXAMPLES.map((name) => readExample(name).dockerfile).join('\n'));
}, 600_000);

afterAll(async () => {
  await disposeAll();
  if (CONTAINERS.prefix !== undefined) removeImages();
  rmSync(context, { recursive: true });
});

/** The data of the example's ConfigMap, with another port than that which everybody takes. */
function dataOf({ manifests }: Example, port: number): Readonly<Record<string, string>> {
  const data = manifests.flatMap((one) =>
    one.kind === 'ConfigMap' ? Object.entries(one.value.data ?? {}) : [],
  );
  return Object.fromEntries(data.map(([key, text]) => [key, text.replaceAll('8080', String(port))]));
}

describe('as an image', () => {
  for (const name of EXAMPLES) {
    test(`${name} serves what its ConfigMap says, and what that says later`, async () => {
      const example = readExample(name);
      const port = await freePort();
      const data = dataOf(example, port);
      const volume = containers.newVolume(data);
      const image = buildImage({
        name,
        dockerfile: join(ROOT, 'examples', name, 'Dockerfile'),
        context,
        bases,
      });
      const mounts = example.container.volumeMounts ?? [];
      const scratch = mounts.filter(({ name: mount }) => mount !== 'config').map((one) => one.mountPath);
      const { self, podman } = containers.run({
        image,
        volume: volume.path,
        mount: mounts.find((one) => one.name === 'config')?.mountPath ?? '',
        // What the Deployment allows, in podman's letters.
        memory: String(example.container.resources?.limits?.['memory']).replace('Mi', 'm'),
        network: 'host',
        user: /^USER (\d+)/m.exec(example.dockerfile)?.[1] ?? '',
        more: [
          ...['--env', 'REHUP_VERIFY=500ms', '--env', `PORT=${port}`],
          ...scratch.flatMap((path) => ['--tmpfs', path]),
        ],
      });
      await self.logged('child.started');
      expect(await served(port, 'hello')).toBe('hello');
      const changed = Object.entries(data).map(([key, text]) => [key, text.replace('hello', 'good morning')]);
      volume.write(Object.fromEntries(changed));
      expect(await served(port, 'good morning')).toBe('good morning');
      expect(self.errors()).not.toMatch(/reload\.(failed|restart_instead)/);
      podman('stop');
      expect(await self.ended).toBe(0);
    });
  }
});
