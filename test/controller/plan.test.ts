import { beforeEach, describe, expect, test } from 'vitest';
import { parseState, STATE } from '../../src/controller/core/reading/state.ts';
import type { ApiServer } from './api-server.ts';
import { ControllerDouble, SETTINGS } from './controller-double.ts';
import { eachWithShops } from './shops.ts';

/** What is rolled out, when, and what is not. */

const world = eachWithShops();
const { phases, open: shops } = world;

let server: ApiServer;
let rolled: string[];

beforeEach(() => {
  ({ server, rolled } = world);
});

describe('a workload', () => {
  test('that is seen for the first time is adopted as it is', () => {
    shops('web').pass(60);
    expect(rolled).toEqual([]);
    expect(phases()).toEqual({ web: 'adopted' });
  });

  test('is rolled once for ten changes within five seconds', () => {
    const controller = shops('web');
    for (let index = 0; index < 10; index += 1) {
      server.put('app', `content ${index}`);
      server.now += 500;
      controller.settle();
    }
    controller.pass(60);
    expect(rolled).toEqual(['web']);
    expect(phases()).toEqual({ web: 'applied' });
    expect(controller.told.map((line) => line.split(':')[0])).toEqual(['web Started', 'web Completed']);
  });

  test('is rolled once for a change that came while no controller ran', () => {
    shops('web');
    server.put('app', 'two');
    server.pass(60_000);
    for (let life = 0; life < 3; life += 1) new ControllerDouble(server).pass(60);
    expect(rolled).toEqual(['web']);
  });

  test('is not rolled for content that is taken away and comes back', () => {
    const controller = shops('web');
    server.put('app', undefined);
    controller.pass(30);
    expect(controller.told).toEqual([
      'web Skipped: ConfigMap app is not there; nothing is rolled out until it is back',
    ]);
    server.put('app', 'one');
    controller.pass(30);
    expect(rolled).toEqual([]);
    server.put('app', undefined);
    controller.pass(5);
    server.put('app', 'two');
    controller.pass(60);
    expect(rolled).toEqual(['web']);
  });

  test('that was undone by kubectl is left as it is, until the content changes again', () => {
    const controller = shops('web');
    server.put('app', 'two');
    controller.pass(60);
    const before = { ...server.workloads.get('web')?.annotations };
    server.put('app', 'three');
    controller.pass(60);
    expect(rolled).toEqual(['web', 'web']);
    // A rollout undo brings back the template and the annotations of that time.
    const old = parseState(before[STATE]);
    server.edit('web', (stored) => {
      Object.assign(stored, {
        annotations: before,
        template: old?.template,
        stateIsOurs: false,
        templateIsOurs: false,
      });
    });
    controller.pass(120);
    expect(rolled).toEqual(['web', 'web']);
    expect(controller.told.at(-1)).toContain('web Adopted: somebody else wrote its annotations');
    server.put('app', 'four');
    controller.pass(60);
    expect(rolled).toEqual(['web', 'web', 'web']);
  });

  test('of another key is adopted', () => {
    shops('web').pass(1);
    server.put('app', 'two');
    const controller = new ControllerDouble(server, SETTINGS, 'another key');
    controller.pass(60);
    expect(rolled).toEqual([]);
    expect(controller.told).toEqual([
      'web Adopted: its digest is of another version or key, and tells nothing; nothing is rolled out',
    ]);
  });

  test('that is paused gets the annotation and takes no place', () => {
    const controller = shops('web', 'shop');
    server.edit('shop', (stored) => Object.assign(stored, { paused: true }));
    server.put('app', 'two');
    controller.pass(5);
    expect(rolled).toEqual(['shop', 'web']);
    expect(controller.told.at(0)).toContain('shop Skipped: ConfigMap app changed; it is paused');
  });
});

