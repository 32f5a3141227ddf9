import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { ROOT } from '../../scripts/build/product.ts';
import { type Asked, askedOf } from '../support/asked.ts';
import { standInsFor } from '../support/bases.ts';
import { buildImage, CONTAINERS, removeImages } from '../support/images.ts';
import { NEEDED_BY, readExample, VARIANTS } from '../support/manifests.ts';
import { needing } from '../support/needing.ts';
import { ctr } from './client/daemons.ts';
import { underLoad } from './client/load.ts';
import { field, list } from './client/objects.ts';
import { kubectl, type Pod } from './client/pod.ts';
import { inRoom, type Room, thePlace } from './client/room.ts';
import { awaited } from './client/waiting.ts';

/** Each example as it stands: its image built of its Dockerfile, its manifest applied, its story seen through the API. */

const context = mkdtempSync(join(tmpdir(), 'rehup-e2e-examples-'));

beforeAll(() => {
  if (CONTAINERS.prefix === undefined) return;
  mkdirSync(join(context, 'dist'));
  cpSync(join(ROOT, 'dist/rehup'), join(context, 'dist/rehup'));
  cpSync(join(ROOT, 'examples'), join(context, 'examples'), { recursive: true });
});

afterAll(() => {
  if (CONTAINERS.prefix !== undefined) removeImages();
  rmSync(context, { recursive: true });
});

const RESTRICTED = { 'pod-security.kubernetes.io/enforce': 'restricted' };

/** Has the cluster take an image that podman has, under a name that nothing is pulled from. */
async function taken(built: string, image: string): Promise<string> {
  const archive = join(context, 'image.tar');
  execFileSync('podman', ['tag', built, image]);
  execFileSync('podman', ['save', '--format', 'docker-archive', '--output', archive, image], {
    stdio: 'pipe',
  });
  await ctr(thePlace(), 'images', 'import', archive);
  rmSync(archive);
  return image;
}

/** Builds the image of an example, and a folder in which that is what its kustomization puts in the place of the example's. */
async function prepared(name: string, file = 'kubernetes.yaml'): Promise<string> {
  const { dockerfile, container } = readExample(name, file);
  const bases = await standInsFor(dockerfile);
  const built = buildImage({ name, dockerfile: join(ROOT, 'examples', name, 'Dockerfile'), context, bases });
  const image = await taken(built, `localhost/example-${name}:1`);
  const folder = mkdtempSync(join(context, 'applied-'));
  const from = join(ROOT, 'examples', name);
  let manifest = readFileSync(join(from, file), 'utf8');
  // What kustomize knows no image in.
  manifest = manifest.replace(/(reference: )"[^"]*"/, `$1"${image}"`);
  for (const [foreign, base] of Object.entries(await foreignBases(String(container.image))))
    manifest = manifest.replaceAll(foreign, await taken(`localhost/${base}`, `localhost/foreign-${name}:1`));
  writeFileSync(join(folder, 'kubernetes.yaml'), manifest);
  const kustomization = readFileSync(join(from, 'kustomization.yaml'), 'utf8');
  const own = image.split(':')[0];
  writeFileSync(join(folder, 'kustomization.yaml'), kustomization.replace(/newName: .*/, `newName: ${own}`));
  return folder;
}

/** What stands in for the image of a container that is not the example's own. */
async function foreignBases(image: string): Promise<Readonly<Record<string, string>>> {
  return image.startsWith('example.com/') ? {} : standInsFor(`FROM ${image}`);
}

/** Applies a kustomization, waits until all that it asks for is ready, and finds its ConfigMap and pods. */
async function applied(room: Room, folder: string) {
  const done = await kubectl(room.place, 'apply', '--namespace', room.namespace, '--kustomize', folder);
  expect(done).toMatchObject({ code: 0 });
  const [deployment] = await room.api.list('Deployment', room.namespace);
  const name = deployment?.metadata.name ?? '';
  const wanted = Number(field(deployment, 'spec', 'replicas'));
  await awaited(`${name} to be available`, async () => {
    const { status } = await room.api.get('Deployment', name, room.namespace);
    return status?.['availableReplicas'] === wanted ? true : undefined;
  });
  const main = String(field(list(deployment, 'spec', 'template', 'spec', 'containers')[0], 'name'));
  const maps = await room.api.list('ConfigMap', room.namespace);
  const map = maps.find(({ metadata }) => metadata.name !== 'kube-root-ca.crt');
  const pods = (await room.api.list('Pod', room.namespace)).map(({ metadata }) =>
    room.find(metadata.name, main),
  );
  return { name, map, pods };
}

