import { beforeEach, describe, expect, test } from 'vitest';
import { ApiServer } from './api-server.ts';
import { ControllerDouble } from './controller-double.ts';

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
