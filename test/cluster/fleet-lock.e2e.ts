import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, createApi, type Resource } from './client/api.ts';
import { field, isTrue } from './client/objects.ts';
import { thePlace } from './client/room.ts';
import { awaited } from './client/waiting.ts';
import { grant, kubeconfigOf, revoke } from './controller/account.ts';
import { inPlace, TOKEN } from './controller/in-place.ts';
import { type Running, startController } from './controller/running.ts';
import { workload } from './controller/workloads.ts';

/** The FleetLock server of the controller, asked by rehup in pods of a real cluster. */

const HOME = 'fleet-lock';
const PORT = 19_847;
const PATIENCE = { patience: 180_000 };

const place = thePlace();
const api: Api = createApi(place);
const running: Running[] = [];
let kubeconfig: string;

/** Among the links of the cluster, so that pods reach it. */
async function start(port: number): Promise<Running> {
  const [, , pid = ''] = place.prefix;
  const prefix = ['nsenter', '--target', pid, '--net', '--'];
  const words = ['--namespace', HOME];
  const made = await startController(kubeconfig, words, { prefix, listen: `0.0.0.0:${port}` });
  running.push(made);
  await made.said('controller.synced');
  return made;
}

beforeAll(async () => {
  await api.create({ kind: 'Namespace', metadata: { name: HOME } });
  await grant(api, HOME, ['cluster-role.yaml', 'secrets.yaml', 'fleet.yaml', 'base/account.yaml']);
  kubeconfig = await kubeconfigOf(place, api, HOME);
  await start(PORT);
  await start(PORT + 1);
});

afterAll(async () => {
  for (const one of running) await one.kill();
  await revoke(api, HOME);
  await api.delete('Namespace', HOME);
});

const config = (name: string, key: string) =>
  api.create({ kind: 'ConfigMap', metadata: { name, namespace: HOME }, data: { key } });

const change = (name: string, key: string) => api.patch('ConfigMap', name, HOME, { data: { key } });

/** It is not Ready any more after bad content, and says no to it. */
const ACTION = `exec:/bin/busybox sh -c 'read k </etc/app/key; case $k in bad*) echo >/tmp/broken; exit 1;; slow*) sleep 1000;; esac'`;

type Fleet = {
  readonly replicas: number;
  readonly hasToken: boolean;
  readonly most?: string;
  readonly sidecar?: boolean;
};

/** A Deployment whose pods are rehup, and take the ConfigMap of the same name; when all are Ready. */
async function fleet(
  name: string,
  { replicas, hasToken, most = '1', sidecar = false }: Fleet,
): Promise<void> {
  const url = `http://${place.address}:${PORT}/fleet-lock`;
  const token = hasToken ? ['--fleet-token', '/var/run/rehup/token'] : [];
  const probe = { exec: { command: ['/bin/busybox', 'sh', '-c', '[ ! -e /tmp/broken ]'] } };
  const beside = sidecar ? inPlace(['--fleet-lock', url, ...token]) : undefined;
  const container = {
    command: [
      ...['/rehup', '--watch', '/etc/app', '--on-change', ACTION, '--action-timeout', '1h', '--verify', '1s'],
      ...['--min-interval', '0', '--fleet-lock', url, ...token, '--', '/bin/busybox', 'sleep', '1000000'],
    ],
    readinessProbe: { ...probe, periodSeconds: 1, failureThreshold: 1 },
    volumeMounts: [
      { name: 'config', mountPath: '/etc/app' },
      ...(hasToken ? [{ name: 'token', mountPath: '/var/run/rehup' }] : []),
    ],
  };
  const spec = {
    enableServiceLinks: false,
    ...(beside && { initContainers: beside.initContainers }),
    volumes: [
      { name: 'config', configMap: { name } },
      ...(hasToken ? [TOKEN] : []),
      ...(beside?.volumes ?? []),
    ],
  };
  const annotations = { 'rehup.dev/reload': 'off', 'rehup.dev/max-unavailable': most };
  const made = workload('Deployment', name, {
    replicas,
    container: beside?.container ?? container,
    spec,
    annotations,
  });
  await awaited('the service account', () =>
    api.create({ ...made, metadata: { ...made.metadata, namespace: HOME } }),
  );
  await awaited(
    `${name} to run`,
    async () => ((await podsOf(name)).filter(isReady).length === replicas ? true : undefined),
    PATIENCE,
  );
}

