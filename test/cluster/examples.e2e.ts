import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { ROOT } from '../../scripts/build/product.ts';
import { type Asked, askedOf } from '../support/asked.ts';
import { standInsFor } from '../support/bases.ts';
import { buildImage, CONTAINERS, removeImages } from '../support/images.ts';
import { EXAMPLES, NEEDED_BY, readExample } from '../support/manifests.ts';
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

/** Builds the image of an example and has the cluster take it; the manifest, which names that image. */
async function prepared(name: string): Promise<string> {
  const { dockerfile, container } = readExample(name);
  const bases = await standInsFor(dockerfile);
  const built = buildImage({ name, dockerfile: join(ROOT, 'examples', name, 'Dockerfile'), context, bases });
  const image = `localhost/example-${name}:1`;
  const archive = join(context, `${name}.tar`);
  execFileSync('podman', ['tag', built, image]);
  execFileSync('podman', ['save', '--format', 'docker-archive', '--output', archive, image], {
    stdio: 'pipe',
  });
  await ctr(thePlace(), 'images', 'import', archive);
  rmSync(archive);
  const manifest = readFileSync(join(ROOT, 'examples', name, 'kubernetes.yaml'), 'utf8');
  return manifest.replaceAll(String(container.image), image);
}

/** Applies a manifest, waits until all that it asks for is ready, and finds its ConfigMap and pods. */
async function applied(room: Room, manifest: string) {
  const file = join(context, `${room.namespace}.yaml`);
  writeFileSync(file, manifest);
  const done = await kubectl(room.place, 'apply', '--namespace', room.namespace, '--filename', file);
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
  for (const name of EXAMPLES) {
    needing(CONTAINERS, ...(NEEDED_BY[name] ?? []))(name, async () => {
      const manifest = await prepared(name);
      await inRoom({ name: `examples/${name}`, labels: RESTRICTED }, async (room) => {
        const { map, pods } = await applied(room, manifest);
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
    const manifest = await prepared('nginx-sighup');
    await inRoom({ name: 'kubectl rollout restart under load', labels: RESTRICTED }, async (room) => {
      const { name } = await applied(room, manifest);
      const ports = [{ port: 80, targetPort: 8080 }];
      await room.make('Service', name, { spec: { type: 'NodePort', selector: { app: name }, ports } });
      const service = await room.api.get('Service', name, room.namespace);
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
