import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { validate as validateDeployment } from 'kubernetes-models/_schemas/IoK8sApiAppsV1Deployment';
import { validate as validateConfigMap } from 'kubernetes-models/_schemas/IoK8sApiCoreV1ConfigMap';
import { validate as validateService } from 'kubernetes-models/_schemas/IoK8sApiCoreV1Service';
import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IConfigMap, IContainer, IPodSpec, IService } from 'kubernetes-models/v1';
import { parseAllDocuments } from 'yaml';
import { ROOT } from '../../scripts/build/product.ts';
import { ALERTMANAGER, type Capability, HAPROXY, NGINX, PID_NAMESPACE, PROMETHEUS } from './machine.ts';

/** The folders below examples/, and what their manifests and Dockerfiles say. */

const FOLDER = join(ROOT, 'examples');

export const EXAMPLES: readonly string[] = readdirSync(FOLDER)
  .filter((name) => statSync(join(FOLDER, name)).isDirectory())
  .sort();

/** What each needs of the machine, to be run on it or to be made an image. */
export const NEEDED_BY: Readonly<Record<string, readonly Capability[]>> = {
  'env-from-configmap': [],
  fleet: [],
  'haproxy-master-worker': [HAPROXY],
  inject: [NGINX],
  'nginx-sighup': [NGINX],
  'node-restart': [],
  probe: [NGINX],
  'prometheus-http': [PROMETHEUS],
  'restart-in-place': [NGINX, PID_NAMESPACE],
  'sidecar-signal': [NGINX],
  'sidecar-unhealthy': [NGINX],
  'sidecar-webhook': [PROMETHEUS, ALERTMANAGER],
  'staged-rollback': [NGINX],
};

/** Every file of theirs that is applied as it is: one each, and variants. */
export const VARIANTS: readonly (readonly [name: string, file: string])[] = EXAMPLES.flatMap((name) =>
  readdirSync(join(FOLDER, name))
    .filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')
    .sort()
    .map((file) => [name, file] as const),
);

/** A manifest that a schema has found right, by its kind. */
export type Manifest =
  | { readonly kind: 'ConfigMap'; readonly value: IConfigMap }
  | { readonly kind: 'Deployment'; readonly value: IDeployment }
  | { readonly kind: 'Service'; readonly value: IService };

/** What rehup is in a pod: in front of the application, beside it in a container of its own, or run by a probe of its container. */
export type Place = 'front' | 'sidecar' | 'probe';

export type Example = {
  readonly name: string;
  readonly dockerfile: string;
  readonly manifests: readonly Manifest[];
  /** That of the application is the first. */
  readonly deployments: readonly IDeployment[];
  /** Of the first Deployment. */
  readonly pod: IPodSpec;
  /** The application: the first container of that. */
  readonly container: IContainer;
  readonly place: Place;
  /** The container in which rehup watches. */
  readonly watcher: IContainer;
  /** The words with which rehup watches, itself among them: of `command:` and `args:`, else of ENTRYPOINT, or of the probe. */
  readonly entrypoint: readonly string[];
};

/** All containers of a pod that run as long as it does. */
export function runningOf({ containers, initContainers = [] }: IPodSpec): readonly IContainer[] {
  return [...initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always'), ...containers];
}

/** All containers of a pod. */
export function containersOf({ containers, initContainers = [] }: IPodSpec): readonly IContainer[] {
  return [...initContainers, ...containers];
}

/** An image of the example's own, and nobody else's. */
export const isOwn = (image: string): boolean => image.startsWith('example.com/');

/**
 * Reads an example.
 *
 * @throws if a manifest is not what the schemas of Kubernetes allow
 */
export function readExample(name: string, file = 'kubernetes.yaml'): Example {
  const folder = join(FOLDER, name);
  const dockerfile = readFileSync(join(folder, 'Dockerfile'), 'utf8');
  const manifests = parseAllDocuments(readFileSync(join(folder, file), 'utf8')).map((document) =>
    checkedManifest(document.toJS()),
  );
  const deployments = manifests.flatMap((one) => (one.kind === 'Deployment' ? [one.value] : []));
  const pod = deployments[0]?.spec?.template.spec;
  const [container] = pod?.containers ?? [];
  if (pod === undefined || container === undefined)
    throw new Error(`${name} has no Deployment of a container`);
  return {
    name,
    dockerfile,
    manifests,
    deployments,
    pod,
    container,
    ...watching(pod, container, dockerfile),
  };
}

function watching(
  pod: IPodSpec,
  container: IContainer,
  dockerfile: string,
): Pick<Example, 'place' | 'watcher' | 'entrypoint'> {
  // An instruction may go over several lines.
  const [, words = '[]'] = /^ENTRYPOINT (.*)$/m.exec(dockerfile.replaceAll('\\\n', '')) ?? [];
  const own: unknown = JSON.parse(words);
  const entrypointOf = ({ command = Array.isArray(own) ? own : [], args = [] }: IContainer) => [
    ...command,
    ...args,
  ];
  const sidecar = pod.initContainers?.find(({ restartPolicy }) => restartPolicy === 'Always');
  if (sidecar !== undefined) return { place: 'sidecar', watcher: sidecar, entrypoint: entrypointOf(sidecar) };
  const probe = container.livenessProbe?.exec?.command ?? [];
  if (probe[1] === 'probe') return { place: 'probe', watcher: container, entrypoint: probe };
  return { place: 'front', watcher: container, entrypoint: entrypointOf(container) };
}

/** Takes a value for a manifest if its schema allows it and knows every field in it. */
export function checkedManifest(value: unknown): Manifest {
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined;
  switch (kind) {
    case 'ConfigMap':
      return { kind, value: checked<IConfigMap>(value, validateConfigMap) };
    case 'Service':
      return { kind, value: checked<IService>(value, validateService) };
    case 'Deployment':
      return { kind, value: checked<IDeployment>(value, validateDeployment) };
    default:
      throw new Error(`test/support/manifests.ts has no schema for the kind ${String(kind)}`);
  }
}

/** The schemas allow fields that they do not know, as a cluster ignores them; here such a field is a slip of the pen. */
function checked<Value>(value: unknown, validate: (data: unknown) => boolean): Value {
  const unread = new Set<string>();
  if (!validate(noting(value, '', unread))) {
    const { errors = [] } = validate as {
      errors?: readonly { instancePath: string; keyword: string; params: unknown }[];
    };
    throw new Error(
      errors
        .map(({ instancePath, keyword, params }) => `${instancePath}: ${keyword} ${JSON.stringify(params)}`)
        .join('\n'),
    );
  }
  if (unread.size > 0) throw new Error(`no schema knows ${[...unread].join(', ')}`);
  return value as Value;
}

/** The same value, which takes each of its fields out of `unread` when it is read. */
function noting(value: unknown, path: string, unread: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const fields = new Map(
    Object.entries(value).map(([key, field]) => {
      unread.add(`${path}/${key}`);
      return [key, noting(field, `${path}/${key}`, unread)];
    }),
  );
  return new Proxy(value, {
    get(target, key): unknown {
      unread.delete(`${path}/${String(key)}`);
      return typeof key === 'string' && fields.has(key) ? fields.get(key) : Reflect.get(target, key);
    },
  });
}
