import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, createApi, type Resource } from '../client/api.ts';
import { pidOf, whileStopped } from '../client/daemons.ts';
import { field } from '../client/objects.ts';
import { encoded, thePlace } from '../client/room.ts';
import { awaited, quiet } from '../client/waiting.ts';
import { grant, kubeconfigOf, revoke } from './account.ts';
import { type Running, startController } from './running.ts';
import {
  digestOf,
  eventsOf,
  KINDS,
  type Kind,
  OBJECTS,
  type ObjectKind,
  revisionOf,
  taking,
  WAYS,
  workload,
} from './workloads.ts';

/** A controller of the built executable on a real API server, with the rights that are shipped and no others. */

const HOME = 'controller-lives';

/** Far above the settle time and what a machine needs that does more than this. */
const AT_REST = 5000;

/** How long the API server is away each time, ms. */
const AWAY =
  process.env['REHUP_SOAK'] === '1'
    ? [60_000, ...Array.from({ length: 20 }, () => 1000 + Math.random() * 14_000)]
    : [8000];

type Row = { readonly name: string; readonly kind: Kind; readonly object: ObjectKind };

const ROWS: readonly (Row & { readonly way: (typeof WAYS)[number] })[] = KINDS.flatMap((kind) =>
  OBJECTS.flatMap((object) =>
    WAYS.map((way) => ({ name: `${kind}-${object}-${way}`.toLowerCase(), kind, object, way })),
  ),
);

let api: Api;
let kubeconfig: string;
const running: Running[] = [];

const start = async (...words: readonly string[]): Promise<Running> => {
  const made = await startController(kubeconfig, words);
  running.push(made);
  return made;
};

const dataOf = (object: ObjectKind, key: string) => (object === 'Secret' ? encoded({ key }) : { key });

beforeAll(async () => {
  const place = thePlace();
  api = createApi(place);
  await api.create({ kind: 'Namespace', metadata: { name: HOME } });
  await grant(api, HOME, ['cluster-role.yaml', 'secrets.yaml', 'base/account.yaml']);
  kubeconfig = await kubeconfigOf(place, api, HOME);
});

afterAll(async () => {
  for (const one of running) await one.kill();
  await revoke(api, HOME);
  await api.delete('Namespace', HOME);
});

