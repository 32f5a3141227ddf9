import { beforeEach, describe, expect, test } from 'vitest';
import { workloadOf } from '../../src/controller/core/reading/workload.ts';
import type { CallOptions, Client } from '../../src/controller/host/client.ts';
import { createWriter } from '../../src/controller/host/writer.ts';
import { ApiServer } from './api-server.ts';
import { ControllerDouble, SETTINGS } from './controller-double.ts';

/** What a change costs the API server: each write and each Event is a request. */

let server: ApiServer;
let writes: string[];

beforeEach(() => {
  server = new ApiServer();
  writes = [];
  server.written.push(({ name, patch }) => writes.push(`${name} ${patch.state.phase}`));
  server.put('app', 'one');
});

describe('a roll-out', () => {
  test('costs three requests for one change: it is written twice, and one Event tells of it', () => {
    server.addWorkload('web', ['app'], { 'rehup.dev/settle': '5 parsecs' });
    const controller = new ControllerDouble(server);
    controller.pass(60);
    const costs = () => [...writes.splice(0), ...controller.events.splice(0)];
    expect(costs()).toEqual(['web adopted']);
    server.put('app', 'two');
    controller.pass(60);
    // What it says of a mistake it says once.
    expect(costs()).toEqual(['web rolling', 'web applied', 'web Skipped', 'web Completed']);
    server.put('app', 'bad');
    controller.pass(60);
    expect(costs()).toEqual(['web rolling', 'web failed', 'web Failed']);
    server.put('app', 'three');
    controller.pass(60);
    expect(costs()).toEqual(['web rolling', 'web applied', 'web Completed']);
    controller.pass(600);
    expect(costs()).toEqual([]);
  });

  test('has its start as an Event where no change explains it', () => {
    server.addWorkload('web', ['app']);
    server.pass(10_000);
    const controller = new ControllerDouble(server);
    controller.pass(5);
    server.put('app', 'bad');
    controller.pass(60);
    server.isCured = true;
    server.edit('web', (stored) => {
      Object.assign(stored, { extra: { 'rehup.dev/resumed-at': new Date(server.now).toISOString() } });
    });
    controller.pass(60);
    expect(controller.events).toEqual(['web Failed', 'web Started', 'web Completed']);
    expect(controller.told.find((line) => line.includes('once more'))).toBe(
      'web Started: ConfigMap app once more, since somebody said that it may go on; rolling out (template)',
    );
  });
});

test('what begins or failed is written before what is over, or was taken as it is', async () => {
  const calls: (readonly [method: string, isUrgent: boolean])[] = [];
  const client: Client = {
    ...{ namespace: 'home', server: '', counts: new Map(), waiting: () => 0, watch: async () => {} },
    call: async (method: string, _: string, { isUrgent = true }: CallOptions = {}) => {
      calls.push([method, isUrgent]);
      return {};
    },
  };
  const writer = createWriter(client, () => {}, 'me');
  server.addWorkload('web', ['app']);
  const workload = workloadOf('Deployment', server.workload('web') ?? {}, SETTINGS);
  if (workload === undefined) throw new Error('it takes no part');
  const phases = ['rolling', 'failed', 'applied', 'adopted'] as const;
  for (const phase of phases) {
    const state = { phase, digest: 'd', parts: {}, at: 0, changed: [] };
    await writer.patch(workload, { state, history: [], template: 'd' });
  }
  writer.tell(workload, { reason: 'Completed', message: 'done' }, false);
  expect(calls).toEqual([
    ...[true, true, false, false].map((isUrgent) => ['PATCH', isUrgent]),
    ['POST', false],
  ]);
});
