import { describe, expect, test } from 'vitest';
import { createStore, objectKey, presentOf, putObject } from '../../src/controller/core/planning/store.ts';
import type { ApiObject, ApiWorkload, PodSpec } from '../../src/controller/core/reading/api.ts';
import { combinedDigest, contentDigest, isComparable } from '../../src/controller/core/reading/digest.ts';
import { configObject, type ObjectKind } from '../../src/controller/core/reading/object.ts';
import { podOf } from '../../src/controller/core/reading/pod.ts';
import { referencesOf } from '../../src/controller/core/reading/references.ts';
import { parseState, type State, stateText } from '../../src/controller/core/reading/state.ts';
import { workloadOf } from '../../src/controller/core/reading/workload.ts';
import { hashWith } from './api-server.ts';
import { SETTINGS } from './controller-double.ts';

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

/** The names that a workload with these annotations is rolled for. */
function chosen(
  annotations: Readonly<Record<string, string>>,
  {
    template = {},
    marks = {},
    reloadAll = false,
  }: {
    readonly template?: Readonly<Record<string, string>>;
    readonly marks?: Readonly<Record<string, Readonly<Record<string, string>>>>;
    readonly reloadAll?: boolean;
  } = {},
): readonly string[] | undefined {
  const refers = ['c1', 'c2'].map((name) => ({ configMapRef: { name } }));
  const secrets = ['s1', 's2'].map((name) => ({ secretRef: { name } }));
  const object: ApiWorkload = {
    metadata: { name: 'web', namespace: 'shop', annotations },
    spec: {
      template: {
        metadata: { annotations: template },
        spec: { containers: [{ envFrom: [...refers, ...secrets] }] },
      },
    },
  };
  const settings = { ...SETTINGS, reloadAll };
  const workload = workloadOf('Deployment', object, settings);
  if (workload === undefined) return undefined;
  const store = createStore(settings.settle);
  for (const name of [
    'configmap/c1',
    'configmap/c2',
    'configmap/other',
    'secret/s1',
    'secret/s2',
    'secret/tls-a',
  ]) {
    const [kind = '', plain = ''] = name.split('/');
    const annotated = marks[name] ?? {};
    const stored = {
      metadata: { name: plain, namespace: 'shop', annotations: annotated },
      data: { key: 'x' },
    };
    putObject(store, objectKey('shop', name), configObject(kind as ObjectKind, stored, hashWith('k')), 0);
  }
  return Object.keys(presentOf(store, workload).parts).sort();
}

describe('by its annotations a workload is rolled for', () => {
  const all = ['configmap/c1', 'configmap/c2', 'secret/s1', 'secret/s2'];
  const reloader = 'reloader.stakater.com';
  type Row = readonly [
    title: string,
    annotations: Readonly<Record<string, string>>,
    names: readonly string[] | undefined,
  ];
  const rows: readonly Row[] = [
    ['nothing without any', {}, undefined],
    ['all it refers to: auto', { 'rehup.dev/reload': 'auto' }, all],
    ['a list', { 'rehup.dev/reload': 'configmap/c1, secret/tls*' }, ['configmap/c1', 'secret/tls-a']],
    ['nothing when it opts out', { 'rehup.dev/reload': 'off', [`${reloader}/auto`]: 'true' }, undefined],
    ["Reloader's auto", { [`${reloader}/auto`]: 'true' }, all],
    [
      "Reloader's auto: false",
      { [`${reloader}/auto`]: 'false', [`configmap.${reloader}/reload`]: 'c1' },
      undefined,
    ],
    ['ConfigMaps alone', { [`configmap.${reloader}/auto`]: 'true' }, ['configmap/c1', 'configmap/c2']],
    ['Secrets alone', { [`secret.${reloader}/auto`]: 'true' }, ['secret/s1', 'secret/s2']],
    [
      'names, referred to or not',
      { [`configmap.${reloader}/reload`]: 'c1,other' },
      ['configmap/c1', 'configmap/other'],
    ],
    ['expressions', { [`secret.${reloader}/reload`]: 'tls-.*' }, ['secret/tls-a']],
    [
      'a name and auto of the other kind',
      { [`secret.${reloader}/auto`]: 'true', [`configmap.${reloader}/reload`]: 'other' },
      ['configmap/other', 'secret/s1', 'secret/s2'],
    ],
    [
      'all but what is excluded',
      {
        [`${reloader}/auto`]: 'true',
        [`configmaps.exclude.${reloader}/reload`]: 'c1',
        [`secrets.exclude.${reloader}/reload`]: 's1',
      },
      ['configmap/c2', 'secret/s2'],
    ],
    ['nothing marked: search', { [`${reloader}/search`]: 'true' }, []],
    [
      'all, as auto comes before search',
      { [`${reloader}/search`]: 'true', [`${reloader}/auto`]: 'true' },
      all,
    ],
    ['words that mean nothing', { [`${reloader}/auto`]: 'yes' }, undefined],
  ];
  test.each(rows)('%s', (_, annotations, names) => {
    expect(chosen(annotations)).toEqual(names);
  });

  test('what is marked, if it searches', () => {
    const marks = {
      'configmap/c2': { [`${reloader}/match`]: 'true' },
      'configmap/other': { [`${reloader}/match`]: 'true' },
    };
    expect(chosen({ [`${reloader}/search`]: 'true' }, { marks })).toEqual(['configmap/c2']);
  });

  test('nothing that says itself that it is to be ignored', () => {
    const marks = { 'secret/s1': { [`${reloader}/ignore`]: 'true' } };
    expect(chosen({ [`${reloader}/auto`]: 'true' }, { marks })).toEqual([
      'configmap/c1',
      'configmap/c2',
      'secret/s2',
    ]);
  });

  test('what the template says for it', () => {
    expect(chosen({}, { template: { [`${reloader}/auto`]: 'true' } })).toEqual(all);
  });

  test('all, where everything is rolled and it does not opt out', () => {
    expect(chosen({}, { reloadAll: true })).toEqual(all);
    expect(chosen({ [`${reloader}/auto`]: 'false' }, { reloadAll: true })).toBeUndefined();
    expect(chosen({ 'rehup.dev/reload': 'off' }, { reloadAll: true })).toBeUndefined();
  });
});

test("Reloader's pause period and rollout strategy are taken, and what can't be understood is told", () => {
  const annotations = {
    'reloader.stakater.com/auto': 'true',
    'deployment.reloader.stakater.com/pause-period': '5m',
    'reloader.stakater.com/rollout-strategy': 'restart',
    'rehup.dev/verify': 'soon',
  };
  const workload = workloadOf('Deployment', { metadata: { annotations } }, SETTINGS);
  expect(workload).toMatchObject({ pause: 300_000, strategy: 'evict', verify: 30_000 });
  expect(workload?.mistakes).toEqual([expect.stringMatching(/^rehup\.dev\/verify soon: not a duration/)]);
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
