import { cpSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IContainer, IPodSpec, IProbe } from 'kubernetes-models/v1';
import { beforeAll, describe, expect, test as plain } from 'vitest';
import { ROOT } from '../../scripts/build/product.ts';
import { type Asked, askedOf } from '../support/asked.ts';
import { standInsFor } from '../support/bases.ts';
import { createContainers } from '../support/containers.ts';
import { buildImage, CONTAINERS } from '../support/images.ts';
import type { Volume } from '../support/kubelet.ts';
import { containersOf, EXAMPLES, type Example, isOwn, NEEDED_BY, readExample } from '../support/manifests.ts';
import { needing } from '../support/needing.ts';
import { keepPods } from '../support/pods/keeping.ts';
import { served } from '../support/pods/network.ts';
import { type Pod, startPod } from '../support/pods/pod.ts';
import { makeSandbox } from '../support/pods/sandbox.ts';
import { PATIENCE, STATIC_EXECUTABLE } from '../support/rehup.ts';

/** The examples in which rehup is not in front, as pods that a kubelet double leads over real containers (specification 7). */

const context = mkdtempSync(join(tmpdir(), 'rehup-pods-'));
const containers = createContainers(join(context, 'volumes'));
let sandbox = '';
let own = '';
const pods = keepPods(context);

beforeAll(() => {
  if (CONTAINERS.prefix === undefined || STATIC_EXECUTABLE.prefix === undefined) return;
  mkdirSync(join(context, 'dist'));
  cpSync(join(ROOT, 'dist/rehup'), join(context, 'dist/rehup'));
  const dockerfile = join(ROOT, 'examples/probe/Dockerfile');
  own = buildImage({ name: 'pods', dockerfile, context, bases: {} });
  sandbox = makeSandbox(context);
});

const AT_ONCE = ['--min-interval=0', '--verify=0', '--splay=0'];

/** Of a sidecar that asks for the health of the application. */
const PATIENT = ['--health-timeout=50s', '--drain=0'];
const isHealth = (args: readonly string[]) => args.some((word) => word.startsWith('--health='));

/** What the manifest asks for so that nothing is hurried, hurried, and probes that may take as long as a busy machine does. */
function hurried(pod: IPodSpec): IPodSpec {
  const often = (probe: IProbe | undefined): IProbe | undefined => {
    if (probe === undefined) return undefined;
    const command = probe.exec?.command?.map((word) => (word === '10s' ? '0' : word));
    return { ...probe, ...(command && { exec: { command } }), periodSeconds: 0.2, timeoutSeconds: 60 };
  };
  const quick = (container: IContainer): IContainer => {
    const { startupProbe, livenessProbe, readinessProbe, lifecycle, args, ...rest } = container;
    const words = args?.[0] === 'sidecar' ? [...args, ...(isHealth(args) ? PATIENT : []), ...AT_ONCE] : args;
    const { postStart } = lifecycle ?? {};
    const started = startupProbe && {
      ...startupProbe,
      failureThreshold: 5 * (startupProbe.failureThreshold ?? 3),
    };
    const probes = Object.entries({ startupProbe: started, livenessProbe, readinessProbe });
    const hurriedProbes = probes.map(([kind, probe]) => [kind, often(probe)]);
    return {
      ...rest,
      ...(words && { args: words }),
      ...(postStart && { lifecycle: { postStart } }),
      ...Object.fromEntries(hurriedProbes),
    };
  };
  const { initContainers = [], containers: those } = pod;
  return { ...pod, initContainers: initContainers.map(quick), containers: those.map(quick) };
}

let count = 0;

