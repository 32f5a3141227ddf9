import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, createApi, type Resource } from '../client/api.ts';
import { field } from '../client/objects.ts';
import { kubectl } from '../client/pod.ts';
import { thePlace } from '../client/room.ts';
import { awaited, quiet } from '../client/waiting.ts';
import { grant, kubeconfigOf, revoke } from './account.ts';
import { type Running, startController } from './running.ts';
import {
  eventsOf,
  type Kind,
  phaseOf,
  revisionOf,
  taking,
  type WorkloadOptions,
  workload,
} from './workloads.ts';

/** A controller and pods that really run: content that is bad, and ways back. Each test has objects of its own. */

const HOME = 'controller-pods';

/** Runs while the variable KEY has a good value. */
const PICKY = ['sh', '-c', 'case $KEY in bad*) exit 1;; esac; exec sleep 1000000'];

/** Without it a pod is Ready as soon as it runs, and how soon its end is told is a matter of how busy the kubelet is. */
const PROBE = { exec: { command: ['/bin/busybox', 'true'] }, periodSeconds: 1 };

/** What the kubelet tells of a container is up to some seconds old. */
const LONGER = { annotations: { 'rehup.dev/verify': '5s' } };

const PATIENCE = { patience: 180_000 };

let api: Api;
let running: Running;

/** What webhooks were told. */
const notifications: string[] = [];
const webhook = createServer((asked, answer) => {
  let body = '';
  asked.setEncoding('utf8').on('data', (part: string) => {
    body += part;
  });
  asked.on('end', () => {
    notifications.push(body);
    answer.writeHead(204).end();
  });
});

const REST = 5000;

const place = thePlace();

beforeAll(async () => {
  api = createApi(place);
  await api.create({ kind: 'Namespace', metadata: { name: HOME } });
  await grant(api, HOME, ['cluster-role.yaml', 'secrets.yaml', 'rollback.yaml', 'base/account.yaml']);
  const kubeconfig = await kubeconfigOf(place, api, HOME);
  webhook.listen(0, '127.0.0.1');
  await once(webhook, 'listening');
  const hooks = join(place.folder, 'hooks');
  writeFileSync(hooks, `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/a-path-of-ours\n`);
  const words = ['--namespace', HOME, '--lease', 'off', '--notify-file', hooks];
  running = await startController(kubeconfig, words);
  await running.said('controller.synced');
});

afterAll(async () => {
  await running.kill();
  webhook.close();
  await revoke(api, HOME);
  await api.delete('Namespace', HOME);
});

const config = (name: string, key: string) =>
  api.create({ kind: 'ConfigMap', metadata: { name, namespace: HOME }, data: { key } });

const change = (name: string, key: string) => api.patch('ConfigMap', name, HOME, { data: { key } });

const get = (kind: Kind, name: string) => api.get(kind, name, HOME);

/** A workload whose pods take the variable KEY from a ConfigMap; when it was adopted and all its pods are there. */
async function runs(kind: Kind, name: string, object: string, options: WorkloadOptions = {}): Promise<void> {
  const { container: takes, spec } = taking('env', 'ConfigMap', object);
  const container = { ...takes, readinessProbe: PROBE };
  const made = workload(kind, name, { replicas: 1, command: PICKY, container, spec, ...options });
  await awaited('the service account', () =>
    api.create({ ...made, metadata: { ...made.metadata, namespace: HOME } }),
  );
  await awaited(
    `${name} to run`,
    async () => {
      const now = await get(kind, name);
      const ready = Number(field(now, 'status', 'readyReplicas') ?? field(now, 'status', 'numberReady') ?? 0);
      const wanted = Number(options.replicas ?? 1);
      return ready === wanted && phaseOf(now) !== undefined ? true : undefined;
    },
    PATIENCE,
  );
}

function comesTo(kind: Kind, name: string, phase: string, revision: number): Promise<Resource> {
  let last: Resource | undefined;
  return awaited(
    `${name} to be ${phase} at revision ${revision}`,
    async () => {
      last = await get(kind, name);
      return phaseOf(last) === phase && revisionOf(last) === revision ? last : undefined;
    },
    {
      ...PATIENCE,
      shown: () => `${JSON.stringify(last?.metadata)}\n${running.lines().slice(-30).join('\n')}`,
    },
  );
}

