import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../scripts/build/product.ts';
import { checkedManifest, type Manifest, readExample, VARIANTS } from './support/manifests.ts';

type Manifests = readonly [Of<'ConfigMap'>, Of<'Service'>, Of<'Deployment'>];

type Of<Kind> = Extract<Manifest, { kind: Kind }>;

/** The manifests and Dockerfiles of the examples: what Kubernetes and its restricted Pod Security Standard would say. */

describe.each(VARIANTS)('the example %s, %s', (name, file) => {
  const { dockerfile, manifests, pod, container, entrypoint } = readExample(name, file);

  test('has a Dockerfile, manifests that the schemas of Kubernetes know, and a script that shows it', () => {
    expect(manifests.map(({ kind }) => kind)).toEqual(['ConfigMap', 'Service', 'Deployment']);
    expect(existsSync(join(ROOT, 'examples', name, 'run'))).toBe(true);
    expect(dockerfile).toContain(`podman build -f examples/${name}/Dockerfile .`);
  });

  test('keeps to the restricted Pod Security Standard, with a root that is read only', () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    for (const one of [container, ...(pod.initContainers ?? [])])
      expect(one.securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    for (const { hostPath } of pod.volumes ?? []) expect(hostPath).toBeUndefined();
    // The kubelet can not tell whether a user that has a name is root.
    expect(dockerfile).toMatch(/^USER [1-9]\d*$/m);
    expect(pod.automountServiceAccountToken).toBe(false);
  });

  test('asks for what it needs, and no more than it is allowed', () => {
    for (const { resources } of [container, ...(pod.initContainers ?? [])]) {
      expect(Object.keys(resources?.requests ?? {})).toEqual(['cpu', 'memory']);
      expect(resources?.limits).toHaveProperty('memory');
    }
  });

  test('is found by its labels, and served by the port that its Service names', () => {
    const [{ value: map }, { value: service }, { value: deployment }] = manifests as Manifests;
    const labels = { 'app.kubernetes.io/name': deployment.metadata?.name };
    for (const { metadata } of [map, service, deployment]) expect(metadata).toMatchObject({ labels });
    expect(service.metadata?.name).toBe(deployment.metadata?.name);
    expect(service.spec?.selector).toEqual(labels);
    expect(deployment.spec?.selector).toEqual({ matchLabels: labels });
    expect(deployment.spec?.template.metadata?.labels).toEqual(labels);
    expect(container.ports?.map(({ name: port }) => port)).toEqual(['http']);
    expect(service.spec?.ports?.map(({ targetPort }) => targetPort)).toEqual(['http']);
  });

  test('is given the time to end, and is restarted later than it is left out of its Service', () => {
    const { readinessProbe, livenessProbe, lifecycle } = container;
    // What rehup gives a child that a restart has asked to stop, and what preStop takes.
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(30 + (lifecycle?.preStop?.sleep?.seconds ?? 0));
    const times = [readinessProbe, livenessProbe].map(
      (probe) => (probe?.periodSeconds ?? 10) * (probe?.failureThreshold ?? 3),
    );
    expect(times[1]).toBeGreaterThan(Math.max(times[0] ?? 0, 30));
    for (const probe of [readinessProbe, livenessProbe])
      expect((probe?.httpGet ?? probe?.tcpSocket)?.port).toBe('http');
  });

  test('has a kustomization, which names the images that are one’s own', () => {
    const text = readFileSync(join(ROOT, 'examples', name, 'kustomization.yaml'), 'utf8');
    const { resources, images } = parse(text);
    expect(resources).toEqual(['kubernetes.yaml']);
    const own = [container, ...(pod.initContainers ?? [])].flatMap(({ image = '' }) =>
      image.startsWith('example.com/') ? [image] : [],
    );
    const named = images.map(({ name: image, newTag }: Record<string, string>) => `${image}:${newTag}`);
    expect(named).toEqual(file === 'kubernetes.yaml' ? own : expect.anything());
    expect(text).toContain(`kubectl apply -k examples/${name}`);
  });

  test('leaves its last words for kubectl describe, and serves on until its Services know that it goes', () => {
    expect(container.terminationMessagePolicy).toBe('FallbackToLogsOnError');
    const several = manifests.some((one) => one.kind === 'Deployment' && (one.value.spec?.replicas ?? 1) > 1);
    expect(container.lifecycle?.preStop?.sleep?.seconds).toBe(several ? 5 : undefined);
  });

  test('mounts each ConfigMap of its own whole, where rehup watches it', () => {
    const own = manifests.flatMap((one) =>
      one.kind === 'ConfigMap' ? (one.value.metadata?.name ?? []) : [],
    );
    const mounted = (pod.volumes ?? []).flatMap(({ name: volume, configMap }) =>
      configMap === undefined ? [] : [{ volume, map: configMap.name }],
    );
    expect(mounted.map(({ map }) => map).sort()).toEqual([...own].sort());
    for (const { volume } of mounted) {
      const mount = container.volumeMounts?.find((one) => one.name === volume);
      expect(mount?.subPath).toBeUndefined();
      expect(entrypoint.join(' ')).toContain(` ${mount?.mountPath}`);
    }
  });

  test('publishes a stage in an emptyDir, which outlives the container and is nobody else’s', () => {
    const targets = entrypoint.flatMap((word, index) =>
      word === '--stage' ? (entrypoint[index + 1]?.split('=')[1] ?? []) : [],
    );
    for (const target of targets) {
      const mount = container.volumeMounts?.find(({ mountPath }) => mountPath === target);
      expect(pod.volumes?.find(({ name: volume }) => volume === mount?.name)).toHaveProperty('emptyDir');
    }
    expect(targets).toHaveLength(name.startsWith('staged') ? 1 : 0);
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
