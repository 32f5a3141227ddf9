import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { validate as validateDeployment } from 'kubernetes-models/_schemas/IoK8sApiAppsV1Deployment';
import { validate as validateConfigMap } from 'kubernetes-models/_schemas/IoK8sApiCoreV1ConfigMap';
import { validate as validateService } from 'kubernetes-models/_schemas/IoK8sApiCoreV1Service';
import type { IDeployment } from 'kubernetes-models/apps/v1';
import type { IConfigMap, IContainer, IPodSpec, IService } from 'kubernetes-models/v1';
import { parseAllDocuments } from 'yaml';
import { ROOT } from '../../scripts/build/product.ts';
import { type Capability, HAPROXY, NGINX, PROMETHEUS } from './machine.ts';

/** The folders below examples/, and what their manifests and Dockerfiles say. */

const FOLDER = join(ROOT, 'examples');

export const EXAMPLES: readonly string[] = readdirSync(FOLDER)
  .filter((name) => statSync(join(FOLDER, name)).isDirectory())
  .sort();

/** What each needs of the machine, to be run on it or to be made an image. */
export const NEEDED_BY: Readonly<Record<string, readonly Capability[]>> = {
  'env-from-configmap': [],
  'haproxy-master-worker': [HAPROXY],
  inject: [NGINX],
  'nginx-sighup': [NGINX],
  'node-restart': [],
  'prometheus-http': [PROMETHEUS],
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

export type Example = {
  readonly name: string;
  readonly dockerfile: string;
  readonly manifests: readonly Manifest[];
  /** Of the one Deployment. */
  readonly pod: IPodSpec;
  readonly container: IContainer;
  /** The words of `command:`, else of ENTRYPOINT. */
  readonly entrypoint: readonly string[];
};

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
  const [deployment] = manifests.flatMap((one) => (one.kind === 'Deployment' ? [one.value] : []));
  const pod = deployment?.spec?.template.spec;
  const [container] = pod?.containers ?? [];
  if (pod === undefined || container === undefined)
    throw new Error(`${name} has no Deployment of a container`);
  // An instruction may go over several lines.
  const [, words = '[]'] = /^ENTRYPOINT (.*)$/m.exec(dockerfile.replaceAll('\\\n', '')) ?? [];
  const entrypoint: unknown = container.command ?? JSON.parse(words);
  return {
    name,
    dockerfile,
    manifests,
    pod,
    container,
    entrypoint: Array.isArray(entrypoint) ? entrypoint : [],
  };
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
