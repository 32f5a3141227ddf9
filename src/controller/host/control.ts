import type { ControllerSettings } from '../../cli/commands/controller.ts';
import { objectKey, putObject, putPod } from '../core/planning/store.ts';
import type { ApiObject, ApiPod, Metadata } from '../core/reading/api.ts';
import { configObject, OBJECT_KINDS, type ObjectKind } from '../core/reading/object.ts';
import { podOf } from '../core/reading/pod.ts';
import type { PlanSettings } from '../core/reading/settings.ts';
import { WORKLOAD_KINDS } from '../core/reading/workload.ts';
import { ApiError, type Client, createClient } from './client.ts';
import { createKeeper } from './keeper.ts';
import { hashWith, readKey } from './key.ts';
import { startElection } from './lease.ts';
import { createLog, type Log } from './log.ts';
import { metricsText } from './metrics.ts';
import { coreCollection, workloadCollection } from './paths.ts';
import { createReflector, type Reflector } from './reflector.ts';
import { createRunner, type Runner } from './runner.ts';
import { listen } from './server.ts';
import { createWriter } from './writer.ts';

/** Runs until it is stopped; answers what stops it. Throws where it can't begin. */
export async function control(settings: ControllerSettings, identity: string): Promise<() => Promise<void>> {
  const log = createLog(settings);
  const client = createClient(settings.kubeconfig, settings.qps);
  let isSynced = false;
  let isElected = settings.lease === undefined;
  const home = settings.lease?.namespace ?? client.namespace;
  let metrics = () => '';
  await listen(settings.listen, { isReady: () => isSynced, metrics: () => metrics() });
  log('info', 'controller.started', `looking after ${scopeOf(settings)} at ${client.server}`, {
    identity,
    'dry-run': settings.dryRun,
  });
  const secrets = settings.secrets && (await canSee(client, log, settings));
  const hash = hashWith(secrets ? await patiently(log, () => readKey(client, home)) : undefined);
  const planned: PlanSettings = { ...settings, secrets };
  const writer = createWriter(client, log, identity);
  const isLeader = () => settings.lease === undefined || (election?.isLeader() ?? false);
  const isReady = () => isSynced && isElected && isLeader();
  const keeper = createKeeper(client, log, hash);
  const isDryRun = settings.dryRun;
  const runner = createRunner({ settings: planned, hash, writer, keeper, log, isDryRun, isReady });
  const { namespaces, workloads, others } = reflectors(client, log, settings, planned, runner, hash);
  await namespaces?.synced;
  const all = [...workloads, ...others].map((make) => make());
  const first = all.slice(0, workloads.length);
  metrics = () => metricsText(runner, client, isLeader());
  const { lease } = settings;
  const election =
    lease === undefined
      ? undefined
      : startElection(client, log, {
          ...{ namespace: home, name: lease.name, identity },
          elected() {
            // What the one before wrote last must be seen before anything is decided.
            void Promise.all(first.map((one) => one.relist())).then(() => {
              isElected = true;
              runner.markAll();
            });
          },
          lost() {
            isElected = false;
          },
        });
  void Promise.all(all.map(({ synced }) => synced)).then(() => {
    isSynced = true;
    log('info', 'controller.synced', `${runner.store.workloads.size} workloads take part`, {
      workloads: runner.store.workloads.size,
      objects: runner.store.objects.size,
    });
    runner.markAll();
  });
  return async () => {
    isElected = false;
    log('info', 'controller.stopping', 'asked to stop');
    await election?.resign().catch(() => {});
  };
}

function scopeOf({ namespaces, namespaceSelector }: ControllerSettings): string {
  if (namespaces.length > 0) return `namespaces ${namespaces.join(', ')}`;
  return namespaceSelector === undefined ? 'all namespaces' : `namespaces with ${namespaceSelector}`;
}