describe.sequential('for each kind of workload and each way to refer to something', () => {
  let contents = 0;
  /** How often all of them were rolled out, their first time among it. */
  let revision = 1;

  /** Changes what all of them refer to; the new content is another one each time. */
  const changeAll = async (): Promise<void> => {
    contents += 1;
    await Promise.all(
      ROWS.map(({ object, name }) =>
        api.patch(object, name, HOME, { data: dataOf(object, `a value number ${contents}`) }),
      ),
    );
  };

  const all = async (): Promise<readonly Resource[]> =>
    (await Promise.all(KINDS.map((kind) => api.list(kind, HOME)))).flat();

  const revisions = async (): Promise<readonly number[]> => [...new Set((await all()).map(revisionOf))];

  /** Waits until each was rolled out once more, and then lets time pass in which nothing may change. */
  const rolled = async (): Promise<void> => {
    revision += 1;
    let last: readonly Resource[] = [];
    await awaited(
      `revision ${revision} of all`,
      async () => {
        last = await all();
        return last.every((one) => revisionOf(one) >= revision) ? true : undefined;
      },
      {
        shown: () =>
          [
            ...last.map((one) => `${one.metadata.name} ${revisionOf(one)} ${digestOf(one)}`),
            ...running.flatMap((one) => one.lines().slice(-20)),
          ].join('\n'),
      },
    );
    await quiet(AT_REST);
    expect(await revisions()).toEqual([revision]);
  };

  beforeAll(async () => {
    await Promise.all(
      ROWS.map(async ({ name, kind, object, way }) => {
        const { container, spec } = taking(way, object, name);
        const data = dataOf(object, 'a value number 0');
        await api.create({ kind: object, metadata: { name, namespace: HOME }, data });
        const made = workload(kind, name, { container, spec });
        await api.create({ ...made, metadata: { ...made.metadata, namespace: HOME } });
      }),
    );
    const controller = await start();
    await controller.said('controller.synced');
    await controller.said('leader.elected');
    await awaited('all to be adopted', async () => {
      const known = (await all()).filter(({ metadata }) =>
        JSON.stringify(metadata).includes('rehup.dev/state'),
      );
      return known.length === ROWS.length ? true : undefined;
    });
  });

  test('nothing is rolled out at first, nor for labels', async () => {
    await Promise.all(
      ROWS.map(({ object, name }) =>
        api.patch(object, name, HOME, { metadata: { labels: { new: 'label' } } }),
      ),
    );
    await quiet(AT_REST);
    expect(await revisions()).toEqual([revision]);
  });

  test('a change is one roll-out, and an Event tells it', async () => {
    await changeAll();
    await rolled();
    const digests = (await all()).map(digestOf);
    expect(digests.every((digest) => digest?.startsWith('v1.') === true)).toBe(true);
    const events = await awaited('its Events', async () => {
      const found = await eventsOf(api, HOME, 'deployment-secret-envfrom');
      return found.length >= 1 ? found : undefined;
    });
    // Its start is in the log alone: each Event is a request.
    expect(events).toEqual([
      'Completed: Secret deployment-secret-envfrom rolled out; 0 pods were Ready for 1 s',
    ]);
  });

  test('ten changes within five seconds are one roll-out', async () => {
    for (let index = 0; index < 10; index += 1) {
      await changeAll();
      await quiet(300);
    }
    await rolled();
  });

  test('a change while no controller ran is one roll-out at its start; the start after it is none', async () => {
    await running[0]?.kill();
    await changeAll();
    const second = await start();
    await rolled();
    await second.kill('SIGTERM');
    expect(second.process.exitCode).toBe(0);
    const third = await start();
    await third.said('leader.elected');
    await quiet(AT_REST);
    expect(await revisions()).toEqual([revision]);
  });

  test('the leader is killed in the middle of a burst: another goes on, nothing is lost and nothing done twice', async () => {
    const standby = await start();
    await standby.said('controller.synced');
    const leader = running.at(-2);
    await changeAll();
    await quiet(2200);
    await leader?.kill();
    await standby.said('leader.elected');
    await rolled();
  });

  test('the leader is late to renew its Lease: what became due just then is not lost', async () => {
    const renewed = async () => field(await api.get('Lease', 'rehup-controller', HOME), 'spec', 'renewTime');
    const before = await renewed();
    await awaited('the Lease to be renewed', async () => ((await renewed()) !== before ? true : undefined));
    // It is over two seconds before the API server answers again; the changes come to rest two seconds after that, which is
    // before who waits for three seconds after each answer has written it twice.
    let changed: Promise<void> | undefined;
    await whileStopped(thePlace(), 'kube-apiserver', async () => {
      changed = changeAll();
      await quiet(12_000);
    });
    await changed;
    await rolled();
    const told = running
      .at(-1)
      ?.lines()
      .map((line) => field(JSON.parse(line), 'event'));
    expect(told?.filter((event) => String(event).startsWith('leader.'))).toEqual([
      'leader.elected',
      'leader.lost',
      'leader.elected',
    ]);
  });

  test('the API server is away for a while, and then another one', async () => {
    const place = thePlace();
    for (const away of AWAY) {
      await changeAll();
      await whileStopped(place, 'kube-apiserver', () => quiet(away));
      await rolled();
    }
    // Those who watched it must find out that it is another one.
    process.kill(pidOf(place, 'kube-apiserver'), 'SIGKILL');
    await awaited('the API server', () => api.text('GET', '/readyz'));
    // Versions before its own it no longer tells changes since.
    await awaited('a watch to be over for good', () =>
      running.some((one) =>
        one.lines().some((line) => /api\.watch.*(?: 410 |too old resource version)/.test(line)),
      )
        ? true
        : undefined,
    );
    await changeAll();
    await rolled();
  });

  test('an object that is deleted and made anew with the same content rolls nothing, with another one once', async () => {
    const [name, other] = ['deployment-configmap-env', 'deployment-configmap-envfrom'];
    for (const one of [name, other]) await api.delete('ConfigMap', one, HOME);
    await quiet(3000);
    const data = { key: `a value number ${contents}` };
    await api.create({ kind: 'ConfigMap', metadata: { name, namespace: HOME }, data });
    await api.create({
      kind: 'ConfigMap',
      metadata: { name: other, namespace: HOME },
      data: { key: 'another' },
    });
    const rolledTo = async (one: string) => revisionOf(await api.get('Deployment', one, HOME));
    await awaited('the roll-out', async () => ((await rolledTo(other)) === revision + 1 ? true : undefined));
    await quiet(AT_REST);
    expect([await rolledTo(name), await rolledTo(other)]).toEqual([revision, revision + 1]);
  });

  test('more content than a PID 1 has memory for is listed page by page, and dropped', async () => {
    const key = 'a value number of '.repeat(50_000);
    const names = Array.from({ length: 50 }, (_, index) => `large-${index}`);
    for (const name of names)
      await api.create({ kind: 'ConfigMap', metadata: { name, namespace: HOME }, data: { key } });
    const second = await start('--namespace', HOME);
    expect(await second.said('controller.synced')).toMatch(/"workloads":42,"objects":9\d/);
    await second.kill();
    for (const name of names) await api.delete('ConfigMap', name, HOME);
  });

  test('contents are nowhere: not in the log, the Events, the annotations, the metrics, the status, the page', async () => {
    const port = running.at(-2)?.port;
    const answered = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text();
    const metrics = await answered('/metrics');
    const [status, page] = [await answered('/status'), await answered('/')];
    expect((JSON.parse(status) as { readonly workloads: object[] }).workloads).toHaveLength(ROWS.length);
    expect(page).toContain('This one is the leader');
    expect(metrics).toContain('rehup_controller_leader 1\n');
    const told = [
      ...running.flatMap((one) => one.lines()),
      ...(await api.list('Event', HOME)).map((one) => JSON.stringify(one)),
      ...(await all()).map((one) => JSON.stringify(one)),
      ...[metrics, status, page],
    ].join('\n');
    expect(told).toContain('rollout.started');
    expect(told).not.toContain('a value number');
    expect(told).not.toContain(Buffer.from('a value number').toString('base64').slice(0, 16));
  });
});
