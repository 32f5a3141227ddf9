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
