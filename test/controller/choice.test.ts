import { describe, expect, test } from 'vitest';
import { createStore, objectKey, presentOf, putObject } from '../../src/controller/core/planning/store.ts';
import type { ApiWorkload } from '../../src/controller/core/reading/api.ts';
import { configObject, type ObjectKind } from '../../src/controller/core/reading/object.ts';
import { workloadOf } from '../../src/controller/core/reading/workload.ts';
import { ApiServer, hashWith } from './api-server.ts';
import { ControllerDouble, SETTINGS } from './controller-double.ts';

/** What a workload is rolled for by its annotations: ours, and each that Reloader's documentation names. */

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
      "what is named beside Reloader's auto: false",
      { [`${reloader}/auto`]: 'false', [`configmap.${reloader}/reload`]: 'c1' },
      ['configmap/c1'],
    ],
    ["nothing for Reloader's auto: false", { [`${reloader}/auto`]: 'false' }, undefined],
    [
      'one kind, of which one of two is true',
      { [`${reloader}/auto`]: 'false', [`secret.${reloader}/auto`]: 'True' },
      ['secret/s1', 'secret/s2'],
    ],
    [
      'nothing excluded, though it is named',
      { [`configmap.${reloader}/reload`]: 'c1,c2', [`configmaps.exclude.${reloader}/reload`]: 'c1' },
      ['configmap/c2'],
    ],
    ['nothing for what Argo Rollouts alone has', { [`${reloader}/rollout-strategy`]: 'restart' }, undefined],
    [
      'nothing for CSI drivers',
      {
        [`secretproviderclass.${reloader}/auto`]: 'true',
        [`secretproviderclass.${reloader}/reload`]: 'vault',
        [`secretproviderclasses.exclude.${reloader}/reload`]: 'vault',
      },
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
    const template = { [`${reloader}/auto`]: 'true' };
    expect(chosen({}, { template })).toEqual(all);
    // What the workload says of one kind leaves the other to the template.
    expect(chosen({ [`configmap.${reloader}/reload`]: 'c1' }, { template })).toEqual([
      'configmap/c1',
      'secret/s1',
      'secret/s2',
    ]);
    expect(chosen({ [`${reloader}/auto`]: 'false' }, { template })).toBeUndefined();
  });

  test('all, where everything is rolled and it does not opt out', () => {
    expect(chosen({}, { reloadAll: true })).toEqual(all);
    expect(chosen({ [`${reloader}/auto`]: 'false' }, { reloadAll: true })).toBeUndefined();
    expect(chosen({ [`configmap.${reloader}/reload`]: 'other' }, { reloadAll: true })).toEqual(
      [...all, 'configmap/other'].toSorted(),
    );
    expect(chosen({ [`configmap.${reloader}/auto`]: 'false' }, { reloadAll: true })).toEqual([
      'secret/s1',
      'secret/s2',
    ]);
    expect(chosen({ 'rehup.dev/reload': 'off' }, { reloadAll: true })).toBeUndefined();
  });
});

test("Reloader's pause period is taken, its strategy of Argo Rollouts is not, and what can't be understood is told", () => {
  const annotations = {
    'reloader.stakater.com/auto': 'true',
    'deployment.reloader.stakater.com/pause-period': '5m',
    'reloader.stakater.com/rollout-strategy': 'restart',
    'rehup.dev/verify': 'soon',
  };
  const workload = workloadOf('Deployment', { metadata: { annotations } }, SETTINGS);
  expect(workload).toMatchObject({ pause: 300_000, strategy: 'template', verify: 30_000 });
  expect(workload?.mistakes).toEqual([expect.stringMatching(/^rehup\.dev\/verify soon: not a duration/)]);
});

test("Reloader's pause period lets no roll-out begin so soon after the one before", () => {
  const server = new ApiServer();
  server.put('app', 'one');
  server.addWorkload('web', ['app'], { 'deployment.reloader.stakater.com/pause-period': '5m' });
  const controller = new ControllerDouble(server);
  const starts = () => controller.told.filter((line) => line.startsWith('web Started')).length;
  controller.pass(10);
  for (const content of ['two', 'three', 'four']) {
    server.put('app', content);
    controller.pass(60);
  }
  expect(starts()).toBe(1);
  controller.pass(300);
  expect(starts()).toBe(2);
});
