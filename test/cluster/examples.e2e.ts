import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, vi } from 'vitest';
import { ROOT } from '../../scripts/build/product.ts';
import { type Asked, askedOf } from '../support/asked.ts';
import { standInsFor } from '../support/bases.ts';
import { buildImage, CONTAINERS, removeImages } from '../support/images.ts';
import { containersOf, type Example, isOwn, NEEDED_BY, readExample, VARIANTS } from '../support/manifests.ts';
import { needing } from '../support/needing.ts';
import type { Resource } from './client/api.ts';
import { ctr } from './client/daemons.ts';
import { underLoad } from './client/load.ts';
import { field, list } from './client/objects.ts';
import { kubectl, type Pod } from './client/pod.ts';
import { inRoom, type Room, thePlace } from './client/room.ts';
import { awaited } from './client/waiting.ts';
import { NEW_CONTAINER } from './matrix/row.ts';

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
  const { dockerfile, deployments } = readExample(name, file);
  const bases = await standInsFor(dockerfile);
  const built = buildImage({ name, dockerfile: join(ROOT, 'examples', name, 'Dockerfile'), context, bases });
  const image = await taken(built, `localhost/example-${name}:1`);
  const folder = mkdtempSync(join(context, 'applied-'));
  const from = join(ROOT, 'examples', name);
  let manifest = readFileSync(join(from, file), 'utf8');
  // What kustomize knows no image in.
  manifest = manifest.replace(/(reference: )"[^"]*"/, `$1"${image}"`);
  const all = deployments.flatMap(({ spec }) => spec?.template.spec ?? []).flatMap(containersOf);
  const foreign = all.map((one) => String(one.image)).filter((one) => !isOwn(one));
  const standIns = await standInsFor(foreign.map((one) => `FROM ${one}\n`).join(''));
  for (const [index, [wanted, base]] of Object.entries(standIns).entries()) {
    const there = await taken(`localhost/${base}`, `localhost/foreign-${name}-${index}:1`);
    manifest = manifest.replaceAll(wanted, there);
  }
  writeFileSync(join(folder, 'kubernetes.yaml'), manifest);
  const kustomization = readFileSync(join(from, 'kustomization.yaml'), 'utf8');
  const own = image.split(':')[0];
  writeFileSync(join(folder, 'kustomization.yaml'), kustomization.replace(/newName: .*/, `newName: ${own}`));
  return folder;
}

/** This cluster has no DNS: the pods of the first Deployment know a Service by their /etc/hosts. */
async function known(room: Room, folder: string, service: string): Promise<void> {
  const ports = [{ name: 'http', port: 80, targetPort: 'http' }];
  await room.make('Service', service, { spec: { ports } });
  const made = await room.api.get('Service', service, room.namespace);
  const file = join(folder, 'kubernetes.yaml');
  const alias = `hostAliases: [{ ip: ${field(made, 'spec', 'clusterIP')}, hostnames: [${service}] }]`;
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace('automountServiceAccountToken: false', `$&\n      ${alias}`),
  );
}

