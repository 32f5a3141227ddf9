import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { field } from '../client/objects.ts';
import { kubectl } from '../client/pod.ts';
import { thePlace } from '../client/room.ts';
import { awaited, quiet } from '../client/waiting.ts';
import { createHome, type Home } from './home.ts';
import { digestOf, eventsOf, type Kind, taking, workload } from './workloads.ts';

/** What others do to workloads and objects, or have done to them before, and what is left to them. */

const REST = 5000;

/** Runs while the variable KEY has a good value. */
const PICKY = ['sh', '-c', 'case $KEY in bad*) exit 1;; esac; exec sleep 1000000'];

const place = thePlace();

let home: Home;

beforeAll(async () => {
  home = await createHome('controller-others', ['rollback.yaml']);
  await home.start('--namespace', home.namespace, '--lease', 'off');
});

afterAll(() => home.end());

/** The first Event on a workload that begins like this. */
const told = (name: string, beginning: string, where = home) =>
  awaited(
    `${name} to be told ${beginning}`,
    async () => (await eventsOf(where.api, where.namespace, name)).find((line) => line.startsWith(beginning)),
    { patience: 180_000 },
  );

/** A Deployment with one pod that takes KEY from a ConfigMap; what the kubelet tells of a container is up to some seconds old. */
const running = (name: string, object: string, command: readonly string[]) =>
  home.make(
    workload('Deployment', name, {
      ...taking('env', 'ConfigMap', object),
      ...{ command, replicas: 1, annotations: { 'rehup.dev/verify': '5s' } },
    }),
  );

const available = (name: string) =>
  awaited(`${name} to run`, async () => {
    const now = await home.api.get('Deployment', name, home.namespace);
    return field(now, 'status', 'availableReplicas') === 1 ? true : undefined;
  });

describe.concurrent('the controller', () => {
  test('adopts an older manifest that kubectl applies, and rolls out the next change', async () => {
    const { namespace, api } = home;
    await home.config('older', 'one');
    await home.make(workload('Deployment', 'older', taking('envFrom', 'ConfigMap', 'older')));
    await home.comeTo('adopted', ['older']);
    await home.change('older', 'two');
    await home.comeTo('applied', ['older']);
    const { metadata, spec } = await api.get('Deployment', 'older', namespace);
    const { name, annotations } = metadata;
    const file = join(place.folder, 'older.json');
    const manifest = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace, annotations },
      spec,
    };
    writeFileSync(file, JSON.stringify(manifest));
    await home.change('older', 'three');
    await awaited('the second roll-out', async () =>
      (await home.phase('older')) === 'applied' && (await home.revision('older')) === 3 ? true : undefined,
    );
    await kubectl(place, 'apply', '--server-side', '--force-conflicts', '-f', file);
    expect(await told('older', 'Adopted')).toContain('somebody else');
    await quiet(REST);
    expect([await home.phase('older'), await home.revision('older')]).toEqual(['adopted', 4]);
    await home.change('older', 'four');
    await home.comeTo('applied', ['older']);
    expect(await home.revision('older')).toBe(5);
  });

  test('gives what is paused, OnDelete or partitioned the annotation, an Event and no place', async () => {
    await home.config('held', 'one');
    const takes = taking('envFrom', 'ConfigMap', 'held');
    const onDelete = { updateStrategy: { type: 'OnDelete' } };
    const partitioned = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } };
    const held: readonly (readonly [Kind, string, object, string])[] = [
      ['Deployment', 'held-paused', { paused: true }, 'paused'],
      ['StatefulSet', 'held-ordered', onDelete, 'OnDelete'],
      ['StatefulSet', 'held-partitioned', partitioned, 'partitioned'],
      ['DaemonSet', 'held-daemon', onDelete, 'OnDelete'],
    ];
    for (const [kind, name, fields] of held) await home.make(workload(kind, name, { ...takes, fields }));
    // Of these one goes first: none waits for one of those.
    const free = ['held-x', 'held-y'];
    for (const name of free) await home.make(workload('Deployment', name, takes));
    await home.comeTo('adopted', free);
    for (const [kind, name] of held) await awaited(`${name} to be adopted`, () => home.phase(name, kind));
    await home.change('held', 'two');
    await home.comeTo('applied', free);
    for (const [kind, name, , how] of held) {
      expect(await told(name, 'Skipped')).toContain(
        `ConfigMap held changed; it is ${how}, and its pods are left`,
      );
      const now = await home.api.get(kind, name, home.namespace);
      expect(digestOf(now)).toMatch(/^v1\./);
      expect(await home.phase(name, kind)).toBe('adopted');
    }
  });

  test('halts nobody for a workload that was broken before', async () => {
    await home.config('broken', 'good 1');
    await running('broken-a', 'broken', ['false']);
    await running('broken-b', 'broken', PICKY);
    await available('broken-b');
    await home.comeTo('adopted', ['broken-a', 'broken-b']);
    await home.change('broken', 'good 2');
    expect(await told('broken-a', 'Failed')).toContain('other workloads are not held up');
    await home.comeTo('applied', ['broken-b']);
    expect(await eventsOf(home.api, home.namespace, 'broken-b')).toEqual([
      'Completed: ConfigMap broken rolled out; 1 pods were Ready for 5 s',
    ]);
  });

  test('does not write the last good content into a ConfigMap that Flux owns', async () => {
    const { api, namespace } = home;
    const labels = { 'kustomize.toolkit.fluxcd.io/name': 'apps' };
    const metadata = { name: 'owned', namespace, labels, annotations: { 'rehup.dev/rollback': 'true' } };
    await api.create({ kind: 'ConfigMap', metadata, data: { key: 'good 1' } });
    await running('owned', 'owned', PICKY);
    await available('owned');
    await home.comeTo('adopted', ['owned']);
    await home.change('owned', 'good 2');
    await home.comeTo('applied', ['owned']);
    await awaited('the copy', async () =>
      (await api.list('ConfigMap', namespace)).find(
        (one) => field(one, 'data', 'key') === 'good 2' && one.metadata.name !== 'owned',
      ),
    );
    await home.change('owned', 'bad');
    expect(await told('owned', 'Skipped')).toContain(
      'ConfigMap owned is not put back: it belongs to Flux, which would undo it; change it there',
    );
    await quiet(REST);
    expect(field(await api.get('ConfigMap', 'owned', namespace), 'data', 'key')).toBe('bad');
  });

  test('whose key was lost adopts all, says so, and rolls out nothing but the next change', async () => {
    const other = await createHome('controller-key');
    try {
      const { namespace, api } = other;
      await other.config('app', 'one', 'Secret');
      await other.make(workload('Deployment', 'app', taking('envFrom', 'Secret', 'app')));
      const words = ['--namespace', namespace, '--lease', 'off'] as const;
      await other.start(...words);
      await other.comeTo('adopted', ['app']);
      await other.change('app', 'two', 'Secret');
      await other.comeTo('applied', ['app']);
      await other.killAll();
      await api.delete('Secret', 'rehup-controller-key', namespace);
      await other.start(...words);
      expect(await told('app', 'Adopted', other)).toContain('of another version or key');
      await quiet(REST);
      expect(await other.revision('app')).toBe(2);
      await other.change('app', 'three', 'Secret');
      await other.comeTo('applied', ['app']);
      expect(await other.revision('app')).toBe(3);
    } finally {
      await other.end();
    }
  });
});
