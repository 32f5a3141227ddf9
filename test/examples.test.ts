import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../scripts/build/product.ts';
import { checkedManifest, EXAMPLES, readExample } from './support/manifests.ts';

/** The manifests and Dockerfiles of the examples: what Kubernetes and its restricted Pod Security Standard would say. */

describe.each(EXAMPLES)('the example %s', (name) => {
  const { dockerfile, manifests, pod, container, entrypoint } = readExample(name);

  test('has a Dockerfile, manifests that the schemas of Kubernetes know, and a script that shows it', () => {
    expect(manifests.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['ConfigMap', 'Deployment']));
    expect(existsSync(join(ROOT, 'examples', name, 'run'))).toBe(true);
    expect(dockerfile).toContain(`podman build -f examples/${name}/Dockerfile .`);
  });

  test('keeps to the restricted Pod Security Standard, with a root that is read only', () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toMatchObject({
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
    expect(Object.keys(container.resources?.requests ?? {})).toEqual(['cpu', 'memory']);
    expect(container.resources?.limits).toHaveProperty('memory');
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
  const names = EXAMPLES.flatMap((name) =>
    readExample(name).manifests.map(({ kind, value }) => `${kind} ${value.metadata?.name}`),
  );
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
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
