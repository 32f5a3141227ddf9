import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type Edition, imageOf } from '../engine/images.ts';
import type { Place } from '../engine/place.ts';
import { type Api, ApiError, createApi, type Resource } from './api.ts';
import { type Pod, podOf } from './pod.ts';
import { awaited } from './waiting.ts';

/** A namespace for each test, and what it makes in it. */

export type PodOptions = {
  /** Of rehup, before the command. */
  readonly words?: readonly string[];
  /** The command: by default the witness of the volume at /etc/app. */
  readonly command?: readonly string[];
  readonly edition?: Edition;
  /** By name: what a pod has as `volumes`, without the name. By default the ConfigMap `app` as `config`. */
  readonly volumes?: Readonly<Record<string, object>>;
  /** Paths in the container by names of volumes, or mounts with more to say. */
  readonly mounts?: readonly object[];
  /** Fields of the container beyond these. */
  readonly container?: object;
  /** Fields of the pod's spec beyond these. */
  readonly spec?: object;
  /** Fields of the pod's metadata. */
  readonly metadata?: object;
};

/** Options under which nothing but the kubelet waits for time to pass, and no poll finds what an event did not tell. */
export const AT_ONCE = ['--min-interval', '0', '--verify', '1s', '--poll', '0'];

export const ON_HUP = ['--watch', '/etc/app', '--on-change', 'SIGHUP', ...AT_ONCE];

export const CONFIG = { config: { configMap: { name: 'app' } } };

export type Room = {
  readonly namespace: string;
  readonly place: Place;
  readonly api: Api;
  readonly edition: Edition;
  /** The longest that a change may take to its effect, ms: what the kubelet takes, and 2 s. */
  readonly bound: number;
  /** Makes a ConfigMap of the name `app`, or another. */
  config(data: Readonly<Record<string, string>>, name?: string, more?: object): Promise<void>;
  /** Changes keys (null takes one away); when the API server had answered, ms since the epoch. */
  change(data: Readonly<Record<string, string | null>>, name?: string, kind?: string): Promise<number>;
  make(kind: string, name: string, fields: object): Promise<Resource>;
  remove(kind: string, name: string): Promise<void>;
  /** A pod `app` whose container is `app`; it is not waited for. */
  pod(options?: PodOptions, name?: string): Promise<Pod>;
  /** What a workload's template has in it, with labels. */
  template(options?: PodOptions): object;
  /** Any pod of the namespace, and a container of it, by default `app`. */
  find(name: string, container?: string): Pod;
  /** Notes how long it took from the API's answer to the effect; what was too long is marked in the table. */
  took(since: number, effect: { readonly time: number } | { readonly at: number }, more?: number): void;
  /** Notes how long a part of it took, in a line of its own. */
  tookOf(part: string, since: number, effect: { readonly time: number }): void;
};

/** What a test has found out, for the table. */
export type Finding = {
  readonly row: string;
  /** Its place among those of its file, which {@link file} tells from those of others. */
  readonly place: number;
  readonly file: number;
  readonly edition: Edition;
  readonly seconds: readonly number[];
  readonly restarts: number;
  readonly reloads: number;
  readonly ok: boolean;
  /** Whether something took longer than it may on a machine that is not busy. */
  readonly late: boolean;
};

/** The folder of the cluster that the tests run on. */
const FOLDER = 'REHUP_CLUSTER';

export function thePlace(): Place {
  const folder = process.env[FOLDER];
  if (folder === undefined) throw new Error(`${FOLDER} is not set: run it by npm run e2e`);
  return JSON.parse(readFileSync(join(folder, 'cluster.json'), 'utf8')) as Place;
}

let count = 0;

/** What a test is called, and what stands besides. */
export type Subject = {
  readonly name: string;
  readonly edition?: Edition;
  /** Of the namespace. */
  readonly labels?: Readonly<Record<string, string>>;
  /** By default that of the tests. */
  readonly on?: Place;
};