const podsOf = async (name: string) =>
  (await api.list('Pod', HOME)).filter((pod) => field(pod, 'metadata', 'labels', 'app') === name);

const isReady = (pod: Resource) =>
  isTrue(pod, 'Ready') && field(pod, 'metadata', 'deletionTimestamp') === undefined;

const uidOf = (pod: Resource) => String(field(pod, 'metadata', 'uid'));

const logOf = (pod: string, container = 'app') =>
  api.text('GET', `/api/v1/namespaces/${HOME}/pods/${pod}/log?container=${container}`);

/** How many pods applied so often. */
async function applied(name: string, count: number): Promise<number> {
  const logs = await Promise.all((await podsOf(name)).map((pod) => logOf(pod.metadata.name)));
  return logs.filter((log) => log.split('"event":"reload.applied"').length > count).length;
}

/** Whether a pod was told, later than this, that the slot is taken. */
async function isHeld(pod: string, since: string, name = 'web', container = 'app'): Promise<boolean> {
  const lines = (await logOf(pod, container))
    .split('\n')
    .filter((line) => line.includes('"event":"reload.held"'));
  return lines.some((line) => {
    const { time, value = '' } = JSON.parse(line) as { readonly time: string; readonly value?: string };
    return time > since && value.includes(`1 of 1 slots of Deployment ${name} are taken`);
  });
}

const holderOf = async (name: string, index = 0) => {
  const lease = await api.get('Lease', `rehup-${index}.deployment.${name}`, HOME).catch(() => undefined);
  const holder = String(field(lease, 'spec', 'holderIdentity') ?? '');
  return holder === '' ? undefined : holder;
};

/** Grants and returns of a fleet in their order, of all controllers. */
function story(name: string): readonly string[] {
  return running
    .flatMap((one) => one.lines())
    .filter((line) => /"slot\.(granted|returned)"/.test(line) && line.includes(`.deployment.${name}`))
    .map((line) => JSON.parse(line) as { readonly time: string; readonly event: string })
    .toSorted((one, other) => (one.time < other.time ? -1 : 1))
    .map(({ event }) => event);
}

/** Waits for as many lines of it: they come after what is done. */
const told = (name: string, count: number) =>
  awaited(`${count} lines`, () => (story(name).length >= count ? true : undefined));

const everything = { ...PATIENCE, shown: () => running.flatMap((one) => one.lines().slice(-20)).join('\n') };

