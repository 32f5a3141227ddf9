import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { ROOT } from '../../scripts/build/product.ts';
import { askedOf } from '../support/asked.ts';
import { standInsFor } from '../support/bases.ts';
import { createContainers } from '../support/containers.ts';
import { buildImage, CONTAINERS, removeImages } from '../support/images.ts';
import { EXAMPLES, type Example, isOwn, NEEDED_BY, readExample } from '../support/manifests.ts';
import { needing } from '../support/needing.ts';
import { disposeAll, STATIC_EXECUTABLE } from '../support/rehup.ts';

/** Each example as an image of its own, run as its Deployment says, with what its ConfigMap holds. */

const context = mkdtempSync(join(tmpdir(), 'rehup-examples-'));
const containers = createContainers(join(context, 'volumes'));

beforeAll(() => {
  if (CONTAINERS.prefix === undefined) return;
  mkdirSync(join(context, 'dist'));
  cpSync(join(ROOT, 'dist/rehup'), join(context, 'dist/rehup'));
  cpSync(join(ROOT, 'examples'), join(context, 'examples'), { recursive: true });
});

afterAll(async () => {
  await disposeAll();
  if (CONTAINERS.prefix !== undefined) removeImages();
  rmSync(context, { recursive: true });
});

/** The data of the ConfigMap. */
function dataOf({ manifests }: Example): Readonly<Record<string, string>> {
  const data = manifests.flatMap((one) =>
    one.kind === 'ConfigMap' ? Object.entries(one.value.data ?? {}) : [],
  );
  return Object.fromEntries(data);
}

/** Variables that the Deployment sets. */
function variables({ container }: Example): readonly string[] {
  return (container.env ?? []).flatMap(({ name, value }) =>
    value === undefined ? [] : ['--env', `${name}=${value}`],
  );
}

/** What the Deployment mounts besides: empty, and writable by all, as the kubelet makes an emptyDir. */
function emptyDirectories({ container }: Example): readonly string[] {
  return (container.volumeMounts ?? [])
    .filter(({ name }) => name !== 'config')
    .map(({ mountPath }) => `--mount=type=tmpfs,destination=${mountPath},tmpfs-mode=0777,notmpcopyup`);
}

/** Those that are an image of their own; the others are run by inject.test.ts and pods.test.ts. */
const BUILT = EXAMPLES.filter((name) => isOwn(String(readExample(name).container.image)));

/** There is no lock server here: it has to go on without. */
const ALONE = ['--env', 'REHUP_FLEET_TIMEOUT=100ms'];

describe('as an image', () => {
  for (const name of BUILT) {
    needing(
      STATIC_EXECUTABLE,
      CONTAINERS,
      ...(NEEDED_BY[name] ?? []),
    )(`${name} serves what its ConfigMap says, and what that says later`, async () => {
      const example = readExample(name);
      const { container, dockerfile } = example;
      const [{ port, path, before, after }] = askedOf(name);
      const data = dataOf(example);
      const volume = containers.newVolume(data);
      const bases = await standInsFor(dockerfile);
      const { self, podman, served } = containers.run({
        image: buildImage({ name, dockerfile: join(ROOT, 'examples', name, 'Dockerfile'), context, bases }),
        volume: volume.path,
        mount: container.volumeMounts?.find((one) => one.name === 'config')?.mountPath ?? '',
        // What the Deployment allows, in podman's letters.
        memory: String(container.resources?.limits?.['memory']).replace('Mi', 'm'),
        user: /^USER (\d+)/m.exec(dockerfile)?.[1] ?? '',
        more: ['--env', 'REHUP_VERIFY=500ms', ...ALONE, ...variables(example), ...emptyDirectories(example)],
      });
      await self.logged('child.started');
      expect(await served(port, before, path)).toContain(before);
      const changed = Object.entries(data).map(([key, text]) => [key, text.replace(before, after)]);
      volume.write(Object.fromEntries(changed));
      expect(await served(port, after, path)).toContain(after);
      await self.logged('reload.applied');
      expect(self.errors()).not.toMatch(/reload\.(failed|rejected|rolled_back|restart_instead)/);
      podman('stop');
      expect(await self.ended).toBe(0);
    });
  }
});
