import type { Slot } from '../fleet/slots.ts';
import type { Reason } from '../planning/decision.ts';
import type { Memory } from '../planning/memory.ts';
import { objectKey, podsOf, presentOf, type Store } from '../planning/store.ts';
import { isNew } from '../planning/verdict.ts';
import { ABSENT } from '../reading/digest.ts';
import type { State } from '../reading/state.ts';
import type { Workload } from '../reading/workload.ts';

/** What the controller tells of the cluster at `/status`: names, digests and outcomes, never a content. */

/** The version of the shape, which only grows. */
export const STATUS_VERSION = 1;

/** What was told of a workload: an Event, a line of the log. */
export type Told = {
  readonly at: number;
  readonly reason: Reason;
  readonly kind: string;
  readonly namespace: string;
  readonly workload: string;
  readonly message: string;
};

export type Telling = {
  readonly store: Store;
  readonly memory: Memory;
  readonly slots: readonly Slot[];
  readonly told: readonly Told[];
  readonly webhooks: readonly Webhook[];
  readonly controller: {
    readonly version: string;
    readonly identity: string;
    readonly isLeader: boolean;
    readonly isDryRun: boolean;
    readonly scope: string;
  };
  readonly now: number;
};

/** Who is told of failures, without what only its owner may know. */
export type Webhook = {
  readonly where: string;
  readonly sent: number;
  readonly failed: number;
  readonly error: string | null;
};

/** In the order in which they need somebody. */
const STANDINGS = [
  'failed',
  'halted',
  'refused',
  'waiting',
  'rolling',
  'applied',
  'adopted',
  'unseen',
] as const;

/** What is the matter with a workload: its phase, or why newer content does not come to it. */
export type Standing = (typeof STANDINGS)[number];

/** Pods that are told of one workload. */
const MOST_PODS = 20;

export type ControllerStatus = ReturnType<typeof controllerStatus>;

export type WorkloadStatus = ControllerStatus['workloads'][number];

/** Times are RFC 3339, in UTC. */
export function controllerStatus({ store, memory, slots, told, webhooks, controller, now }: Telling) {
  const { version, identity, isLeader, isDryRun, scope } = controller;
  const workloads = [...store.workloads.values()]
    .map((workload) => workloadStatus(store, memory, workload))
    .sort((one, other) => rank(one) - rank(other) || (keyOf(one) < keyOf(other) ? -1 : 1));
  return {
    version: STATUS_VERSION,
    controller: { version, identity, leader: isLeader, dryRun: isDryRun, scope, time: time(now) },
    objects: store.objects.size,
    workloads,
    slots: slots.map(({ name, namespace, pod, acquired, gone, wasReady }) => ({
      ...{ lease: name, namespace, pod, since: time(acquired), ready: wasReady },
      gone: gone === undefined ? null : time(gone),
    })),
    told: told.map(({ at, ...one }) => ({ time: time(at), ...one })),
    webhooks,
  };
}

function rank({ standing }: { readonly standing: Standing }): number {
  return STANDINGS.indexOf(standing);
}

function keyOf({
  namespace,
  kind,
  name,
}: { readonly [key in 'namespace' | 'kind' | 'name']: string }): string {
  return `${namespace}/${kind}/${name}`;
}

function workloadStatus(store: Store, memory: Memory, workload: Workload) {
  const { key, kind, namespace, name, state, held, wanted, strategy } = workload;
  const { parts } = presentOf(store, workload);
  const pods = podsOf(store, workload);
  const said = memory.told.get(key) ?? null;
  return {
    ...{ kind, namespace, name, strategy },
    said: said?.replace(/^\w+ /, '') ?? null,
    standing: standingOf(memory, workload, said),
    since: state === undefined || state.at === 0 ? null : time(state.at),
    held: held ?? null,
    changed: state?.phase === 'adopted' ? [] : (state?.changed ?? []),
    reason: state?.reason ?? null,
    digest: state === undefined ? null : shortOf(state.digest),
    refers: Object.entries(parts).map(([object, digest]) => ({
      object,
      missing: digest === ABSENT,
      // What it was rolled out with, or taken as.
      current: state !== undefined && state.parts[object] === digest,
      keys: store.objects.get(objectKey(namespace, object))?.changedKeys ?? [],
    })),
    pods: {
      wanted,
      ready: pods.filter(({ isReady, isEnding }) => isReady && !isEnding).length,
      list: pods
        .map((pod) => ({
          name: pod.name,
          content: contentOf(pod.digest, state, state !== undefined && isNew(pod, state)),
          ready: pod.isReady && !pod.isEnding,
          ending: pod.isEnding,
          ends: pod.ends,
          stuck: pod.stuck ?? null,
        }))
        .sort((one, other) => (one.name < other.name ? -1 : 1))
        .slice(0, MOST_PODS),
    },
  };
}

function standingOf(memory: Memory, { key, state }: Workload, said: string | null): Standing {
  if (state === undefined) return 'unseen';
  if (state.phase === 'failed') return 'failed';
  if (said?.startsWith('Halted ') === true) return 'halted';
  if (memory.refused.has(key)) return 'refused';
  return said === null ? state.phase : 'waiting';
}

/** On which content a pod is, by the template that it was made from or the time it was made at. */
function contentOf(digest: string | undefined, state: State | undefined, isCurrent: boolean): string {
  if (state === undefined || state.phase === 'adopted') return 'when it was found';
  if (state.evicts === true) return isCurrent ? shortOf(state.digest) : 'before this roll-out';
  return digest === undefined ? 'before the first roll-out' : shortOf(digest);
}

const SHORT = 12;

/** Of `v1.KEYID.HEX` what tells one from another. */
function shortOf(digest: string): string {
  return (digest.split('.')[2] ?? digest).slice(0, SHORT);
}

function time(at: number): string {
  return new Date(at).toISOString();
}
