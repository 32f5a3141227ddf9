import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { ROOT } from '../../../scripts/build/product.ts';
import { type Api, ApiError, type Resource } from '../client/api.ts';
import { awaited } from '../client/waiting.ts';
import type { Place } from '../engine/place.ts';
import { API_PORT } from '../engine/settings.ts';

/** The rights that are shipped, and a kubeconfig of who has them and no others. */

const MANIFESTS = join(ROOT, 'deploy/controller');

/** Where kinds of rights stand in the API. */
const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const PATHS: Readonly<Record<string, (namespace: string) => string>> = {
  ServiceAccount: (namespace) => `/api/v1/namespaces/${namespace}/serviceaccounts`,
  ClusterRole: () => `${RBAC}/clusterroles`,
  ClusterRoleBinding: () => `${RBAC}/clusterrolebindings`,
  Role: (namespace) => `${RBAC}/namespaces/${namespace}/roles`,
  RoleBinding: (namespace) => `${RBAC}/namespaces/${namespace}/rolebindings`,
};

/** Makes what some of the manifests have, as `kubectl apply -k` does with the namespace of the kustomization. */
export async function grant(api: Api, namespace: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    const text = readFileSync(join(MANIFESTS, file), 'utf8');
    for (const document of parseAllDocuments(text)) {
      const resource = document.toJS() as Resource & { readonly subjects?: readonly object[] };
      const path = PATHS[resource.kind]?.(namespace);
      if (path === undefined) throw new Error(`${file}: no path for ${resource.kind}`);
      const isCluster = resource.kind.startsWith('Cluster');
      // Names of the cluster are those of all who use it.
      const name = isCluster ? `${namespace}-${resource.metadata.name}` : resource.metadata.name;
      const given = {
        ...resource,
        metadata: isCluster ? { name } : { ...resource.metadata, namespace },
        ...(resource.subjects === undefined
          ? {}
          : { subjects: resource.subjects.map((subject) => ({ ...subject, namespace })) }),
        ...(resource.kind === 'ClusterRoleBinding'
          ? { roleRef: { ...Object(resource['roleRef']), name } }
          : {}),
      };
      await api.text('POST', path, given);
    }
  }
}

/** Removes what is of no namespace. */
export async function revoke(api: Api, namespace: string): Promise<void> {
  for (const plural of ['clusterroles', 'clusterrolebindings'])
    for (const name of [
      'rehup-controller',
      'rehup-controller-secrets',
      'rehup-controller-rollback',
      'rehup-controller-fleet',
    ])
      await api.text('DELETE', `${RBAC}/${plural}/${namespace}-${name}`).catch((error: unknown) => {
        if (!(error instanceof ApiError && error.status === 404)) throw error;
      });
}

/** A kubeconfig with a token of the controller's service account; its path. */
export async function kubeconfigOf(place: Place, api: Api, namespace: string): Promise<string> {
  const token = await awaited('a token', async () => {
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts/rehup-controller/token`;
    const made = JSON.parse(await api.text('POST', path, { spec: { expirationSeconds: 3600 } })) as {
      readonly status?: { readonly token?: string };
    };
    return made.status?.token;
  });
  const file = join(place.folder, `${namespace}.kubeconfig`);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'c',
        cluster: {
          server: `https://${place.address}:${API_PORT}`,
          'certificate-authority': join(place.folder, 'pki/apiserver.crt'),
        },
      },
    ],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace } }],
    'current-context': 'x',
  };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}