describe.concurrent('a fleet', () => {
  test('reloads one after the other, stops at bad content for all controllers, and is halted by the end of its holder', async () => {
    await config('web', 'one');
    await fleet('web', { replicas: 3, hasToken: true });
    await change('web', 'two');
    await awaited(
      'all to apply it',
      async () => ((await applied('web', 1)) === 3 ? true : undefined),
      everything,
    );
    await awaited('the last slot', async () => ((await holderOf('web')) === undefined ? true : undefined));
    await told('web', 6);
    expect(story('web')).toEqual(Array.from({ length: 3 }, () => ['slot.granted', 'slot.returned']).flat());
    const since = new Date().toISOString();
    await change('web', 'bad');
    const holder = await awaited('a holder', () => holderOf('web'), everything);
    const failed = await awaited(
      'the failure',
      async () => (await podsOf('web')).find((pod) => uidOf(pod) === holder && !isReady(pod)),
      everything,
    );
    // The one that answered is killed; another is the leader now, and one that knows nothing answers.
    await running[0]?.kill();
    await running[1]?.said('leader.elected');
    await start(PORT);
    await awaited(
      'the others to wait',
      async () => {
        const others = (await podsOf('web')).filter((pod) => uidOf(pod) !== holder);
        const waits = await Promise.all(others.map((pod) => isHeld(pod.metadata.name, since)));
        return waits.length === 2 && waits.every((one) => one) ? true : undefined;
      },
      everything,
    );
    expect(await holderOf('web')).toBe(holder);
    await awaited('what is noted of it', async () => {
      const lease = await api.get('Lease', 'rehup-0.deployment.web', HOME);
      return field(lease, 'metadata', 'annotations', 'rehup.dev/ready') === 'false' ? true : undefined;
    });
    await api.delete('Pod', failed.metadata.name, HOME);
    const halted = await running[2]?.said('slot.halted');
    expect(halted).toContain('change the content, or annotate Deployment web with rehup.dev/resumed-at');
    await change('web', 'three');
    // The third one has begun since, with what there was.
    await awaited(
      'all to go on',
      async () => ((await applied('web', 2)) === 2 ? true : undefined),
      everything,
    );
    await awaited('the last slot', async () => ((await holderOf('web')) === undefined ? true : undefined));
  });

  test('of pods that are restarted in place has one that is down for bad content', async () => {
    await config('in-place', 'one');
    await fleet('in-place', { replicas: 3, hasToken: true, sidecar: true });
    const before = (await podsOf('in-place')).map(uidOf).toSorted();
    const since = new Date().toISOString();
    await change('in-place', 'bad');
    const holder = await awaited('a holder', () => holderOf('in-place'), everything);
    await awaited(
      'one to be down, and two to wait',
      async () => {
        const pods = await podsOf('in-place');
        const others = pods.filter((pod) => uidOf(pod) !== holder);
        const waits = others.map((pod) => isHeld(pod.metadata.name, since, 'in-place', 'rehup'));
        const areHeld = (await Promise.all(waits)).filter((one) => one).length === 2;
        const isDown = pods.some((pod) => uidOf(pod) === holder && !isReady(pod));
        return areHeld && isDown && others.every(isReady) ? true : undefined;
      },
      everything,
    );
    expect(await holderOf('in-place')).toBe(holder);
    await change('in-place', 'three');
    await awaited(
      'all to be well again, and no slot to be held',
      async () => {
        const ready = (await podsOf('in-place')).filter(isReady);
        return ready.length === 3 && (await holderOf('in-place')) === undefined ? true : undefined;
      },
      everything,
    );
    expect((await podsOf('in-place')).map(uidOf).toSorted()).toEqual(before);
  });

  test('has as many slots as its annotation says, and gets that of a Ready pod that is gone', async () => {
    await config('slow', 'one');
    await fleet('slow', { replicas: 3, hasToken: true, most: '67%' });
    await change('slow', 'slow');
    const holders = await awaited(
      'two holders',
      async () => {
        const found = [await holderOf('slow', 0), await holderOf('slow', 1)];
        return found.includes(undefined) ? undefined : found;
      },
      everything,
    );
    expect(new Set(holders).size).toBe(2);
    const pods = await podsOf('slow');
    const waits = pods.find((pod) => !holders.includes(uidOf(pod)));
    const first = pods.find((pod) => uidOf(pod) === holders[0]);
    await api.delete('Pod', first?.metadata.name ?? '', HOME);
    await awaited(
      'the slot to be the last one’s',
      async () => ((await holderOf('slow', 0)) === uidOf(waits as Resource) ? true : undefined),
      everything,
    );
    expect(await holderOf('slow', 2)).toBeUndefined();
  });

  test('without tokens is told by the addresses of its pods, and nobody else gets a slot', async () => {
    await config('plain', 'one');
    await fleet('plain', { replicas: 1, hasToken: false });
    await change('plain', 'two');
    await awaited(
      'it to apply',
      async () => ((await applied('plain', 1)) === 1 ? true : undefined),
      everything,
    );
    await told('plain', 2);
    expect(story('plain')).toEqual(['slot.granted', 'slot.returned']);
    for (const path of ['/', '/status']) {
      const answer = await fetch(`http://${place.address}:${PORT}${path}`);
      expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('--listen-status')]);
    }
    const ask = async (headers: Record<string, string>, token?: string) => {
      const answer = await fetch(`http://${place.address}:${PORT + 1}/fleet-lock/v1/pre-reboot`, {
        method: 'POST',
        headers: { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
        body: JSON.stringify({ client_params: { id: 'x', group: 'default' } }),
      });
      return `${answer.status} ${((await answer.json()) as { readonly kind: string }).kind}`;
    };
    const PROTOCOL = { 'fleet-lock-protocol': 'true' };
    expect(await ask({})).toBe('400 missing_header');
    expect(await ask(PROTOCOL)).toBe('403 unknown_pod');
    expect(await ask(PROTOCOL, 'nonsense')).toBe('403 unknown_pod');
    // A token of the API server's own audience is of no use here.
    const path = `/api/v1/namespaces/${HOME}/serviceaccounts/default/token`;
    const made = JSON.parse(await api.text('POST', path, { spec: {} })) as { status: { token: string } };
    expect(await ask(PROTOCOL, made.status.token)).toBe('403 unknown_pod');
  });
});
