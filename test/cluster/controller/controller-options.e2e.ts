import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Resource } from '../client/api.ts';
import { field } from '../client/objects.ts';
import { awaited, quiet } from '../client/waiting.ts';
import { createHome, type Home } from './home.ts';
import { eventsOf, phaseOf, revisionOf, taking, workload } from './workloads.ts';

/** Options of the controller on a real API server, each with objects, and a controller, of its own. */

const REST = 5000;

const made = (name: string, object = name): Resource =>
  workload('Deployment', name, taking('envFrom', 'ConfigMap', object));

describe('--namespace-selector', () => {
  const [OURS, OTHERS] = ['selected-one', 'selected-none'] as const;
  let home: Home;

  const label = (namespace: string, value: string | null) =>
    home.api.text(
      'PATCH',
      `/api/v1/namespaces/${namespace}`,
      { metadata: { labels: { team: value } } },
      'application/merge-patch+json',
    );
  const change = (namespace: string, key: string) =>
    home.api.patch('ConfigMap', 'app', namespace, { data: { key } });
  const get = (namespace: string) => home.api.get('Deployment', 'app', namespace);

  beforeAll(async () => {
    home = await createHome('controller-selector');
    for (const namespace of [OURS, OTHERS]) {
      await home.api.create({ kind: 'Namespace', metadata: { name: namespace } });
      await home.api.create({
        kind: 'ConfigMap',
        metadata: { name: 'app', namespace },
        data: { key: 'one' },
      });
      await home.make({ ...made('app'), metadata: { ...made('app').metadata, namespace } });
    }
    await label(OURS, 'a');
  });

  afterAll(async () => {
    for (const namespace of [OURS, OTHERS]) await home.api.delete('Namespace', namespace);
    await home.end();
  });

  test('looks after namespaces with the label, from when they get it until they lose it', async () => {
    const controller = await home.start('--namespace-selector', 'team=a');
    await controller.said('leader.elected');
    await home.comeTo('adopted', ['app'], OURS);
    for (const namespace of [OURS, OTHERS]) await change(namespace, 'two');
    await home.comeTo('applied', ['app'], OURS);
    await quiet(REST);
    expect(phaseOf(await get(OTHERS))).toBeUndefined();
    await label(OTHERS, 'a');
    await home.comeTo('adopted', ['app'], OTHERS);
    await label(OURS, null);
    await change(OTHERS, 'three');
    await home.comeTo('applied', ['app'], OTHERS);
    await change(OURS, 'three');
    await quiet(REST);
    expect([revisionOf(await get(OURS)), revisionOf(await get(OTHERS))]).toEqual([2, 2]);
  });
});

/** A namespace and a controller for one test. */
async function inHome(name: string, test: (home: Home) => Promise<void>): Promise<void> {
  const home = await createHome(name);
  try {
    await test(home);
  } finally {
    await home.end();
  }
}

describe.concurrent('an option', () => {
  test('--dry-run says what it would do, once, and changes nothing', () =>
    inHome('controller-dry', async (home) => {
      const { namespace, api } = home;
      await home.config('app', 'one');
      await home.make(made('app'));
      const before = await awaited('it to be at rest', async () => {
        const now = await api.get('Deployment', 'app', namespace);
        return revisionOf(now) === 1 && field(now, 'status', 'observedGeneration') === 1 ? now : undefined;
      });
      const controller = await home.start('--namespace', namespace, '--dry-run');
      await awaited('it to be seen', async () => {
        const answer = await fetch(`http://127.0.0.1:${controller.port}/status`);
        const { workloads } = (await answer.json()) as { readonly workloads: readonly object[] };
        return field(workloads[0], 'standing') === 'adopted' ? true : undefined;
      });
      await home.change('app', 'two');
      const line = await controller.said('rollout.started');
      expect(line).toContain('would be: ConfigMap app changed; rolling out (template)');
      await quiet(REST);
      expect(controller.lines().filter((one) => one.includes('rollout.started'))).toHaveLength(1);
      const after = await api.get('Deployment', 'app', namespace);
      expect(field(after, 'metadata', 'resourceVersion')).toBe(field(before, 'metadata', 'resourceVersion'));
      expect(await eventsOf(api, namespace, 'app')).toEqual([]);
      // No Lease, of which it would be the leader, and no key: nothing of it is left.
      for (const kind of ['Lease', 'Secret']) expect(await api.list(kind, namespace)).toEqual([]);
    }));

  test('--splay lets a part of it pass between two roll-outs for the same change', () =>
    inHome('controller-splay', async (home) => {
      const names = ['splay-a', 'splay-b', 'splay-c'];
      const splay = 8000;
      await home.config('app', 'one');
      for (const name of names) await home.make(made(name, 'app'));
      const controller = await home.start(
        '--namespace',
        home.namespace,
        '--lease',
        'off',
        '--splay',
        `${splay}ms`,
      );
      await home.comeTo('adopted', names);
      await home.change('app', 'two');
      await home.comeTo('applied', names);
      const starts = controller
        .lines()
        .filter((line) => line.includes('rollout.started'))
        .map((line) => JSON.parse(line) as { readonly time: string; readonly workload: string })
        .map(({ time, workload: name }) => ({ at: Date.parse(time), name }));
      expect(starts.map(({ name }) => name).toSorted()).toEqual(names);
      // The part follows from the name of the workload, so that it is the same at each look.
      const part = (name: string) => {
        const digest = createHash('sha256').update(`Deployment/${home.namespace}/${name}`).digest('hex');
        return splay * (Number.parseInt(digest.slice(0, 8), 16) / 2 ** 32);
      };
      // What is logged was written a moment before, and that in turn was decided before.
      for (const [index, { at, name }] of starts.slice(1).entries())
        expect(at - (starts[index]?.at ?? 0)).toBeGreaterThan(part(name) - 1000);
    }));

  test('a PodDisruptionBudget that allows no eviction is asked again, and holds nobody else up', () =>
    inHome('controller-budget', async (home) => {
      const { namespace, api } = home;
      const path = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
      const spec = { minAvailable: 1, selector: { matchLabels: { app: 'kept' } } };
      await api.text('POST', path, { metadata: { name: 'kept' }, spec });
      await home.config('app', 'one');
      const options = { ...taking('envFrom', 'ConfigMap', 'app'), replicas: 1 };
      const annotations = { 'rehup.dev/strategy': 'evict' };
      await home.make(workload('Deployment', 'kept', { ...options, annotations }));
      await home.config('other', 'one');
      await home.make(made('other'));
      await awaited('its pod', async () => {
        const now = await api.get('Deployment', 'kept', namespace);
        return field(now, 'status', 'availableReplicas') === 1 ? true : undefined;
      });
      const controller = await home.start('--namespace', namespace, '--lease', 'off');
      await home.comeTo('adopted', ['kept', 'other']);
      const uids = async () => (await api.list('Pod', namespace)).map((pod) => field(pod, 'metadata', 'uid'));
      const before = await uids();
      await home.change('app', 'two');
      await home.change('other', 'two');
      expect(await controller.said('eviction.refused')).toContain('a PodDisruptionBudget');
      await home.comeTo('applied', ['other']);
      expect([await home.phase('kept'), await uids()]).toEqual(['rolling', before]);
      await api.text('DELETE', `${path}/kept`);
      await home.comeTo('applied', ['kept']);
      expect(await uids()).not.toContain(before[0]);
      expect(await home.revision('kept')).toBe(1);
    }));
});