const podsOf = async (name: string) =>
  (await api.list('Pod', HOME)).filter((pod) => field(pod, 'metadata', 'labels', 'app') === name);

describe.concurrent('content', () => {
  test('that is bad halts at the first workload, and the cure comes to it first', async () => {
    await config('shared', 'good 1');
    for (const name of ['halt-a', 'halt-b', 'halt-c']) await runs('Deployment', name, 'shared', LONGER);
    await change('shared', 'bad');
    await comesTo('Deployment', 'halt-a', 'failed', 2);
    await awaited('the others to be told', async () =>
      (await eventsOf(api, HOME, 'halt-b')).find((line) => line.startsWith('Halted')),
    );
    await quiet(REST);
    for (const name of ['halt-b', 'halt-c']) expect(revisionOf(await get('Deployment', name))).toBe(1);
    const events = await eventsOf(api, HOME, 'halt-a');
    expect(events).toContainEqual(
      expect.stringMatching(
        /^Failed: ConfigMap shared \(key\) failed: .*; no other workload gets this content; change the content, or annotate/,
      ),
    );
    await change('shared', 'good 2');
    await comesTo('Deployment', 'halt-a', 'applied', 3);
    for (const name of ['halt-b', 'halt-c']) await comesTo('Deployment', name, 'applied', 2);
    const told = await awaited('the webhook to be told', () => {
      const ours = notifications.filter((body) => /"halt-[abc]"/.test(body));
      return ours.some((body) => body.includes('resumed')) ? ours : undefined;
    });
    const kinds = new Set(told.map((body) => (JSON.parse(body) as { readonly event: string }).event));
    expect([...kinds].toSorted()).toEqual(['rollout.failed', 'rollout.halted', 'rollout.resumed']);
    expect(running.lines().join('\n')).not.toContain('a-path-of-ours');
  });

  test('that is bad holds up nobody who does not refer to it, and fails again when it is resumed unmended', async () => {
    await config('alone', 'good 1');
    await config('other', 'good 1');
    await runs('Deployment', 'alone', 'alone', LONGER);
    await runs('Deployment', 'other', 'other');
    await change('alone', 'bad');
    await change('other', 'good 2');
    await comesTo('Deployment', 'other', 'applied', 2);
    await comesTo('Deployment', 'alone', 'failed', 2);
    // What is resumed is looked at anew, and fails again: nothing was mended.
    const annotations = { 'rehup.dev/resumed-at': new Date().toISOString() };
    await api.patch('Deployment', 'alone', HOME, { metadata: { annotations } });
    await awaited(
      'the second failure',
      async () => {
        const failures = (await eventsOf(api, HOME, 'alone')).filter((line) => line.startsWith('Failed'));
        return failures.length === 2 ? true : undefined;
      },
      PATIENCE,
    );
    expect(revisionOf(await get('Deployment', 'alone'))).toBe(2);
  });

  test('that was bad is cured in a StatefulSet, which would wait for its broken pod for ever', async () => {
    await config('ordered', 'good 1');
    await runs('StatefulSet', 'ordered', 'ordered', { replicas: 2, ...LONGER });
    await change('ordered', 'bad');
    await comesTo('StatefulSet', 'ordered', 'failed', 2);
    await change('ordered', 'good 2');
    await comesTo('StatefulSet', 'ordered', 'applied', 3);
    expect(Number(field(await get('StatefulSet', 'ordered'), 'status', 'readyReplicas'))).toBe(2);
  });

  test('that is bad is replaced by the last good one, once, and the copy goes with its ConfigMap', async () => {
    const annotations = { 'rehup.dev/rollback': 'true' };
    const metadata = { name: 'kept', namespace: HOME, annotations };
    await api.create({ kind: 'ConfigMap', metadata, data: { key: 'good 1' } });
    await runs('Deployment', 'kept', 'kept', LONGER);
    const copies = async () =>
      (await api.list('ConfigMap', HOME)).filter(({ metadata: { name } }) => name.startsWith('rehup-good-'));
    const keptOf = async (key: string) => (await copies()).find((copy) => field(copy, 'data', 'key') === key);
    await change('kept', 'good 2');
    await comesTo('Deployment', 'kept', 'applied', 2);
    await awaited('the copy', () => keptOf('good 2'));
    await change('kept', 'bad');
    const content = async () => field(await api.get('ConfigMap', 'kept', HOME), 'data', 'key');
    await awaited('the good one', async () => ((await content()) === 'good 2' ? true : undefined), PATIENCE);
    await awaited(
      'the workload to be well',
      async () => (phaseOf(await get('Deployment', 'kept')) === 'applied' ? true : undefined),
      PATIENCE,
    );
    const events = await eventsOf(api, HOME, 'kept');
    expect(events.filter((line) => line.startsWith('RolledBack'))).toEqual([
      'RolledBack: the last good content was written back into ConfigMap kept',
    ]);
    const at = async (reason: string) => {
      const [event] = (await api.list('Event', HOME)).filter(
        (one) =>
          one['reason'] === `ConfigRollout${reason}` && field(one, 'involvedObject', 'name') === 'kept',
      );
      return Date.parse(String(field(event, 'lastTimestamp')));
    };
    expect((await at('RolledBack')) - (await at('Failed'))).toBeLessThan(60_000);
    await change('kept', 'bad');
    await awaited(
      'the second failure',
      async () => (phaseOf(await get('Deployment', 'kept')) === 'failed' ? true : undefined),
      PATIENCE,
    );
    await quiet(REST);
    expect(await content()).toBe('bad');
    expect(await copies()).toHaveLength(1);
    await api.delete('ConfigMap', 'kept', HOME);
    await awaited('the copy to go', async () => ((await copies()).length === 0 ? true : undefined));
  });

  test('that was undone by kubectl is left as it is', async () => {
    await config('undone', 'good 1');
    await runs('Deployment', 'undone', 'undone');
    await change('undone', 'good 2');
    await comesTo('Deployment', 'undone', 'applied', 2);
    await kubectl(place, '-n', HOME, 'rollout', 'undo', 'deployment/undone');
    await comesTo('Deployment', 'undone', 'adopted', 3);
    await quiet(REST);
    expect(revisionOf(await get('Deployment', 'undone'))).toBe(3);
    await change('undone', 'good 3');
    await comesTo('Deployment', 'undone', 'applied', 4);
    // And once more, to a template that has a digest of ours.
    await kubectl(place, '-n', HOME, 'rollout', 'undo', 'deployment/undone', '--to-revision=2');
    await comesTo('Deployment', 'undone', 'adopted', 5);
    await quiet(REST);
    expect(revisionOf(await get('Deployment', 'undone'))).toBe(5);
  });

  test('is taken in by eviction, one pod at a time, and nothing in the spec changes', async () => {
    await config('evicted', 'good 1');
    const annotations = { 'rehup.dev/strategy': 'evict' };
    await runs('Deployment', 'evicted', 'evicted', { replicas: 2, annotations });
    const before = (await podsOf('evicted')).map((pod) => String(field(pod, 'metadata', 'uid')));
    await change('evicted', 'good 2');
    await comesTo('Deployment', 'evicted', 'applied', 1);
    const after = (await podsOf('evicted')).map((pod) => String(field(pod, 'metadata', 'uid')));
    expect(after).toHaveLength(2);
    expect(after.filter((uid) => before.includes(uid))).toEqual([]);
  });

  test('is rolled out to a DaemonSet', async () => {
    await config('daemon', 'good 1');
    await runs('DaemonSet', 'daemon', 'daemon');
    await change('daemon', 'good 2');
    await comesTo('DaemonSet', 'daemon', 'applied', 2);
  });

  test('of a template that somebody puts back is rolled out three times, and then left', async () => {
    await config('self-heal', 'good 1');
    await runs('Deployment', 'self-heal', 'self-heal', { replicas: 0 });
    await change('self-heal', 'good 2');
    const remove = { spec: { template: { metadata: { annotations: { 'rehup.dev/config-digest': null } } } } };
    const given = await awaited('the three times', async () => {
      await api.patch('Deployment', 'self-heal', HOME, remove);
      return (await eventsOf(api, HOME, 'self-heal')).find((line) => line.includes('was taken away 3 times'));
    });
    expect(given).toContain('use rehup.dev/strategy: evict');
    await api.patch('Deployment', 'self-heal', HOME, remove);
    await quiet(REST);
    const template = field(
      await get('Deployment', 'self-heal'),
      'spec',
      'template',
      'metadata',
      'annotations',
    );
    expect(field(template, 'rehup.dev/config-digest')).toBeUndefined();
  });
});
