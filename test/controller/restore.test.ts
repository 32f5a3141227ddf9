import { beforeEach, expect, test } from 'vitest';
import { ROLLBACK } from '../../src/controller/core/reading/rollback.ts';
import { parseState, STATE } from '../../src/controller/core/reading/state.ts';
import { ApiServer } from './api-server.ts';
import { ControllerDouble } from './controller-double.ts';

/** The last good content of a ConfigMap is kept, and written back once when a newer one has failed. */

let server: ApiServer;
let controller: ControllerDouble;

beforeEach(() => {
  server = new ApiServer();
  server.marks.set('app', { [ROLLBACK]: 'true' });
  server.put('app', 'good 1');
  for (const name of ['a', 'b']) server.addWorkload(name, ['app']);
  server.pass(10_000);
  controller = new ControllerDouble(server);
  controller.pass(1);
});

const copies = () => [...server.objects].filter(([name]) => name.startsWith('rehup-good-'));

const contents = () => copies().map(([, content]) => content);

const phases = () =>
  ['a', 'b'].map((name) => parseState(server.workloads.get(name)?.annotations[STATE])?.phase);

const told = (reason: string) => controller.told.filter((line) => line.includes(` ${reason}: `));

test('content on which all workloads came up is kept, in one copy', () => {
  expect(contents()).toEqual(['good 1']);
  expect(copies()[0]?.[0]).toMatch(/^rehup-good-[0-9a-f]{16}$/);
  server.put('app', 'good 2');
  controller.pass(40);
  // One is on the new one, the other is not yet.
  expect(contents()).toEqual(['good 1']);
  controller.pass(80);
  expect(contents()).toEqual(['good 2']);
});

test('what failed is replaced by it, once; the workload that failed comes up again, and the others stay', () => {
  server.put('app', 'bad');
  controller.pass(200);
  expect(server.objects.get('app')).toBe('good 1');
  expect(phases()).toEqual(['applied', 'adopted']);
  expect(told('RolledBack')).toEqual([
    'a RolledBack: the last good content was written back into ConfigMap app',
  ]);
  // Who writes it once more has it so.
  server.put('app', 'bad');
  controller.pass(200);
  new ControllerDouble(server).pass(200);
  expect(server.objects.get('app')).toBe('bad');
  expect(told('RolledBack')).toHaveLength(1);
});

test('it is found by the controller after the one that saw it fail', () => {
  server.put('app', 'bad');
  for (let second = 0; second < 60 && phases()[0] !== 'failed'; second += 1) {
    server.pass(1000);
    controller.see();
    controller.plan();
    controller.land();
  }
  expect(server.objects.get('app')).toBe('bad');
  new ControllerDouble(server).pass(100);
  expect(server.objects.get('app')).toBe('good 1');
});

test('what belongs to a tool that would undo it is left, and an Event says so once', () => {
  server.marks.set('app', { [ROLLBACK]: 'true', 'argocd.argoproj.io/tracking-id': 'x' });
  server.put('app', 'bad');
  controller.pass(200);
  expect(server.objects.get('app')).toBe('bad');
  expect(told('Skipped')).toEqual([
    'a Skipped: ConfigMap app is not put back: it belongs to Argo CD, which would undo it; change it there',
  ]);
});

test('where no other content is known to be good, an Event says so once', () => {
  for (const [name] of copies()) server.objects.delete(name);
  server.put('app', 'bad');
  new ControllerDouble(server).pass(200);
  controller = new ControllerDouble(server);
  controller.pass(200);
  expect(server.objects.get('app')).toBe('bad');
  expect(told('Skipped')).toEqual([
    'a Skipped: ConfigMap app is not put back: no other content of it is known to be good',
  ]);
});

test('without the annotation nothing is kept', () => {
  const other = new ApiServer();
  other.put('app', 'good 1');
  other.addWorkload('a', ['app']);
  other.pass(10_000);
  new ControllerDouble(other).pass(10);
  expect([...other.objects.keys()]).toEqual(['app']);
});
