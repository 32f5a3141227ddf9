import { beforeEach, describe, expect, test } from 'vitest';
import type { ApiLease } from '../../../src/controller/core/fleet/slots.ts';
import { createStore } from '../../../src/controller/core/planning/store.ts';
import type { ApiPod } from '../../../src/controller/core/reading/api.ts';
import { ApiError, type CallOptions, type Client } from '../../../src/controller/host/client.ts';
import { createFleetServer, type FleetRequest } from '../../../src/controller/host/fleet/serving.ts';
import { hashWith } from '../api-server.ts';

/** The FleetLock server, asked over a double of the API server. */

const calls: string[] = [];
const leases = new Map<string, ApiLease>();
const pods = new Map<string, ApiPod>();
let lines: string[];
let unable: string | undefined;
/** Of the next writes of Leases so many come too late. */
let conflicts = 0;
let version = 0;

const podOf = (name: string, more: ApiPod['spec'] = {}): ApiPod => ({
  metadata: {
    ...{ name, namespace: 'shop', uid: `uid-${name}` },
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web', uid: 'w', controller: true },
    ],
  },
  spec: more,
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
});

/** The token of a pod is its name. */
function review(token: string) {
  const extra = {
    'authentication.kubernetes.io/pod-name': [token],
    'authentication.kubernetes.io/pod-uid': [`uid-${token}`],
  };
  const [namespace = 'shop'] = token.includes('@') ? [token.split('@')[1] ?? ''] : [];
  const user = { username: `system:serviceaccount:${namespace}:default`, extra };
  return { status: { authenticated: token !== 'nonsense', audiences: ['rehup'], user } };
}

function answered(method: string, path: string, { body }: CallOptions): unknown {
  const name = path.split('?', 1)[0]?.split('/').at(-1) ?? '';
  if (path.includes('tokenreviews')) return review((body as { spec: { token: string } }).spec.token);
  if (path.includes('/leases')) {
    if (method === 'GET') return { items: [...leases.values()] };
    conflicts -= 1;
    if (conflicts >= 0) throw new ApiError(409, 'conflict');
    version += 1;
    const lease = JSON.parse(JSON.stringify(body)) as ApiLease;
    const metadata = { ...lease.metadata, resourceVersion: String(version) };
    leases.set(metadata.name ?? '', { ...lease, metadata });
    return {};
  }
  if (path.includes('/pods?')) return { items: [...pods.values()] };
  const found = path.includes('/pods/') ? pods.get(name) : { metadata: { uid: 'w' }, spec: { replicas: 3 } };
  if (found === undefined) throw new ApiError(404, 'not found');
  return found;
}

const client = {
  async call(method: string, path: string, options: CallOptions = {}) {
    calls.push(`${method} ${path.split('?', 1)[0]}`);
    return answered(method, path, options);
  },
} as unknown as Client;

const server = () =>
  createFleetServer({
    ...{ client, namespaces: [], store: createStore(2000), hash: hashWith('key') },
    isOurs: (namespace) => namespace === 'shop',
    log: (...line) => void lines.push(JSON.stringify(line)),
    unable: () => unable,
  });

type Asked = { readonly token?: string; readonly what?: FleetRequest };

async function ask(one: ReturnType<typeof server>, { token, what = 'pre-reboot' }: Asked): Promise<string> {
  const { status, kind } = await one.answer(what, { token, address: '10.0.0.1', said: 'default/x' });
  return `${status} ${kind}`;
}

beforeEach(() => {
  leases.clear();
  pods.clear();
  calls.length = 0;
  lines = [];
  unable = undefined;
  conflicts = 0;
  for (const name of ['web-0', 'web-1', 'web-2']) pods.set(name, podOf(name));
});

describe('the server', () => {
  test('gives a slot to one, says no to the other, and yes when it was given back', async () => {
    const one = server();
    expect(await ask(one, { token: 'web-0' })).toBe('200 success');
    expect(await ask(one, { token: 'web-1' })).toBe('423 all_slots_full');
    expect(await ask(one, { token: 'web-0' })).toBe('200 success');
    expect(await ask(one, { token: 'web-0', what: 'steady-state' })).toBe('200 success');
    expect(await ask(one, { token: 'web-1' })).toBe('200 success');
    expect([...leases.keys()]).toEqual(['rehup-0.statefulset.web']);
    expect(leases.get('rehup-0.statefulset.web')?.metadata?.ownerReferences).toMatchObject([{ uid: 'w' }]);
    expect([...one.counts]).toEqual([
      [200, 4],
      [423, 1],
    ]);
  });

  test('keeps nothing: another one goes on where it was', async () => {
    await ask(server(), { token: 'web-0' });
    expect(await ask(server(), { token: 'web-1' })).toBe('423 all_slots_full');
    expect(await ask(server(), { token: 'web-0', what: 'steady-state' })).toBe('200 success');
    expect(await ask(server(), { token: 'web-1' })).toBe('200 success');
  });

  test('looks again when somebody wrote the same Lease, and in the end says that many ask', async () => {
    conflicts = 2;
    expect(await ask(server(), { token: 'web-0' })).toBe('200 success');
    leases.clear();
    conflicts = 100;
    expect(await ask(server(), { token: 'web-0' })).toBe('503 conflict');
  });

  test('asks for a token once, and for its pod each time', async () => {
    const one = server();
    for (let time = 0; time < 3; time += 1) await ask(one, { token: 'web-0' });
    expect(calls.filter((call) => call.includes('tokenreviews'))).toHaveLength(1);
    expect(calls.filter((call) => call.endsWith('/pods/web-0'))).toHaveLength(3);
    pods.delete('web-0');
    expect(await ask(one, { token: 'web-0' })).toBe('403 unknown_pod');
  });

  test('does not ask the API server for each of many that wait', async () => {
    const one = server();
    await ask(one, { token: 'web-0' });
    for (let time = 0; time < 20; time += 1) await ask(one, { token: 'web-1' });
    expect(calls.filter((call) => call.endsWith('/leases')).length).toBeLessThan(21);
  });

  test('refuses a namespace that is not looked after, nonsense and the network of the host', async () => {
    const one = server();
    pods.set('x', podOf('x'));
    expect(await ask(one, { token: 'x@other' })).toBe('403 unknown_pod');
    expect(lines.join()).toContain('does not look after the namespace other');
    expect(calls.filter((call) => call.includes('/pods/'))).toEqual([]);
    expect(await ask(one, { token: 'nonsense' })).toBe('403 unknown_pod');
    expect(lines.join()).not.toContain('nonsense');
    pods.clear();
    pods.set('web-0', podOf('web-0', { hostNetwork: true }));
    expect(await ask(one, {})).toBe('403 unknown_pod');
    expect(lines.join()).toContain('the address of a node');
    pods.set('web-0', podOf('web-0'));
    expect(await ask(one, {})).toBe('200 success');
  });

  test('says why it can not serve', async () => {
    unable = 'not yet';
    expect(await ask(server(), { token: 'web-0' })).toBe('503 unavailable');
    expect(calls).toEqual([]);
  });
});
