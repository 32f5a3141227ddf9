import { afterAll, beforeAll, expect, test } from 'vitest';
import { field } from '../client/objects.ts';
import { awaited, quiet } from '../client/waiting.ts';
import { createHome, type Home } from './home.ts';
import type { Running } from './running.ts';
import { eventsOf, taking, workload } from './workloads.ts';

/** What the controller asks of a real API server, by its own count of requests. */

const REST = 5000;

let home: Home;

beforeAll(async () => {
  home = await createHome('controller-requests');
  await home.config('app', 'one');
  await home.make(workload('Deployment', 'app', { ...taking('envFrom', 'ConfigMap', 'app'), replicas: 1 }));
  await awaited('its pod', async () => {
    const now = await home.api.get('Deployment', 'app', home.namespace);
    return field(now, 'status', 'availableReplicas') === 1 ? true : undefined;
  });
});

afterAll(() => home.end());

/** By method and status, without watches, of which one begins when another is over. */
async function counted({ port }: Running): Promise<Readonly<Record<string, number>>> {
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const lines = metrics.matchAll(
    /^rehup_controller_api_requests_total\{method="(\w+)",code="(\d+)"\} (\d+)$/gm,
  );
  const counts = [...lines].map(([, method, code, count]) => [`${method} ${code}`, Number(count)] as const);
  return Object.fromEntries(counts.filter(([name]) => !name.startsWith('WATCH')));
}

/** When it asks for nothing any more. */
function rested(controller: Running): Promise<Readonly<Record<string, number>>> {
  return awaited('it to be at rest', async () => {
    const before = await counted(controller);
    await quiet(REST);
    return JSON.stringify(before) === JSON.stringify(await counted(controller)) ? before : undefined;
  });
}

function since(before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>) {
  const more = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(more.filter(([, count]) => count !== 0));
}

test('a change of one object of one workload is three requests, and at rest there are none', async () => {
  const controller = await home.start('--namespace', home.namespace, '--lease', 'off');
  await home.comeTo('adopted', ['app']);
  const costs: Readonly<Record<string, number>>[] = [];
  // Who writes a status at the same moment costs one more try of a write.
  for (let change = 1; change <= 3 && !costs.some((cost) => !('PATCH 409' in cost)); change += 1) {
    const before = await rested(controller);
    await home.change('app', `content ${change}`);
    await awaited('it to be told', async () => {
      const told = await eventsOf(home.api, home.namespace, 'app');
      return told.filter((line) => line.startsWith('Completed')).length === change ? true : undefined;
    });
    costs.push(since(before, await rested(controller)));
  }
  expect(costs.at(-1)).toEqual({ 'PATCH 200': 2, 'POST 201': 1 });
  expect(await eventsOf(home.api, home.namespace, 'app')).toEqual(
    costs.map(() => 'Completed: ConfigMap app rolled out; 1 pods were Ready for 1 s'),
  );
  await home.killAll();
});

test('the leader renews its Lease by one request, and reads it only when another one wrote it', async () => {
  const controller = await home.start('--namespace', home.namespace);
  await controller.said('leader.elected');
  await controller.said('controller.synced');
  const before = await awaited('the lists of a new leader to be over', async () => {
    const one = await counted(controller);
    await quiet(1000);
    return one['GET 200'] === (await counted(controller))['GET 200'] ? one : undefined;
  });
  const renewals = await awaited('three renewals', async () => {
    const more = since(before, await counted(controller));
    return (more['PUT 200'] ?? 0) >= 3 ? more : undefined;
  });
  expect(Object.keys(renewals)).toEqual(['PUT 200']);
});
