import { describe, expect, test } from 'vitest';
import { controllerPage } from '../../src/controller/core/telling/page.ts';
import { ControllerDouble } from './controller-double.ts';
import { goOn, SECRETS, statusOf, story } from './telling-world.ts';

/** What the controller tells of a cluster: status and page (specification 9.6). */

describe('the status', () => {
  test('has what is failed, halted and rolling before what is at rest', () => {
    const now = story();
    expect(now.status().workloads.map(({ standing }) => standing)).toEqual(Array(4).fill('adopted'));
    goOn(now);
    const { workloads } = now.status();
    expect(workloads.map(({ name, standing }) => [name, standing])).toEqual([
      ['still', 'failed'],
      ['web-a', 'halted'],
      ['web-b', 'halted'],
      ['shop', 'rolling'],
    ]);
    const [failed, halted, , rolling] = workloads;
    expect(failed?.reason).toMatch(/waits: CrashLoopBackOff/);
    expect(failed?.refers).toEqual([
      { object: 'configmap/app', missing: false, current: true, keys: ['key'] },
    ]);
    expect(halted?.said).toMatch(/ConfigMap app is not rolled out: it failed there; change it, or annotate/);
    expect(halted?.refers[0]?.current).toBe(false);
    expect(rolling?.changed).toEqual(['configmap/other']);
  });

  test('says of each pod on which content it is', () => {
    const now = story();
    goOn(now);
    now.controller.pass(60);
    const [failed, halted, , applied] = now.status().workloads;
    expect(failed?.pods.list.map(({ content }) => content).toSorted()).toContain(failed?.digest);
    expect(halted?.pods.list.map(({ content }) => content)).toEqual(['when it was found']);
    expect(applied?.pods.list.map(({ content }) => content)).toEqual([applied?.digest, applied?.digest]);
    expect(applied?.pods).toMatchObject({ wanted: 2, ready: 2 });
  });

  test('holds no content, nor does the page', () => {
    const now = story();
    goOn(now);
    const told = [JSON.stringify(now.status()), controllerPage(now.status())].join('\n');
    expect(told).toContain('web-a');
    for (const secret of SECRETS) expect(told).not.toContain(secret);
  });
});

describe('the page', () => {
  test('says in its first line whether somebody is needed', () => {
    const now = story();
    expect(controllerPage(now.status())).toContain('<span class="good">well</span>');
    goOn(now);
    expect(controllerPage(now.status())).toContain('<span class="bad">3 of 4 workloads need somebody</span>');
  });

  test('has names of others as text', () => {
    const name = '<img src=x onerror=alert(1)>';
    const now = story();
    now.controller.server.addWorkload(name, ['app']);
    const again = new ControllerDouble(now.controller.server);
    again.pass(1);
    const page = controllerPage(statusOf(again));
    expect(page).not.toContain('<img');
    expect(page).toContain('&lt;img src=x');
  });

  test('says of one that is not the leader what it can not know', () => {
    const { controller } = story();
    const who = { version: 'v', identity: 'b_1', isLeader: false, isDryRun: true, scope: 'namespaces a' };
    const page = controllerPage(statusOf(controller, { controller: who, slots: [], webhooks: [] }));
    expect(page).toContain('waits to become the leader');
    expect(page).toContain('--dry-run');
    expect(page).not.toContain('Slots of fleets');
  });

  test('is not longer than a browser bears, however many workloads there are', () => {
    const { controller } = story();
    for (let index = 0; index < 3000; index += 1)
      controller.server.addWorkload(`more-${index}`, ['app'], {}, 0);
    const again = new ControllerDouble(controller.server);
    again.pass(1);
    const page = controllerPage(statusOf(again));
    expect(page).toContain('And 2804 more');
    expect(page.length).toBeLessThan(200_000);
  });
});