/** Applies a kustomization, waits until all that it asks for is ready, and finds its ConfigMaps and the pods of its application. */
async function applied(room: Room, folder: string, { deployments, container }: Example) {
  const done = await kubectl(room.place, 'apply', '--namespace', room.namespace, '--kustomize', folder);
  expect(done).toMatchObject({ code: 0 });
  for (const { metadata, spec } of deployments) {
    const name = metadata?.name ?? '';
    await awaited(`${name} to be available`, async () => {
      const { status } = await room.api.get('Deployment', name, room.namespace);
      return status?.['availableReplicas'] === spec?.replicas ? true : undefined;
    });
  }
  const name = deployments[0]?.metadata?.name ?? '';
  const maps = (await room.api.list('ConfigMap', room.namespace)).filter(
    ({ metadata }) => metadata.name !== 'kube-root-ca.crt',
  );
  const pods = (await room.api.list('Pod', room.namespace))
    .filter((pod) => field(pod, 'metadata', 'labels', 'app.kubernetes.io/name') === name)
    .map(({ metadata }) => room.find(metadata.name, container.name));
  return { name, maps, pods };
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

/** Puts one text in the place of another, in all keys of the ConfigMap that has it. */
async function replaced(room: Room, maps: readonly Resource[], before: string, after: string) {
  const map = maps.find((one) => JSON.stringify(one['data']).includes(before));
  const texts = Object.entries(map?.['data'] ?? {}).map(([key, text]) => [
    key,
    String(text).replace(before, after),
  ]);
  return room.change(Object.fromEntries(texts), map?.metadata.name ?? '');
}

/** What a probe and the kubelet take besides, ms: the splay, a period, preStop, and a new container. */
const BY_PROBE = 10_000 + 5_000 + 5_000 + NEW_CONTAINER;

/** What the manifest of a sidecar that has it restarted waits for: splay and drain, ms. */
const SPREAD = 10_000 + 5_000;

/** All containers were started anew, once, and the sidecar says that the application serves. */
async function inPlace(pod: Pod, sidecar: string): Promise<void> {
  const resumed = await pod.logged('sidecar.resumed', 1, sidecar);
  expect((await pod.logged('reload.applied', 1, sidecar)).at).toBeGreaterThanOrEqual(resumed.at);
  await pod.restarted(1, sidecar);
  await pod.restarted(1);
  await pod.ready();
  expect([await pod.restarts(), await pod.restarts(sidecar)]).toEqual([1, 1]);
}

/** A mistake that the check finds is told to nobody. */
async function refuses(room: Room, pods: readonly Pod[], map: string, asked: Asked): Promise<void> {
  await room.change({ 'site.conf': 'a mistake' }, map);
  for (const pod of pods) {
    await pod.logged('reload.rejected');
    await served(room, pod, asked, asked.after);
  }
}

/** Content that the application can't run on meets one pod of three, and what mends it reaches all. */
async function stopsAtOne(room: Room, pods: readonly Pod[], map: string, asked: Asked): Promise<void> {
  const held = ({ log }: Pod) =>
    log().filter(({ event, ...line }) => event === 'reload.held' && field(line, 'reason') === 'fleet-lock');
  const before = new Map(pods.map((pod) => [pod, held(pod).length]));
  await room.change({ greeting: '' }, map);
  const waiting = () => pods.filter((pod) => held(pod).length > (before.get(pod) ?? 0));
  const failed = () => pods.filter((pod) => pod.count('reload.rolled_back') > 0);
  await awaited('one pod that met it, and two that wait', () =>
    failed().length === 1 && waiting().length >= 2 ? true : undefined,
  );
  for (const pod of pods) await served(room, pod, asked, asked.after);
  const [holder] = failed();
  await room.change({ greeting: 'good evening' }, map);
  await holder?.logged('rehup.recovered');
  for (const pod of pods) {
    await served(room, pod, asked, 'good evening');
    expect(pod.output().filter(({ text }) => text.includes('greeting is empty'))).toHaveLength(
      pod === holder ? 1 : 0,
    );
  }
}

describe('the example', () => {
  const folders = new Map<string, string>();
  const could = (name: string) =>
    [CONTAINERS, ...(NEEDED_BY[name] ?? [])].every(({ prefix }) => prefix !== undefined);

  // Images first: that holds everything else up.
  beforeAll(async () => {
    for (const [name, file] of VARIANTS)
      if (could(name)) folders.set(`${name}/${file}`, await prepared(name, file));
  });

  for (const [name, file] of VARIANTS) {
    const called = file === 'kubernetes.yaml' ? name : `${name}/${file}`;
    needing(CONTAINERS, ...(NEEDED_BY[name] ?? [])).concurrent(called, async () => {
      const example = readExample(name, file);
      const folder = folders.get(`${name}/${file}`) ?? '';
      await inRoom({ name: `examples/${called}`, labels: RESTRICTED }, async (room) => {
        if (name === 'fleet') await known(room, folder, 'fleet-lock');
        const { maps, pods } = await applied(room, folder, example);
        const { place, watcher } = example;
        for (const [nth, asked] of askedOf(name).entries()) {
          for (const pod of pods) await served(room, pod, asked, asked.before);
          const since = await replaced(room, maps, asked.before, asked.after);
          for (const pod of pods) {
            await served(room, pod, asked, asked.after);
            if (place === 'probe') {
              room.took(since, { at: Date.now() }, BY_PROBE);
              await pod.restarted(1);
              await pod.ready();
              expect(await pod.restarts()).toBe(1);
              continue;
            }
            if (name === 'restart-in-place') {
              await inPlace(pod, watcher.name);
              continue;
            }
            const applied = await pod.logged('reload.applied', nth + 1, watcher.name);
            const started = await pod.logged('reload.started', nth + 1, watcher.name);
            // In a fleet one waits for the other.
            if (name !== 'fleet') room.took(since, started, name === 'sidecar-unhealthy' ? SPREAD : 0);
            expect(applied.at).toBeGreaterThanOrEqual(started.at);
            expect(pod.log(watcher.name).filter(({ event }) => event === 'reload.started')).toHaveLength(
              nth + 1,
            );
            const restarts = name === 'sidecar-unhealthy' ? 1 : 0;
            await pod.restarted(restarts);
            await pod.ready();
            expect([await pod.restarts(), await pod.restarts(watcher.name)]).toEqual([restarts, 0]);
          }
        }
        const [map] = maps.map(({ metadata }) => metadata.name);
        const [asked] = askedOf(name);
        if (name === 'staged-rollback') await refuses(room, pods, map ?? '', asked);
        if (name === 'fleet') await stopsAtOne(room, pods, map ?? '', asked);
      });
    });
  }
});

needing(CONTAINERS, ...(NEEDED_BY['nginx-sighup'] ?? []))(
  'a rollout restart of nginx under load loses no request',
  async () => {
    const folder = await prepared('nginx-sighup');
    await inRoom({ name: 'kubectl rollout restart under load', labels: RESTRICTED }, async (room) => {
      const { name } = await applied(room, folder, readExample('nginx-sighup'));
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
