import type { ControllerSettings } from '../../cli/commands/controller.ts';
import type { LogLevel } from '../../core/log/log.ts';
import { SLOT_OF } from '../core/fleet/slots.ts';
import type { PlanSettings } from '../core/reading/settings.ts';
import { type ControllerStatus, controllerStatus } from '../core/telling/status.ts';
import { ApiError, type Client, createClient } from './client.ts';
import { createFleetServer, type FleetServer } from './fleet/serving.ts';
import { createTender } from './fleet/tending.ts';
import { createKeeper } from './keeper.ts';
import { hashWith, readKey } from './key.ts';
import { startElection } from './lease.ts';
import { createLog, type Log } from './log.ts';
import { metricsText } from './metrics.ts';
import { coreCollection, leaseCollection } from './paths.ts';
import { createReflectors } from './reflectors.ts';
import { createRunner } from './runner.ts';
import { listen } from './server.ts';
import { createJournal } from './telling/journal.ts';
import { createNotifier } from './telling/notifier.ts';
import { createWriter } from './writer.ts';

/** Runs until it is stopped; answers what stops it. Throws where it can't begin. */
export async function control(
  settings: ControllerSettings,
  identity: string,
  version: string,
): Promise<() => Promise<void>> {
  const log = createLog(settings);
  const notifier = createNotifier(log, settings.notifyFile);
  const journal = createJournal(settings.dryRun ? undefined : notifier);
  const client = createClient(settings.kubeconfig, settings.qps);
  let isSynced = false;
  // One that changes nothing may not keep another from being the leader.
  const lease = settings.dryRun ? undefined : settings.lease;
  let isStopping = false;
  const home = settings.lease?.namespace ?? client.namespace;
  let metrics = () => '';
  let status: () => ControllerStatus | undefined = () => undefined;
  let fleet: FleetServer | undefined;
  await listen(settings.listen, {
    isReady: () => isSynced,
    isOpen: settings.listenStatus,
    status: () => status(),
    metrics: () => metrics(),
    fleet: (what, from) =>
      fleet?.answer(what, from) ?? { status: 503, kind: 'unavailable', value: 'not yet: it has just begun' },
  });
  log('info', 'controller.started', `looking after ${scopeOf(settings)} at ${client.server}`, {
    identity,
    'dry-run': settings.dryRun,
  });
  const secrets = settings.secrets && (await canSee(client, log, settings, SECRETS));
  const leases = !settings.dryRun && (await canSee(client, log, settings, LEASES));
  const hash = hashWith(
    secrets ? await patiently(log, () => readKey(client, home, settings.dryRun)) : undefined,
  );
  const planned: PlanSettings = { ...settings, secrets };
  const writer = createWriter(client, log, identity);
  const isLeader = () => lease === undefined || (election?.isLeader() ?? false);
  const isReady = () => isSynced && !isStopping && (lease === undefined || election?.isReady() === true);
  const keeper = createKeeper(client, log, hash);
  const isDryRun = settings.dryRun;
  const { heard } = journal;
  const runner = createRunner({ settings: planned, hash, writer, keeper, log, heard, isDryRun, isReady });
  const tender = leases ? createTender(client, log, isReady) : undefined;
  const { namespaces, workloads, others, isOurs } = createReflectors({
    ...{ client, log, settings, secrets, runner, hash, tender },
  });
  const noRights = 'the FleetLock server needs the rights of deploy/controller/fleet.yaml';
  const unable = () => (leases ? (isSynced ? undefined : 'not yet: objects are being listed') : noRights);
  fleet = createFleetServer({
    ...{ client, log, hash, isOurs, unable },
    ...{ namespaces: settings.namespaces, store: runner.store },
  });
  await namespaces?.synced;
  const all = [...workloads, ...others].map((make) => make());
  const first = all.slice(0, workloads.length);
  metrics = () => metricsText(runner, client, isLeader(), fleet?.counts ?? new Map(), notifier.webhooks());
  status = () =>
    controllerStatus({
      ...{ store: runner.store, memory: runner.memory, now: Date.now() },
      ...{ slots: tender?.held() ?? [], told: journal.told(), webhooks: notifier.webhooks() },
      controller: { version, identity, isDryRun, isLeader: isLeader(), scope: scopeOf(settings) },
    });
  const lookAtAll = (): void => {
    runner.markAll();
    tender?.tendAll();
  };
  const election =
    lease === undefined
      ? undefined
      : startElection(client, log, {
          ...{ namespace: home, name: lease.name, identity },
          caughtUp: () => Promise.all(first.map((one) => one.relist())),
          began: lookAtAll,
        });
  void Promise.all(all.map(({ synced }) => synced)).then(() => {
    isSynced = true;
    // What was listed is not needed any more, and what comes now needs less; it is there where the executable's main says so.
    globalThis.gc?.();
    log('info', 'controller.synced', `${runner.store.workloads.size} workloads take part`, {
      workloads: runner.store.workloads.size,
      objects: runner.store.objects.size,
    });
    lookAtAll();
  });
  return async () => {
    isStopping = true;
    log('info', 'controller.stopping', 'asked to stop');
    await election?.resign().catch(() => {});
  };
}

function scopeOf({ namespaces, namespaceSelector }: ControllerSettings): string {
  if (namespaces.length > 0) return `namespaces ${namespaces.join(', ')}`;
  return namespaceSelector === undefined ? 'all namespaces' : `namespaces with ${namespaceSelector}`;
}

/** What is left out where there is no right to it, and everything else works. */
type Part = {
  readonly path: (namespace?: string) => string;
  readonly level: LogLevel;
  readonly event: string;
  readonly message: (error: string) => string;
};

const SECRETS: Part = {
  path: (place) => `${coreCollection('secrets', place)}?limit=1`,
  level: 'warn',
  event: 'secrets.unseen',
  message: (error) =>
    `Secrets can't be seen, and no change of one rolls anything: ${error}; give the right, or say --no-secrets`,
};

const LEASES: Part = {
  path: (place) => `${leaseCollection(place)}?limit=1&labelSelector=${encodeURIComponent(SLOT_OF)}`,
  level: 'info',
  event: 'slot.off',
  message: (error) =>
    `there is no FleetLock server: ${error}; it needs the rights of deploy/controller/fleet.yaml`,
};

async function canSee(
  client: Client,
  log: Log,
  { namespaces }: ControllerSettings,
  { path, level, event, message }: Part,
): Promise<boolean> {
  const places = namespaces.length === 0 ? [undefined] : namespaces;
  return patiently(log, async () => {
    try {
      for (const place of places) await client.call('GET', path(place));
      return true;
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 403)) throw error;
      log(level, event, message(error.message));
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
