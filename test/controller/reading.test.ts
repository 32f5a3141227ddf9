import { describe, expect, test } from 'vitest';
import type { ApiObject, PodSpec } from '../../src/controller/core/reading/api.ts';
import { combinedDigest, contentDigest, isComparable } from '../../src/controller/core/reading/digest.ts';
import { podOf } from '../../src/controller/core/reading/pod.ts';
import { referencesOf } from '../../src/controller/core/reading/references.ts';
import { parseState, type State, stateText } from '../../src/controller/core/reading/state.ts';
import { hashWith } from './api-server.ts';

/** What objects of the API are taken for. */

describe('a pod template refers to', () => {
  const cases: Readonly<Record<string, PodSpec>> = {
    'a volume': { volumes: [{ configMap: { name: 'c' } }, { secret: { secretName: 's' } }] },
    'a projected volume': {
      volumes: [{ projected: { sources: [{ configMap: { name: 'c' } }, { secret: { name: 's' } }] } }],
    },
    env: {
      containers: [
        {
          env: [
            { valueFrom: { configMapKeyRef: { name: 'c' } } },
            { valueFrom: { secretKeyRef: { name: 's' } } },
          ],
        },
      ],
    },
    envFrom: { containers: [{ envFrom: [{ configMapRef: { name: 'c' } }, { secretRef: { name: 's' } }] }] },
    'an init container': {
      initContainers: [{ envFrom: [{ configMapRef: { name: 'c' } }, { secretRef: { name: 's' } }] }],
    },
  };
  for (const [title, spec] of Object.entries(cases)) {
    test(title, () => {
      expect(referencesOf(spec)).toEqual([
        { name: 'configmap/c', optional: false },
        { name: 'secret/s', optional: false },
      ]);
    });
  }

  test('what is optional everywhere as optional', () => {
    const optional = { configMapRef: { name: 'c', optional: true } };
    const other = { configMapRef: { name: 'd', optional: true } };
    const required = { configMap: { name: 'd' } };
    expect(referencesOf({ volumes: [required], containers: [{ envFrom: [optional, other] }] })).toEqual([
      { name: 'configmap/c', optional: true },
      { name: 'configmap/d', optional: false },
    ]);
  });
});

describe('digests', () => {
  const hash = hashWith('k');
  const of = (object: ApiObject) => contentDigest('configmap', object, hash);

  test('tell contents, names of keys and sections apart, and nothing else', () => {
    const one = { data: { a: 'x' } };
    const others = [
      { data: { a: 'y' } },
      { data: { b: 'x' } },
      { data: { a: 'x', b: '' } },
      { binaryData: { a: 'x' } },
      {},
    ];
    expect(new Set([one, ...others].map(of)).size).toBe(6);
    expect(of({ ...one, metadata: { labels: { new: 'label' } } })).toBe(of(one));
    expect(of({ data: { b: '2', a: '1' } })).toBe(of({ data: { a: '1', b: '2' } }));
    // Where a length is missing, these are the same text.
    expect(of({ data: { a: 'xb', c: '' } })).not.toBe(of({ data: { a: 'x', bc: '' } }));
  });

  test('of Secrets are keyed', () => {
    const secret = { data: { password: 'aHVudGVyMg==' } };
    expect(contentDigest('secret', secret, hash)).not.toBe(
      contentDigest('secret', secret, hashWith('other')),
    );
    expect(contentDigest('secret', secret, hash)).not.toBe(of(secret));
  });

  test('are compared only with those of the same version and key', () => {
    const digest = combinedDigest({ 'configmap/a': '1' }, hash);
    expect(digest).toMatch(/^v1\.[0-9a-f]{16}\.[0-9a-f]{32}$/);
    expect(isComparable(digest, hash)).toBe(true);
    expect(isComparable(digest, hashWith('other'))).toBe(false);
    expect(isComparable(digest.replace('v1', 'v2'), hash)).toBe(false);
    expect(isComparable('true', hash)).toBe(false);
  });
});

test('a state is read as it was written, and nothing else is one', () => {
  const state: State = {
    ...{
      digest: 'v1.k.h',
      parts: { 'configmap/a': '1' },
      phase: 'failed',
      at: 1000,
      changed: ['configmap/a'],
    },
    ...{ template: 'v1.k.h', broken: true, again: true, reason: 'a reason', taken: [1] },
  };
  expect(parseState(stateText(state))).toEqual(state);
  for (const text of [
    undefined,
    '',
    'null',
    '[]',
    '{}',
    '1',
    '{"digest":1}',
    stateText(state).replace('failed', 'odd'),
  ])
    expect(parseState(text)).toBeUndefined();
});

describe('a pod', () => {
  const owned = (kind: string, name: string, labels = {}) =>
    podOf({
      metadata: { name: 'p', namespace: 'shop', labels, ownerReferences: [{ kind, name, controller: true }] },
    });

  test('belongs to a workload by its owner', () => {
    expect(owned('StatefulSet', 'db')?.workload).toBe('StatefulSet/shop/db');
    expect(owned('DaemonSet', 'log')?.workload).toBe('DaemonSet/shop/log');
    expect(owned('ReplicaSet', 'web-5d4f', { 'pod-template-hash': '5d4f' })?.workload).toBe(
      'Deployment/shop/web',
    );
    expect(owned('ReplicaSet', 'web-5d4f')).toBeUndefined();
    expect(owned('Job', 'once')).toBeUndefined();
  });

  test('has ended as often as the container that ended most often; an init container that ends well has not', () => {
    const metadata = { ownerReferences: [{ kind: 'StatefulSet', name: 'db', controller: true }] };
    const ended = { state: { terminated: { exitCode: 0 } } };
    expect(podOf({ metadata, status: { initContainerStatuses: [ended] } })?.ends).toBe(0);
    expect(podOf({ metadata, status: { containerStatuses: [{ restartCount: 1, ...ended }] } })?.ends).toBe(2);
  });
});