/** Asks the server in a pod, as `kubectl get --raw` does. */
function served({ api }: Room, pod: Pod, { port, path }: Asked, text: string): Promise<string> {
  const at = `/api/v1/namespaces/${pod.namespace}/pods/${pod.name}:${port}/proxy${path}`;
  return awaited(
    `"${text}" from ${pod.name}`,
    async () => {
      const answer = await api.text('GET', at);
      return answer.includes(text) ? answer : undefined;
    },
    { shown: pod.everything },
  );
}

/** Puts one text in the place of another, in all keys of a ConfigMap. */
async function replaced(room: Room, map: string, data: unknown, before: string, after: string) {
  const texts = Object.entries(data ?? {}).map(([key, text]) => [key, String(text).replace(before, after)]);
  return room.change(Object.fromEntries(texts), map);
}

describe('the example', () => {
  for (const [name, file] of VARIANTS) {
    const called = file === 'kubernetes.yaml' ? name : `${name}/${file}`;
    needing(CONTAINERS, ...(NEEDED_BY[name] ?? []))(called, async () => {
      const folder = await prepared(name, file);
      await inRoom({ name: `examples/${called}`, labels: RESTRICTED }, async (room) => {
        const { map, pods } = await applied(room, folder);
        const asked = askedOf(name);
        for (const pod of pods) await served(room, pod, asked, asked.before);
        const since = await replaced(
          room,
          map?.metadata.name ?? '',
          map?.['data'],
          asked.before,
          asked.after,
        );
        for (const pod of pods) {
          await served(room, pod, asked, asked.after);
          room.took(since, await pod.logged('reload.started'));
          await pod.logged('reload.applied');
          expect(pod.count('reload.started')).toBe(1);
          expect(await pod.restarts()).toBe(0);
        }
        if (!name.startsWith('staged')) return;
        await room.change({ 'site.conf': 'a mistake' }, map?.metadata.name);
        for (const pod of pods) {
          await pod.logged('reload.rejected');
          await served(room, pod, asked, asked.after);
        }
      });
    });
  }
});

needing(CONTAINERS, ...(NEEDED_BY['nginx-sighup'] ?? []))(
  'a rollout restart of nginx under load loses no request',
  async () => {
    const folder = await prepared('nginx-sighup');
    await inRoom({ name: 'kubectl rollout restart under load', labels: RESTRICTED }, async (room) => {
      const { name } = await applied(room, folder);
      const ports = [{ port: 80, targetPort: 8080 }];
      const selector = { 'app.kubernetes.io/name': name };
      await room.make('Service', 'outside', { spec: { type: 'NodePort', selector, ports } });
      const service = await room.api.get('Service', 'outside', room.namespace);
      const port = Number(field(list(service, 'spec', 'ports')[0], 'nodePort'));
      // What the endpoints need to forget a pod before it stops.
      const preStop = { sleep: { seconds: 5 } };
      await room.api.text(
        'PATCH',
        `/apis/apps/v1/namespaces/${room.namespace}/deployments/${name}`,
        { spec: { template: { spec: { containers: [{ name, lifecycle: { preStop } }] } } } },
        'application/strategic-merge-patch+json',
      );
      const rolled = async () => {
        const words = ['--namespace', room.namespace, `deployment/${name}`];
        expect(await kubectl(room.place, 'rollout', 'status', ...words)).toMatchObject({ code: 0 });
        // The old pods are still there for their grace period.
        await awaited('the old pods to be gone', async () =>
          (await room.api.list('Pod', room.namespace)).length === 2 ? true : undefined,
        );
      };
      // Those before had no preStop.
      await rolled();
      await vi.waitFor(() => fetch(`http://${room.place.address}:${port}/`), { timeout: 30_000 });
      const { sent, lost } = await underLoad(`http://${room.place.address}:${port}/`, async () => {
        await kubectl(room.place, 'rollout', 'restart', '--namespace', room.namespace, `deployment/${name}`);
        await rolled();
      });
      expect(sent).toBeGreaterThan(200);
      expect(lost).toEqual([]);
    });
  },
);
