import { beforeEach, describe, expect, test } from 'vitest';
import { CONFIG_DIGEST } from '../../src/controller/core/reading/state.ts';
import type { ApiServer } from './api-server.ts';
import { ControllerDouble, SETTINGS } from './controller-double.ts';
import { eachWithShops } from './shops.ts';

/** Others who write into the same workloads: tools, people, and a second controller. */

const world = eachWithShops();
const { stateOf, phases, open: shops } = world;

let server: ApiServer;
let rolled: string[];

beforeEach(() => {
  ({ server, rolled } = world);
});

describe('a workload', () => {
  test('whose template is put back is rolled three times within ten minutes and then left', () => {
    const controller = shops('web');
    const putBack = () =>
      server.edit('web', (stored) => Object.assign(stored, { template: undefined, templateIsOurs: false }));
    server.put('app', 'two');
    for (let round = 0; round < 30; round += 1) {
      controller.pass(5);
      putBack();
    }
    expect(rolled).toHaveLength(3);
    expect(controller.told.filter((line) => line.includes('Skipped'))).toEqual([
      expect.stringContaining(`the annotation ${CONFIG_DIGEST} of its template was taken away 3 times`),
    ]);
    server.put('app', 'three');
    controller.pass(5);
    expect(rolled).toHaveLength(4);
  });

  test.each([
    ['argocd-controller', 'Argo CD', 5],
    ['kustomize-controller', 'Flux', 15 * 60],
  ])(
    'whose template has another digest in the manifests of a tool is rolled three times and then left (%s)',
    (templateBy, tool, seconds) => {
      const controller = shops('web');
      const putBack = () =>
        server.edit('web', (stored) =>
          Object.assign(stored, { template: 'v1.old.one', templateIsOurs: false, templateBy }),
        );
      server.put('app', 'two');
      for (let round = 0; round < 10; round += 1) {
        controller.pass(seconds);
        putBack();
      }
      controller.pass(seconds);
      expect(rolled).toHaveLength(3);
      expect(controller.told.filter((line) => /Skipped|Adopted/.test(line))).toEqual([
        expect.stringContaining(`of its template was replaced by ${tool} 3 times, and is left so`),
      ]);
      expect(phases()).toEqual({ web: 'adopted' });
      server.put('app', 'three');
      controller.pass(5);
      expect(rolled).toHaveLength(4);
    },
  );

  /** As `kubectl replace` does with a manifest that has nothing of ours. */
  const replace = (name: string) =>
    server.edit(name, (stored) =>
      Object.assign(stored, {
        annotations: {},
        stateIsOurs: false,
        template: undefined,
        templateIsOurs: false,
      }),
    );

  test('that is replaced at the moment of a change, without its annotations, is rolled', () => {
    const controller = shops('web');
    server.put('app', 'two');
    replace('web');
    controller.pass(60);
    expect(rolled).toEqual(['web']);
    expect(phases()).toEqual({ web: 'applied' });
    // This time the template changes: its pods are new, and on what there is.
    server.put('app', 'three');
    replace('web');
    controller.pass(60);
    expect(rolled).toEqual(['web']);
    expect(phases()).toEqual({ web: 'adopted' });
  });

  test('that is replaced when its roll-out is being written is rolled', () => {
    const controller = shops('web');
    server.put('app', 'two');
    controller.see();
    controller.plan();
    server.pass(3000);
    controller.plan();
    expect(controller.flying).toHaveLength(1);
    replace('web');
    controller.pass(60);
    expect([rolled, phases()]).toEqual([['web'], { web: 'applied' }]);
  });

  test('that is replaced without its annotations gets them again', () => {
    const controller = shops('web');
    replace('web');
    controller.pass(1);
    expect(phases()).toEqual({ web: 'adopted' });
    expect([rolled, controller.told]).toEqual([[], []]);
  });

  test('over which Argo CD writes what it had read before a roll-out began is rolled all the same', () => {
    const controller = shops('web');
    server.put('app', 'two');
    controller.pass(60);
    const { annotations, template } = server.workloads.get('web') ?? {};
    server.put('app', 'three');
    controller.pass(3);
    expect(phases()).toEqual({ web: 'rolling' });
    const by = { stateBy: 'argocd-controller', templateBy: 'argocd-controller' };
    server.edit('web', (stored) =>
      Object.assign(stored, { annotations, template, stateIsOurs: false, templateIsOurs: false, ...by }),
    );
    controller.pass(60);
    expect(rolled).toHaveLength(3);
    expect(phases()).toEqual({ web: 'applied' });
    expect(controller.told.filter((line) => /Adopted|Skipped/.test(line))).toEqual([]);
    expect(server.workloads.get('web')?.template).toBe(stateOf('web')?.digest);
  });

  test('whose manifests have the state as well is written ever more seldom', () => {
    const controller = shops('web');
    const { annotations } = server.workloads.get('web') ?? {};
    let writes = 0;
    server.written.push(() => {
      writes += 1;
    });
    for (let look = 0; look < 120; look += 1) {
      server.edit('web', (stored) =>
        Object.assign(stored, { annotations, stateIsOurs: false, stateBy: 'argocd-controller' }),
      );
      controller.pass(5);
    }
    expect(writes).toBeLessThan(12);
    expect(controller.told).toEqual([expect.stringContaining('a tool whose manifests have rehup.dev/state')]);
    server.put('app', 'two');
    controller.pass(30);
    expect(rolled).toEqual(['web']);
  });

  test('that two controllers of one key look after, neither of which is the leader, is rolled once', () => {
    const one = shops('web', 'shop');
    const other = new ControllerDouble(server);
    server.put('app', 'two');
    for (let second = 0; second < 200; second += 1) {
      server.pass(1000);
      // Both decide before either is answered.
      for (const controller of [one, other]) {
        controller.see();
        controller.plan();
      }
      for (const controller of [other, one]) {
        controller.land();
        controller.settle();
      }
    }
    expect(rolled.toSorted()).toEqual(['shop', 'web']);
    expect(phases()).toEqual({ shop: 'applied', web: 'applied' });
  });

  test('that two controllers of different keys look after is written ever more seldom, and each says so once', () => {
    const one = shops('web');
    const other = new ControllerDouble(server, SETTINGS, 'another key');
    let writes = 0;
    server.written.push(() => {
      writes += 1;
    });
    for (let second = 0; second < 600; second += 1) {
      one.pass(1);
      other.settle();
    }
    expect(writes).toBeGreaterThan(4);
    expect(writes).toBeLessThan(24);
    for (const { told } of [one, other]) {
      expect(told.filter((line) => line.includes('Adopted'))).toHaveLength(3);
      expect(told.filter((line) => line.includes('Skipped'))).toEqual([
        expect.stringContaining('were written by others 3 times: another controller with another key'),
      ]);
    }
    expect(rolled).toEqual([]);
  });
});
