import type { Api, Resource } from '../client/api.ts';
import { field } from '../client/objects.ts';
import { imageOf } from '../engine/images.ts';

/** Workloads of the tests of the controller. */

export const KINDS = ['Deployment', 'StatefulSet', 'DaemonSet'] as const;

export type Kind = (typeof KINDS)[number];

/** How an application takes what is in a ConfigMap or Secret. */
export const WAYS = ['volume', 'projected', 'env', 'envFrom', 'init', 'optional', 'subPath'] as const;

export type Way = (typeof WAYS)[number];

export const OBJECTS = ['ConfigMap', 'Secret'] as const;

export type ObjectKind = (typeof OBJECTS)[number];

/** What of a pod's spec takes an object in this way. */
export function taking(
  way: Way,
  kind: ObjectKind,
  name: string,
): { readonly container: object; readonly spec: object } {
  const isConfig = kind === 'ConfigMap';
  const source = isConfig ? { configMap: { name } } : { secret: { secretName: name } };
  const from = { [isConfig ? 'configMapRef' : 'secretRef']: { name } };
  const volume = { volumes: [{ name: 'v', ...source }] };
  const mount = { name: 'v', mountPath: '/etc/app' };
  switch (way) {
    case 'volume':
      return { container: { volumeMounts: [mount] }, spec: volume };
    case 'subPath':
      return {
        container: { volumeMounts: [{ ...mount, mountPath: '/etc/key', subPath: 'key' }] },
        spec: volume,
      };
    case 'projected': {
      const sources = [isConfig ? { configMap: { name } } : { secret: { name } }];
      return {
        container: { volumeMounts: [mount] },
        spec: { volumes: [{ name: 'v', projected: { sources } }] },
      };
    }
    case 'env': {
      const reference = { [isConfig ? 'configMapKeyRef' : 'secretKeyRef']: { name, key: 'key' } };
      return { container: { env: [{ name: 'KEY', valueFrom: reference }] }, spec: {} };
    }
    case 'envFrom':
      return { container: { envFrom: [from] }, spec: {} };
    case 'init': {
      const init = { ...container(['true']), name: 'init', envFrom: [from] };
      return { container: {}, spec: { initContainers: [init] } };
    }
    case 'optional': {
      const optional = { [isConfig ? 'configMapRef' : 'secretRef']: { name, optional: true } };
      return { container: { envFrom: [optional] }, spec: {} };
    }
  }
}

function container(words: readonly string[]): object {
  return { image: imageOf('static'), imagePullPolicy: 'Never', command: ['/bin/busybox', ...words] };
}

export type WorkloadOptions = {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly replicas?: number;
  readonly command?: readonly string[];
  readonly container?: object;
  readonly spec?: object;
  readonly fields?: object;
};

/** Without pods unless it is to have some: of a DaemonSet none fits the node then. */
export function workload(kind: Kind, name: string, options: WorkloadOptions = {}): Resource {
  const { annotations = {}, replicas = 0, command = ['sleep', '1000000'], fields = {} } = options;
  const isDaemon = kind === 'DaemonSet';
  return {
    kind,
    metadata: { name, annotations: { 'rehup.dev/reload': 'auto', 'rehup.dev/verify': '1s', ...annotations } },
    spec: {
      ...(isDaemon ? {} : { replicas }),
      ...(kind === 'StatefulSet' ? { serviceName: name } : {}),
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          terminationGracePeriodSeconds: 0,
          automountServiceAccountToken: false,
          ...(isDaemon && replicas === 0 ? { nodeSelector: { 'is-there': 'none' } } : {}),
          containers: [{ name: 'app', ...container(command), ...options.container }],
          ...options.spec,
        },
      },
      ...fields,
    },
  };
}

/**
 * How often a workload was rolled out, with its first time. The generation of a Deployment rises with its annotations as
 * well (so the API server's strategy for it), and its revision does not.
 */
export function revisionOf(resource: Resource): number {
  const isDeployment = field(resource, 'spec', 'strategy') !== undefined;
  const path = isDeployment ? ['annotations', 'deployment.kubernetes.io/revision'] : ['generation'];
  return Number(field(resource, 'metadata', ...path) ?? 0);
}

export function digestOf(resource: Resource): string | undefined {
  const digest = field(resource, 'spec', 'template', 'metadata', 'annotations', 'rehup.dev/config-digest');
  return digest === undefined ? undefined : String(digest);
}

export function phaseOf(resource: Resource): string | undefined {
  const text = field(resource, 'metadata', 'annotations', 'rehup.dev/state');
  return text === undefined ? undefined : String(field(JSON.parse(String(text)), 'phase'));
}

/** The reasons of the Events on a workload, and what they say. */
export async function eventsOf(api: Api, namespace: string, name: string): Promise<readonly string[]> {
  const events = await api.list('Event', namespace);
  return events
    .filter(
      (event) =>
        field(event, 'involvedObject', 'name') === name &&
        String(event['reason']).startsWith('ConfigRollout'),
    )
    .map((event) => `${String(event['reason']).replace('ConfigRollout', '')}: ${String(event['message'])}`);
}
