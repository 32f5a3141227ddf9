import { type ApiPod, type ContainerStatus, timeOf } from './api.ts';
import { CONFIG_DIGEST } from './state.ts';

/** What is kept of a pod of a workload. */
export type Pod = {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  /** `Deployment/NAMESPACE/NAME` of the one that it belongs to. */
  readonly workload: string;
  /** Of the template it was made from. */
  readonly digest: string | undefined;
  readonly created: number;
  readonly isEnding: boolean;
  readonly isReady: boolean;
  /** Since when it is Ready with all its containers running, ms. */
  readonly stableSince: number;
  /** How often the container that ended most often has ended. */
  readonly ends: number;
  /** Why a container waits, if that is a reason that passes by itself only with luck. */
  readonly stuck: string | undefined;
};

const STUCK = ['CrashLoopBackOff', 'CreateContainerConfigError', 'ImagePullBackOff'];

/** A pod as it is kept; undefined for one that is no workload's, or has run to its end. */
export function podOf({ metadata = {}, status = {} }: ApiPod): Pod | undefined {
  const { name = '', namespace = '' } = metadata;
  const workload = workloadOf(metadata);
  if (workload === undefined || status.phase === 'Succeeded' || status.phase === 'Failed') return undefined;
  const main = status.containerStatuses ?? [];
  const initial = status.initContainerStatuses ?? [];
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  const started = main.map(({ state }) => timeOf(state?.running?.startedAt));
  const waiting = [...initial, ...main].map(({ state }) => state?.waiting?.reason ?? '');
  return {
    name,
    namespace,
    uid: metadata.uid ?? '',
    workload,
    digest: metadata.annotations?.[CONFIG_DIGEST],
    created: timeOf(metadata.creationTimestamp),
    isEnding: metadata.deletionTimestamp !== undefined,
    isReady: ready?.status === 'True',
    stableSince: Math.max(timeOf(ready?.lastTransitionTime), ...started),
    ends: Math.max(0, ...main.map((one) => endsOf(one, true)), ...initial.map((one) => endsOf(one, false))),
    stuck: waiting.find((reason) => STUCK.includes(reason)),
  };
}

/** An init container that ends well has not failed. */
function endsOf({ restartCount = 0, state }: ContainerStatus, isMain: boolean): number {
  const { terminated } = state ?? {};
  return restartCount + (terminated !== undefined && (isMain || terminated.exitCode !== 0) ? 1 : 0);
}

/** The workload that a pod belongs to: by its owner, and of a ReplicaSet by the hash that a Deployment puts behind its name. */
function workloadOf({ ownerReferences = [], labels = {}, namespace }: NonNullable<ApiPod['metadata']>) {
  const owner = ownerReferences.find(({ controller }) => controller === true);
  const { kind, name = '' } = owner ?? {};
  if (kind === 'StatefulSet' || kind === 'DaemonSet') return `${kind}/${namespace}/${name}`;
  const ending = `-${labels['pod-template-hash']}`;
  if (kind !== 'ReplicaSet' || !name.endsWith(ending)) return undefined;
  return `Deployment/${namespace}/${name.slice(0, -ending.length)}`;
}