/** Runs a test in a namespace of its own, and notes what it has found out. */
export async function inRoom(subject: Subject, test: (room: Room) => Promise<void>): Promise<void> {
  const { name: row, edition = 'static', labels = {} } = subject;
  const place = subject.on ?? thePlace();
  const api = createApi(place);
  count += 1;
  const number = count;
  const namespace = `${row
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 40)}-${process.pid}-${count}`.replace(/^-+/, '');
  await api.create({ kind: 'Namespace', metadata: { name: namespace, labels } });
  const pods: Pod[] = [];
  const seconds: number[] = [];
  const parts = new Map<string, number[]>();
  const lateness = { late: false };
  const room = roomOf({ place, api, namespace, edition, pods, seconds, parts, lateness });
  let ok = false;
  try {
    await test(room);
    ok = true;
  } catch (error) {
    const reports = await Promise.all(pods.map((pod) => pod.report()));
    throw new Error(
      [
        `${row} (${edition}, ${namespace}): ${error instanceof Error ? error.message : error}`,
        ...reports,
      ].join('\n'),
      { cause: error },
    );
  } finally {
    const [first] = pods;
    const restarts = await first?.toldRestarts().catch(() => 0);
    const reloads = first?.count('reload.started') ?? 0;
    const finding: Finding = {
      ...{ row, edition, seconds, reloads, ok, ...lateness, place: number, file: process.pid },
      restarts: restarts ?? 0,
    };
    const ofParts = [...parts].map(([part, took]) => ({ ...finding, row: `${row}: ${part}`, seconds: took }));
    for (const one of [finding, ...ofParts])
      appendFileSync(join(place.folder, 'findings.jsonl'), `${JSON.stringify(one)}\n`);
    // The machine is small: what is done with makes way.
    await api.delete('Namespace', namespace).catch(() => {});
  }
}

type Parts = {
  readonly place: Place;
  readonly api: Api;
  readonly namespace: string;
  readonly edition: Edition;
  readonly pods: Pod[];
  readonly seconds: number[];
  readonly parts: Map<string, number[]>;
  readonly lateness: { late: boolean };
};

function roomOf({ place, api, namespace, edition, pods, seconds, parts, lateness }: Parts): Room {
  const sync = Number.parseFloat(place.syncFrequency) * 1000;
  const room: Room = {
    namespace,
    place,
    api,
    edition,
    bound: 1.5 * sync + 2000,
    async config(data, name = 'app', more = {}) {
      await room.make('ConfigMap', name, { data, ...more });
    },
    async change(data, name = 'app', kind = 'ConfigMap') {
      await api.patch(kind, name, namespace, kind === 'Secret' ? { data: encoded(data) } : { data });
      return Date.now();
    },
    make: (kind, name, fields) => api.create({ kind, metadata: { name, namespace }, ...fields }),
    remove: (kind, name) => api.delete(kind, name, namespace),
    async pod(options = {}, name = 'app') {
      const { metadata, spec } = podFields({ edition, ...options });
      const resource = { kind: 'Pod', metadata: { ...metadata, name, namespace }, spec };
      // The controller makes the service account of a new namespace in its own time.
      await awaited('the service account', () => api.create(resource).catch(unlessForbidden));
      const pod = podOf(place, api, namespace, name);
      pods.push(pod);
      return pod;
    },
    template: (options = {}) => {
      const { metadata, spec } = podFields({ edition, ...options });
      return { metadata: { ...metadata, labels: { app: 'app' } }, spec };
    },
    find(name, container = 'app') {
      const pod = podOf(place, api, namespace, name, container);
      pods.push(pod);
      return pod;
    },
    took(since, effect, more = 0) {
      const took = ('at' in effect ? effect.at : effect.time) - since;
      seconds.push(took / 1000);
      if (took > room.bound + more) lateness.late = true;
    },
    tookOf(part, since, { time }) {
      parts.set(part, [...(parts.get(part) ?? []), (time - since) / 1000]);
    },
  };
  return room;
}

function unlessForbidden(error: unknown): undefined {
  if (error instanceof ApiError && error.message.includes('serviceaccount')) return undefined;
  throw error;
}

/** What a Secret has as `data`. */
export function encoded(data: Readonly<Record<string, string | null>>): object {
  return Object.fromEntries(
    Object.entries(data).map(([key, text]) => [
      key,
      text === null ? null : Buffer.from(text).toString('base64'),
    ]),
  );
}

function podFields(options: PodOptions & { readonly edition: Edition }) {
  const { words = ON_HUP, command = ['/witness', 'run', '/etc/app'] } = options;
  const { volumes = CONFIG, mounts = [{ name: 'config', mountPath: '/etc/app' }] } = options;
  return {
    metadata: { ...options.metadata },
    spec: {
      terminationGracePeriodSeconds: 10,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      containers: [
        {
          name: 'app',
          image: imageOf(options.edition),
          imagePullPolicy: 'Never',
          args: [...words, '--', ...command],
          volumeMounts: mounts,
          ...options.container,
        },
      ],
      volumes: Object.entries(volumes).map(([name, volume]) => ({ name, ...volume })),
      ...options.spec,
    },
  };
}
