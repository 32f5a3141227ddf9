import type { Workload, WorkloadKind } from '../core/reading/workload.ts';

/** Where objects stand in the API. */

const PLURALS: Readonly<Record<WorkloadKind, string>> = {
  Deployment: 'deployments',
  StatefulSet: 'statefulsets',
  DaemonSet: 'daemonsets',
};

const CORE = '/api/v1';

/** A kind in a namespace, or in all. */
export function collection(group: string, plural: string, namespace: string | undefined): string {
  return namespace === undefined ? `${group}/${plural}` : `${group}/namespaces/${namespace}/${plural}`;
}

export function coreCollection(plural: string, namespace?: string): string {
  return collection(CORE, plural, namespace);
}

export function workloadCollection(kind: WorkloadKind, namespace?: string): string {
  return collection('/apis/apps/v1', PLURALS[kind], namespace);
}

export function workloadPath({
  kind,
  namespace,
  name,
}: Pick<Workload, 'kind' | 'namespace' | 'name'>): string {
  return `${workloadCollection(kind, namespace)}/${name}`;
}

export function leaseCollection(namespace?: string): string {
  return collection('/apis/coordination.k8s.io/v1', 'leases', namespace);
}
