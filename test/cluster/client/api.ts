import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import type { Place } from '../engine/place.ts';
import { API_PORT } from '../engine/settings.ts';

/** A client of the API server, with no more than the tests ask for. */

/** An object of Kubernetes: what all kinds have, and fields that the one who reads them must check. */
export type Resource = {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>> & {
    readonly name: string;
    readonly namespace?: string;
  };
  readonly status?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
};

type Kind = { readonly prefix: string; readonly plural: string };

const CORE = '/api/v1';
const APPS = '/apis/apps/v1';

const KINDS: Readonly<Record<string, Kind>> = {
  ConfigMap: { prefix: CORE, plural: 'configmaps' },
  Event: { prefix: CORE, plural: 'events' },
  Namespace: { prefix: CORE, plural: 'namespaces' },
  Node: { prefix: CORE, plural: 'nodes' },
  Pod: { prefix: CORE, plural: 'pods' },
  Secret: { prefix: CORE, plural: 'secrets' },
  Service: { prefix: CORE, plural: 'services' },
  ServiceAccount: { prefix: CORE, plural: 'serviceaccounts' },
  DaemonSet: { prefix: APPS, plural: 'daemonsets' },
  Deployment: { prefix: APPS, plural: 'deployments' },
  StatefulSet: { prefix: APPS, plural: 'statefulsets' },
  Lease: { prefix: '/apis/coordination.k8s.io/v1', plural: 'leases' },
  Job: { prefix: '/apis/batch/v1', plural: 'jobs' },
};

export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export type Api = {
  /** Any request; the text of the answer. An answer that is not 2xx is an {@link ApiError}. */
  text(method: string, path: string, body?: unknown, type?: string): Promise<string>;
  get(kind: string, name: string, namespace?: string): Promise<Resource>;
  list(kind: string, namespace: string): Promise<readonly Resource[]>;
  create(resource: Resource): Promise<Resource>;
  /** Changes some fields (a JSON merge patch: null takes one away); answers when the API server has them. */
  patch(kind: string, name: string, namespace: string, change: object): Promise<Resource>;
  delete(kind: string, name: string, namespace?: string, options?: object): Promise<void>;
};

export function createApi({
  folder,
  address,
  port = API_PORT,
}: Pick<Place, 'folder' | 'address' | 'port'>): Api {
  const agent = new Agent({ ca: readFileSync(join(folder, 'pki/apiserver.crt')), keepAlive: true });

  function text(method: string, path: string, body?: unknown, type = 'application/json'): Promise<string> {
    return new Promise((resolve, reject) => {
      const sent = body === undefined ? undefined : JSON.stringify(body);
      const headers = {
        authorization: 'Bearer admin',
        accept: 'application/json',
        ...(sent === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(sent) }),
      };
      const call = request(
        { host: address, port, path, method, headers, agent, timeout: 30_000 },
        (answer) => {
          let all = '';
          answer.setEncoding('utf8').on('data', (part: string) => {
            all += part;
          });
          answer.on('error', reject);
          answer.on('end', () => {
            const status = answer.statusCode ?? 0;
            if (status >= 200 && status < 300) resolve(all);
            else reject(new ApiError(status, `${method} ${path}: ${status} ${all}`));
          });
        },
      );
      call.on('timeout', () => call.destroy(new Error(`${method} ${path}: no answer within 30 s`)));
      call.on('error', reject);
      call.end(sent);
    });
  }

  const object = async (answer: Promise<string>) => JSON.parse(await answer) as Resource;

  return {
    text,
    get: (kind, name, namespace) => object(text('GET', `${collection(kind, namespace)}/${name}`)),
    async list(kind, namespace) {
      const { items } = JSON.parse(await text('GET', collection(kind, namespace))) as { items: Resource[] };
      return items;
    },
    create: (resource) =>
      object(text('POST', collection(resource.kind, resource.metadata.namespace), complete(resource))),
    patch: (kind, name, namespace, change) =>
      object(text('PATCH', `${collection(kind, namespace)}/${name}`, change, 'application/merge-patch+json')),
    async delete(kind, name, namespace, options = {}) {
      await text('DELETE', `${collection(kind, namespace)}/${name}`, options);
    },
  };
}

function complete(resource: Resource): Resource {
  const { prefix } = kindOf(resource.kind);
  return { apiVersion: prefix.replace(/^\/apis?\//, ''), ...resource };
}

function collection(kind: string, namespace: string | undefined): string {
  const { prefix, plural } = kindOf(kind);
  return namespace === undefined ? `${prefix}/${plural}` : `${prefix}/namespaces/${namespace}/${plural}`;
}

function kindOf(kind: string): Kind {
  const found = KINDS[kind];
  if (found === undefined) throw new Error(`no path for the kind ${kind}`);
  return found;
}