/** Whether Secrets may be read; without that right everything else works. */
async function canSee(client: Client, log: Log, { namespaces }: ControllerSettings): Promise<boolean> {
  const places = namespaces.length === 0 ? [undefined] : namespaces;
  return patiently(log, async () => {
    try {
      for (const place of places) await client.call('GET', `${coreCollection('secrets', place)}?limit=1`);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 403)) throw error;
      const message = `Secrets can't be seen, and no change of one rolls anything: ${error.message}; give the right, or say --no-secrets`;
      log('warn', 'secrets.unseen', message);
      return false;
    }
  });
}

/** The API server may not be there yet. */
async function patiently<Value>(log: Log, attempt: () => Promise<Value>): Promise<Value> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      log('warn', 'api.failed', `${error instanceof Error ? error.message : error}; trying again`);
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

type Lister = () => Reflector;

function reflectors(
  client: Client,
  log: Log,
  { namespaces, namespaceSelector }: ControllerSettings,
  planned: PlanSettings,
  runner: Runner,
  hash: ReturnType<typeof hashWith>,
): { readonly namespaces: Reflector | undefined; readonly workloads: Lister[]; readonly others: Lister[] } {
  const { store, mark, takeWorkload } = runner;
  const places = namespaces.length === 0 ? [undefined] : namespaces;
  const made: Reflector[] = [];
  const selected = new Set<string>();
  let isListed = false;
  const isOurs = (key: string) => namespaceSelector === undefined || selected.has(key.split('/')[0] ?? '');
  const lister =
    (
      path: string,
      take: (object: { readonly metadata?: Metadata }, key: string) => void,
      drop: (key: string) => void,
    ): Lister =>
    () => {
      const reflector = createReflector(client, log, {
        path,
        take: (object, key) => (isOurs(key) ? take(object, key) : drop(key)),
        drop,
      });
      made.push(reflector);
      return reflector;
    };
  const selection = (): void => {
    // What was passed over has to be seen now.
    if (isListed) for (const reflector of made) void reflector.relist();
  };
  const watched =
    namespaceSelector === undefined
      ? undefined
      : createReflector(client, log, {
          path: coreCollection('namespaces'),
          query: `&labelSelector=${encodeURIComponent(namespaceSelector)}`,
          take: (_, key) => {
            if (selected.has(key)) return;
            selected.add(key);
            selection();
          },
          drop: (key) => {
            if (selected.delete(key)) selection();
          },
        });
  void watched?.synced.then(() => {
    isListed = true;
  });
  const workloads = WORKLOAD_KINDS.flatMap((kind) =>
    places.map((place) =>
      lister(
        workloadCollection(kind, place),
        (object, key) => takeWorkload(kind, `${kind}/${key}`, object),
        (key) => takeWorkload(kind, `${kind}/${key}`, undefined),
      ),
    ),
  );
  const objects = OBJECT_KINDS.filter((kind) => kind !== 'secret' || planned.secrets).flatMap((kind) =>
    places.map((place) => {
      const put = (key: string, object: ApiObject | undefined): void => {
        const [namespace = '', name = ''] = key.split('/');
        const read = object === undefined ? undefined : configObject(kind, object, hash);
        mark(putObject(store, objectKey(namespace, `${kind}/${name}`), read, Date.now()));
      };
      return lister(
        coreCollection(pluralOf(kind), place),
        (object, key) => put(key, object),
        (key) => put(key, undefined),
      );
    }),
  );
  /** Which pod stands under a name, since one that is gone is told by its name. */
  const pods = new Map<string, { readonly uid: string; readonly workload: string }>();
  const dropPod = (key: string): void => {
    const known = pods.get(key);
    if (known === undefined) return;
    pods.delete(key);
    mark(putPod(store, known.uid, undefined, known.workload));
  };
  const takePod = (object: ApiPod, key: string): void => {
    const pod = podOf(object);
    if (pods.get(key)?.uid !== pod?.uid) dropPod(key);
    if (pod === undefined) return;
    pods.set(key, { uid: pod.uid, workload: pod.workload });
    mark(putPod(store, pod.uid, pod, pod.workload));
  };
  const podListers = places.map((place) => lister(coreCollection('pods', place), takePod, dropPod));
  return { namespaces: watched, workloads, others: [...objects, ...podListers] };
}

function pluralOf(kind: ObjectKind): string {
  return `${kind}s`;
}
