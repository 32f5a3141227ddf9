import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, closeSync, mkdtempSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writeImage } from '../../../scripts/release/image.ts';
import { childrenOf } from '../../support/rehup.ts';
import { createApi } from '../client/api.ts';
import { ctr } from '../client/daemons.ts';
import { isTrue } from '../client/objects.ts';
import { createNamespace, type Namespace, readyLine } from './namespace.ts';
import type { Place } from './place.ts';
import type { Programs } from './programs.ts';
import { livingProcess, RUN_PREFIX, removeOldRemains } from './remains.ts';
import { type Detection, NODE, PAUSE_IMAGE, wordsOf, writeSettings } from './settings.ts';

/** A real Kubernetes of one node, for as long as this process lives. */

export type ClusterOptions = {
  readonly programs: Programs;
  readonly syncFrequency?: string;
  readonly detection?: Detection;
  /** Without a node: workloads and their controllers, but no pod runs. */
  readonly isBare?: boolean;
  /** Gets a line for each step. */
  readonly tell?: (line: string) => void;
};

export type Cluster = {
  readonly place: Place;
  /** From the first step to the node that takes pods, ms. */
  readonly readyAfter: number;
  /** Takes an archive of images. */
  load(archive: string): Promise<void>;
  /** Ends it, and waits until nothing of it is left. */
  stop(): Promise<void>;
};

/** The longest that the start may take, ms: far above what it does. */
const START_LIMIT = 120_000;

/** Starts a cluster, and waits until its node takes pods; nothing of it is left if that fails, or this process is killed. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const { programs, syncFrequency = '10s', detection = 'Watch', isBare = false, tell = () => {} } = options;
  const began = performance.now();
  await removeOldRemains();
  const folder = mkdtempSync(RUN_PREFIX);
  // Containers of any user have their volumes below it.
  chmodSync(folder, 0o755);
  const guardian = await startGuardian(folder);
  try {
    const namespace = await createNamespace(folder, programs.pause);
    const { address, prefix } = namespace;
    const settings = { folder, address, cgroup: basename(folder), syncFrequency, detection };
    writeSettings(settings);
    const place = { folder, address, prefix, programs, syncFrequency, detection };
    writeFileSync(join(folder, 'cluster.json'), JSON.stringify(place));
    const load = await startPrograms(place, namespace, wordsOf(settings), { isBare, tell });
    tell(`the cluster is ready after ${((performance.now() - began) / 1000).toFixed(1)} s`);
    return { place, readyAfter: performance.now() - began, load, stop: () => stopBy(guardian) };
  } catch (error) {
    await stopBy(guardian);
    throw error;
  }
}

async function startGuardian(folder: string): Promise<ChildProcess> {
  const words = [join(import.meta.dirname, 'guardian.ts'), folder];
  const guardian = spawn(process.execPath, words, { detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  await readyLine(guardian, 'the guardian of the cluster');
  return guardian;
}

/** The end is always the guardian's, whether it is asked for or this process is killed. */
async function stopBy(guardian: ChildProcess): Promise<void> {
  const ended = once(guardian, 'exit');
  guardian.stdin?.end();
  await ended;
}

/** Starts all programs, those that wait for others beside them; answers what takes images. */
async function startPrograms(
  place: Place,
  namespace: Namespace,
  words: ReturnType<typeof wordsOf>,
  { isBare, tell }: Required<Pick<ClusterOptions, 'isBare' | 'tell'>>,
): Promise<Cluster['load']> {
  const { folder, programs } = place;
  // Later words count.
  const syncs = ['deployment', 'replicaset', 'statefulset', 'daemonset'].map(
    (kind) => `--concurrent-${kind}-syncs=20`,
  );
  const quick = isBare ? ['--kube-api-qps=2000', '--kube-api-burst=4000', ...syncs] : [];
  const start = (name: string, file: string, ...first: readonly string[]) =>
    keepRunning({
      ...{ folder, namespace, name, file, programs },
      words: [...first, ...(words[name] ?? []), ...(name === 'kube-controller-manager' ? quick : [])],
    });
  const kubernetes = (name: string) => start(name, programs.kubernetes, name);
  start('etcd', programs.etcd);
  kubernetes('kube-apiserver');
  if (!isBare) start('containerd', join(programs.containerd, 'containerd'));
  const load = async (archive: string) => void (await ctr(place, 'images', 'import', archive));
  const pause = join(folder, 'pause.tar');
  writeImage(pause, PAUSE_IMAGE, [{ files: { pause: programs.pause }, entrypoint: ['/pause'], tmp: true }]);
  if (!isBare) await until('containerd', () => load(pause));
  const api = await until('the API server', async () => {
    const made = createApi(place);
    await made.text('GET', '/readyz');
    return made;
  });
  tell('the API server is ready');
  kubernetes('kube-controller-manager');
  if (!isBare) {
    for (const name of ['kube-scheduler', 'kube-proxy', 'kubelet']) kubernetes(name);
    await until('the node', async () => {
      const node = await api.get('Node', NODE);
      if (!isTrue(node, 'Ready')) throw new Error(JSON.stringify(node.status));
    });
  }
  // Without it no pod is taken.
  await until('the service account', () => api.get('ServiceAccount', 'default', 'default'));
  return load;
}

type Daemon = {
  readonly folder: string;
  readonly namespace: Namespace;
  readonly name: string;
  readonly file: string;
  readonly words: readonly string[];
  readonly programs: Programs;
};

/** Runs a program for as long as the cluster lives, and again when it ends, as a service manager would. */
function keepRunning({ folder, namespace, name, file, words, programs }: Daemon): void {
  const [nsenter = '', ...prefix] = namespace.prefix;
  // The shim of the same build comes before one of the machine's.
  const environment = {
    PATH: `${programs.containerd}:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
    HOME: '/root',
  };
  const log = openSync(join(folder, 'logs', `${name}.log`), 'a');
  const child = spawn(nsenter, [...prefix, file, ...words], {
    detached: true,
    env: environment,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.on('error', (error) => console.error(`${name}: ${error.message}`));
  child.on('spawn', () => {
    const note = () => {
      const [pid] = isThere(child.pid ?? 0) ? childrenOf(child.pid ?? 0) : [];
      if (pid !== undefined) replaceFile(join(folder, `${name}.pid`), `${pid}`);
      // nsenter makes it a moment later.
      else if (child.exitCode === null && child.signalCode === null) setTimeout(note, 10);
    };
    note();
  });
  child.on('exit', () => {
    // With the namespace all of them end, and then its folder goes.
    const isOver = livingProcess(join(folder, 'first')) === undefined;
    if (!isOver) keepRunning({ folder, namespace, name, file, words, programs });
  });
}

/** Writes a file that others may be about to read: whole, or not yet. */
function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}-new`, text);
  renameSync(`${path}-new`, path);
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Tries until it succeeds, or the start has taken too long. */
async function until<Value>(what: string, attempt: () => Promise<Value>): Promise<Value> {
  const end = Date.now() + START_LIMIT;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw new Error(`waited in vain for ${what}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
