import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../scripts/build/product.ts';
import {
  checkedManifest,
  containersOf,
  isOwn,
  type Manifest,
  readExample,
  runningOf,
  VARIANTS,
} from './support/manifests.ts';

/** The ConfigMaps among them. */
function mapsOf(manifests: readonly Manifest[]) {
  return manifests.flatMap((one) => (one.kind === 'ConfigMap' ? [one.value] : []));
}

/** Where a sidecar listens. */
const SIDECAR_PORT = 9847;

/** Those that publish what they watch. */
const STAGED = ['fleet', 'staged-rollback'];

/** The manifests and Dockerfiles of the examples: what Kubernetes and its restricted Pod Security Standard would say. */

describe.each(VARIANTS)('the example %s, %s', (name, file) => {
  const { dockerfile, manifests, deployments, pod, container, place, watcher, entrypoint } = readExample(
    name,
    file,
  );
  const pods = deployments.flatMap(({ spec }) => spec?.template.spec ?? []);

  test('has a Dockerfile, manifests that the schemas of Kubernetes know, and a script that shows it', () => {
    const kinds = manifests.map(({ kind }) => kind);
    expect(new Set(kinds)).toEqual(new Set(['ConfigMap', 'Service', 'Deployment']));
    // What the story is about comes first.
    expect(kinds[0]).toBe('ConfigMap');
    expect(pods).toHaveLength(deployments.length);
    expect(existsSync(join(ROOT, 'examples', name, 'run'))).toBe(true);
    expect(dockerfile).toContain(`podman build -f examples/${name}/Dockerfile .`);
  });

  test('keeps to the restricted Pod Security Standard, with a root that is read only', () => {
    for (const one of pods) {
      expect(one.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      for (const { securityContext } of containersOf(one))
        expect(securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      for (const { hostPath } of one.volumes ?? []) expect(hostPath).toBeUndefined();
      expect(one.automountServiceAccountToken).toBe(false);
    }
    // The kubelet can not tell whether a user that has a name is root.
    expect(dockerfile).toMatch(/^USER [1-9]\d*$/m);
  });

  test('asks for what it needs, and no more than it is allowed', () => {
    for (const { resources } of pods.flatMap(containersOf)) {
      expect(Object.keys(resources?.requests ?? {})).toEqual(['cpu', 'memory']);
      expect(resources?.limits).toHaveProperty('memory');
    }
  });

  test('is found by its labels, and served by the ports that its Services name', () => {
    const services = manifests.flatMap((one) => (one.kind === 'Service' ? [one.value] : []));
    expect(services.map(({ metadata }) => metadata?.name)).toEqual(
      deployments.map(({ metadata }) => metadata?.name),
    );
    for (const [index, { metadata, spec }] of deployments.entries()) {
      const labels = { 'app.kubernetes.io/name': metadata?.name };
      const service = services[index];
      for (const one of [metadata, service?.metadata]) expect(one).toMatchObject({ labels });
      expect(service?.spec?.selector).toEqual(labels);
      expect(spec?.selector).toEqual({ matchLabels: labels });
      expect(spec?.template.metadata?.labels).toEqual(labels);
      const named = spec?.template.spec?.containers.flatMap(({ ports = [] }) =>
        ports.map(({ name: port }) => port),
      );
      expect(named?.length).toBeGreaterThan(0);
      expect(service?.spec?.ports?.map(({ targetPort }) => targetPort)).toEqual(named);
    }
    const maps = mapsOf(manifests);
    for (const { metadata } of maps)
      expect(metadata?.labels).toEqual({ 'app.kubernetes.io/name': deployments[0]?.metadata?.name });
  });

  test('is given the time to end, and is restarted later than it is left out of its Service', () => {
    for (const one of pods)
      for (const { name: called, ports, readinessProbe, livenessProbe, lifecycle } of one.containers) {
        // What rehup gives a child that a restart has asked to stop, and what preStop takes.
        expect(one.terminationGracePeriodSeconds).toBeGreaterThan(
          30 + (lifecycle?.preStop?.sleep?.seconds ?? 0),
        );
        const own = ports?.map(({ name: port }) => port);
        // A sidecar may be asked instead: by number, since the name of another container's port is not known.
        const asked = place === 'sidecar' ? [...(own ?? []), SIDECAR_PORT] : own;
        const askedFor = (readinessProbe?.httpGet ?? readinessProbe?.tcpSocket)?.port;
        expect(asked, called).toContain(askedFor);
        // What is mounted has changed, or not: there is nothing to be patient with.
        if (livenessProbe?.exec !== undefined) {
          expect(livenessProbe.exec.command).toEqual(entrypoint);
          continue;
        }
        const times = [readinessProbe, livenessProbe].map(
          (probe) => (probe?.periodSeconds ?? 10) * (probe?.failureThreshold ?? 3),
        );
        const living = (livenessProbe?.httpGet ?? livenessProbe?.tcpSocket)?.port;
        expect(asked, called).toContain(living);
        // What a sidecar says is waited for, but for longer than that may take to start again.
        expect(times[1]).toBeGreaterThan(Math.max(times[0] ?? 0, living === SIDECAR_PORT ? 10 : 30));
        expect(livenessProbe?.failureThreshold).toBeGreaterThanOrEqual(3);
      }
  });

  test('has a kustomization, which names the images that are one’s own', () => {
    const text = readFileSync(join(ROOT, 'examples', name, 'kustomization.yaml'), 'utf8');
    const { resources, images } = parse(text);
    expect(resources).toEqual(['kubernetes.yaml']);
    const all = pods.flatMap(containersOf).map(({ image = '' }) => image);
    const own = [...new Set(all.filter(isOwn))];
    const named = images.map(({ name: image, newTag }: Record<string, string>) => `${image}:${newTag}`);
    expect(named).toEqual(file === 'kubernetes.yaml' ? own : expect.anything());
    expect(text).toContain(`kubectl apply -k examples/${name}`);
  });

  test('leaves its last words for kubectl describe, and serves on until its Services know that it goes', () => {
    for (const { terminationMessagePolicy } of pods.flatMap(containersOf))
      expect(terminationMessagePolicy).toBe('FallbackToLogsOnError');
    for (const { spec } of deployments)
      for (const { lifecycle } of spec?.template.spec?.containers ?? [])
        expect(lifecycle?.preStop?.sleep?.seconds).toBe((spec?.replicas ?? 1) > 1 ? 5 : undefined);
  });

  test('mounts each ConfigMap of its own whole, where rehup watches it', () => {
    const own = mapsOf(manifests).map(({ metadata }) => metadata?.name ?? '');
    const mounted = (pod.volumes ?? []).flatMap(({ name: volume, configMap }) =>
      configMap === undefined ? [] : [{ volume, map: configMap.name }],
    );
    expect(mounted.map(({ map }) => map).sort()).toEqual([...own].sort());
    for (const { volume } of mounted) {
      const mount = watcher.volumeMounts?.find((one) => one.name === volume);
      expect(mount?.subPath).toBeUndefined();
      expect(` ${entrypoint.join(' ')}`).toMatch(new RegExp(`[ =]${mount?.mountPath}(?=[ =]|$)`));
      // The application has it where the watching is done, unless it has its variables: what is said of a path is true for both.
      const paths = pod.containers.flatMap(({ volumeMounts = [] }) =>
        volumeMounts.filter((one) => one.name === volume).map(({ mountPath }) => mountPath),
      );
      expect(paths).toEqual(name === 'restart-in-place' ? [] : [mount?.mountPath]);
    }
  });

  test('has a sidecar that is there before its application, and a probe that was there before the change', () => {
    const sidecars = runningOf(pod).filter((one) => !pod.containers.includes(one));
    expect(sidecars).toEqual(place === 'sidecar' ? [watcher] : []);
    for (const { startupProbe, ports } of sidecars) {
      // With the health of the application in it, /livez would wait for what waits for it.
      const path = entrypoint.some((word) => word.startsWith('--health')) ? '/metrics' : '/livez';
      expect(startupProbe?.httpGet).toMatchObject({ path, port: ports?.[0]?.name });
      expect(startupProbe?.periodSeconds).toBe(1);
    }
    if (entrypoint.includes('--on-change=unhealthy')) {
      expect(container.lifecycle?.postStart?.httpGet).toEqual({ path: '/started', port: SIDECAR_PORT });
      expect(container.livenessProbe?.httpGet).toEqual({ path: '/livez', port: SIDECAR_PORT });
      expect(watcher.resources?.limits).toEqual(watcher.resources?.requests);
    }
    const code = /--on-change=exit:(\d+)/.exec(entrypoint.join(' '))?.[1];
    if (code !== undefined)
      expect(watcher.restartPolicyRules).toEqual([
        { action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [Number(code)] } },
      ]);
    if (place !== 'probe') return;
    const { startupProbe } = container;
    const words = startupProbe?.exec?.command ?? [];
    expect(words).toEqual(entrypoint.slice(0, words.length));
    expect(startupProbe?.periodSeconds).toBe(1);
  });

  test('publishes a stage in an emptyDir, which outlives the container and is nobody else’s', () => {
    const targets = entrypoint.flatMap((word, index) =>
      word === '--stage' ? (entrypoint[index + 1]?.split('=')[1] ?? []) : [],
    );
    for (const target of targets) {
      const mount = container.volumeMounts?.find(({ mountPath }) => mountPath === target);
      expect(pod.volumes?.find(({ name: volume }) => volume === mount?.name)).toHaveProperty('emptyDir');
    }
    expect(targets).toHaveLength(STAGED.includes(name) ? 1 : 0);
  });
});

test('no two examples have objects of the same name: all of them can be applied to one namespace', () => {
  const names = VARIANTS.flatMap(([name, file]) =>
    readExample(name, file).manifests.map(({ kind, value }) => `${kind} ${value.metadata?.name}`),
  );
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test('the image of the example that is nobody’s to rebuild is taken as it is, with its own entrypoint behind rehup', () => {
  const [copied, mounted] = ['kubernetes.yaml', 'image-volume.yaml'].map((file) =>
    readExample('inject', file),
  );
  for (const example of [copied, mounted]) {
    expect(example?.container.image).not.toContain('example.com');
    const words = example?.container.command ?? [];
    expect(words.slice(words.indexOf('--'))).toEqual([
      '--',
      '/docker-entrypoint.sh',
      'nginx',
      '-g',
      'daemon off;',
    ]);
    // The program is where the volume is mounted.
    const mount = example?.container.volumeMounts?.find(({ name }) => name === 'rehup');
    expect(words[0]).toBe(`${mount?.mountPath}/rehup`);
  }
  const [init] = copied?.pod.initContainers ?? [];
  expect(init?.args).toEqual(['install', `${init?.volumeMounts?.[0]?.mountPath}/rehup`]);
  expect(copied?.pod.volumes?.find(({ name }) => name === 'rehup')).toHaveProperty('emptyDir');
  expect(mounted?.pod.initContainers).toBeUndefined();
  expect(mounted?.pod.volumes?.find(({ name }) => name === 'rehup')?.image?.reference).toBe(init?.image);
  expect(mounted?.container).toEqual(copied?.container);
});

test('the example with a stage goes back before the kubelet of another replica is likely to have the bad content', () => {
  const { entrypoint } = readExample('staged-rollback');
  const seconds = (option: string) => Number.parseInt(entrypoint[entrypoint.indexOf(option) + 1] ?? '', 10);
  // A try of --ready may take 5 s, and is not begun before the verify time is over.
  expect(Math.max(seconds('--ready-timeout'), seconds('--verify') + 5)).toBeLessThanOrEqual(6);
});

describe('the check of manifests', () => {
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { key: 'value' } };

  test('takes what is right', () => {
    expect(checkedManifest(map)).toEqual({ kind: 'ConfigMap', value: map });
  });

  test('refuses a wrong type, a field that nobody knows and a kind that it does not know', () => {
    expect(() => checkedManifest({ ...map, data: { key: 1 } })).toThrow('/data/key: type {"type":"string"}');
    expect(() => checkedManifest({ ...map, metadata: { nane: 'a' } })).toThrow(
      'no schema knows /metadata/nane',
    );
    expect(() => checkedManifest({ ...map, kind: 'Konfig' })).toThrow('no schema for the kind Konfig');
  });
});