/** Starts the pod of an example, with the volumes that its ConfigMaps are in it. */
async function started(example: Example): Promise<{ pod: Pod; volumes: ReadonlyMap<string, Volume> }> {
  const { pod: spec, manifests } = example;
  const foreign = containersOf(spec)
    .map(({ image }) => String(image))
    .filter((image) => !isOwn(image));
  const images = { ...(await standInsFor(foreign.map((image) => `FROM ${image}\n`).join(''))) };
  images['example.com/rehup:1'] = own;
  const volumes = new Map(
    (spec.volumes ?? []).flatMap(({ name, configMap }) => {
      const map = manifests.find(({ value }) => value.metadata?.name === configMap?.name);
      return map?.kind === 'ConfigMap' && configMap !== undefined
        ? [[name, containers.newVolume(map.value.data ?? {})] as const]
        : [];
    }),
  );
  count += 1;
  const pod = startPod({
    name: `rehup-pod-${process.pid}-${count}`,
    pod: hurried(spec),
    sandbox,
    images,
    volumes: Object.fromEntries([...volumes].map(([name, { path }]) => [name, path])),
    directory: join(context, 'volumes'),
  });
  pods.push(pod);
  return { pod, volumes };
}

/** Writes the ConfigMap that has this text with the other one in its place. */
function changes(
  { manifests, pod }: Example,
  volumes: ReadonlyMap<string, Volume>,
  { before, after }: Asked,
) {
  for (const one of manifests) {
    if (one.kind !== 'ConfigMap' || !JSON.stringify(one.value.data).includes(before)) continue;
    const volume = pod.volumes?.find(({ configMap }) => configMap?.name === one.value.metadata?.name);
    const data = Object.entries(one.value.data ?? {}).map(([key, text]) => [
      key,
      text.replace(before, after),
    ]);
    volumes.get(volume?.name ?? '')?.write(Object.fromEntries(data));
  }
}

/** The double knows no rules for restarts; a real kubelet has this one (test/cluster). */
const NOT_LED = 'restart-in-place';

const THOSE = EXAMPLES.filter((name) => name !== NOT_LED)
  .map((name) => readExample(name))
  .filter(({ place }) => place !== 'front');

plain('the double leads each example in which rehup is not in front', () => {
  expect(THOSE.map(({ name }) => name)).toEqual([
    'probe',
    'sidecar-signal',
    'sidecar-unhealthy',
    'sidecar-webhook',
  ]);
});

describe('as a pod', () => {
  for (const example of THOSE) {
    const { name, place, container, watcher } = example;
    needing(
      STATIC_EXECUTABLE,
      CONTAINERS,
      ...(NEEDED_BY[name] ?? []),
    )(`${name} has what its ConfigMaps say, and what they say later`, async () => {
      const { pod, volumes } = await started(example);
      const all = example.pod.containers.map((one) => one.name);
      await pod.until('all to be ready', () => all.every((one) => pod.ready(one)));
      for (const [nth, asked] of askedOf(name).entries()) {
        expect(await served(pod, asked.port, asked.before, asked.path)).toContain(asked.before);
        changes(example, volumes, asked);
        expect(await served(pod, asked.port, asked.after, asked.path)).toContain(asked.after);
        if (place === 'probe') continue;
        const applied = () => pod.logs(watcher.name).split('"event":"reload.applied"').length - 1;
        await expect.poll(applied, { timeout: PATIENCE }).toBe(nth + 1);
      }
      await pod.until('all to be ready again', () => all.every((one) => pod.ready(one)));
      const isKilled = place === 'probe' || name === 'sidecar-unhealthy';
      expect(pod.restarts(container.name)).toBe(isKilled ? 1 : 0);
      if (place !== 'probe') {
        expect(pod.restarts(watcher.name)).toBe(0);
        return;
      }
      const told = pod.events.filter(({ container: of }) => of === container.name);
      // Told once, by the probe that found the change, and well in its second life.
      expect(told.filter(({ what }) => what === 'Unhealthy').map(({ message }) => message)).toEqual([
        'liveness probe failed: rehup probe: changed: /etc/nginx/conf.d/site.conf',
      ]);
      expect(told.map(({ what }) => what)).toEqual(['Started', 'Unhealthy', 'Killing', 'Ended', 'Started']);
    });
  }
});