describe('of several workloads', () => {
  test('the first goes alone, the others two at a time when it is applied', () => {
    const controller = shops('a', 'b', 'c', 'd');
    server.put('app', 'two');
    controller.pass(20);
    expect(phases()).toEqual({ a: 'rolling', b: 'adopted', c: 'adopted', d: 'adopted' });
    controller.pass(20);
    expect(phases()).toEqual({ a: 'applied', b: 'rolling', c: 'rolling', d: 'adopted' });
    controller.pass(80);
    expect(rolled).toEqual(['a', 'b', 'c', 'd']);
    expect(new Set(Object.values(phases()))).toEqual(new Set(['applied']));
  });

  test('with --splay there is a pause between two of them, also after one that is over', () => {
    server.put('app', 'one');
    for (const name of ['a', 'b', 'c']) server.addWorkload(name, ['app'], { 'rehup.dev/verify': '0' }, 0);
    server.pass(10_000);
    const controller = new ControllerDouble(server, { ...SETTINGS, splay: 20_000 });
    controller.pass(1);
    const starts: number[] = [];
    server.written.push(({ patch }) => {
      if (patch.state.phase === 'rolling') starts.push(server.now);
    });
    server.put('app', 'two');
    controller.pass(60);
    expect(rolled).toEqual(['a', 'b', 'c']);
    // Half of it, as the double has chance.
    const pauses = starts.slice(1).map((at, index) => at - (starts[index] ?? 0));
    expect(pauses.every((pause) => pause >= 10_000)).toBe(true);
    expect(phases()).toEqual({ a: 'applied', b: 'applied', c: 'applied' });
  });

  test('bad content halts at the first; the cure comes to it first', () => {
    const controller = shops('a', 'b', 'c');
    server.put('app', 'bad');
    controller.pass(120);
    expect(phases()).toEqual({ a: 'failed', b: 'adopted', c: 'adopted' });
    expect(controller.told).toContainEqual(
      expect.stringMatching(
        /^a Failed: ConfigMap app \(key\) failed: a-\d+ waits: CrashLoopBackOff; no other workload gets this content; change/,
      ),
    );
    expect(controller.told.filter((line) => line.startsWith('b Halted'))).toHaveLength(1);
    new ControllerDouble(server).pass(120);
    expect(rolled).toEqual(['a']);
    server.put('app', 'good');
    new ControllerDouble(server).pass(240);
    expect(rolled).toEqual(['a', 'a', 'b', 'c']);
    expect(new Set(Object.values(phases()))).toEqual(new Set(['applied']));
  });

  test('bad content goes on when somebody says so', () => {
    const controller = shops('a', 'b');
    server.put('app', 'bad');
    controller.pass(60);
    // What was wrong was outside of the content.
    server.isCured = true;
    const resumedAt = new Date(server.now).toISOString();
    server.edit('a', (stored) => Object.assign(stored, { extra: { 'rehup.dev/resumed-at': resumedAt } }));
    controller.pass(1);
    expect(phases()).toEqual({ a: 'rolling', b: 'adopted' });
    controller.pass(120);
    expect(phases()).toEqual({ a: 'applied', b: 'applied' });
    // The first has this content in its template already: its pods that were not Ready are made anew.
    expect(rolled).toEqual(['a', 'b']);
  });

  test('one that was not available before halts nobody', () => {
    const controller = shops('a', 'b');
    server.edit('a', (stored) => {
      stored.pods = stored.pods.map((pod) => ({ ...pod, isBad: true }));
    });
    server.put('app', 'bad');
    controller.pass(200);
    expect(rolled).toEqual(['a', 'b']);
  });

  test('one that refuses its patch holds up nobody', () => {
    const controller = shops('a', 'b');
    server.put('app', 'two');
    controller.see();
    server.pass(3000);
    controller.see();
    for (const key of controller.store.workloads.keys()) controller.dirty.add(key);
    controller.plan();
    expect(controller.flying.map(({ workload }) => workload.name)).toEqual(['a']);
    controller.land('refused');
    controller.settle();
    expect(phases()).toEqual({ a: 'adopted', b: 'rolling' });
    controller.pass(120);
    expect(rolled).toEqual(['b', 'a']);
  });
});
