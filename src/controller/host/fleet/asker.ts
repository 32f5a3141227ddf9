import { createHash } from 'node:crypto';
import { AUDIENCE, type Named, podOfAddress, podOfReview, type Review } from '../../core/fleet/asker.ts';
import type { ApiPod } from '../../core/reading/api.ts';
import { ApiError, type Client } from '../client.ts';
import { coreCollection } from '../paths.ts';

/** Finds out which pod a request is of. */
export type Askers = {
  /** The pod as it is now, or why there is none. */
  identified(from: From): Promise<ApiPod | string>;
};

export type From = {
  /** What was sent as Bearer. */
  readonly token: string | undefined;
  readonly address: string;
};

/** A confirmed token is believed for so long; its pod is looked at each time. ms. */
const BELIEVED = 60_000;

/** So many are remembered. */
const MOST = 10_000;

const REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';

/**
 * @param namespaces where pods can be looked for; all if empty
 * @param isOurs whether a namespace is looked after
 */
export function createAskers(
  client: Client,
  namespaces: readonly string[],
  isOurs: (namespace: string) => boolean,
): Askers {
  const believed = new Map<string, { readonly named: Named; readonly until: number }>();

  async function reviewed(token: string): Promise<Named | string> {
    const hash = createHash('sha256').update(token).digest('hex');
    const known = believed.get(hash);
    if (known !== undefined && performance.now() < known.until) return known.named;
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token, audiences: [AUDIENCE] },
    };
    const named = podOfReview((await client.call('POST', REVIEWS, { body })) as Review);
    if (believed.size >= MOST) believed.clear();
    if (typeof named !== 'string') believed.set(hash, { named, until: performance.now() + BELIEVED });
    return named;
  }

  async function ofToken(token: string): Promise<ApiPod | string> {
    const named = await reviewed(token);
    if (typeof named === 'string') return named;
    const { namespace, name, uid } = named;
    // There may be no right to look at it.
    if (!isOurs(namespace)) return outside(namespace);
    const pod = await readPod(client, namespace, name);
    return pod?.metadata?.uid === uid ? pod : `the pod ${namespace}/${name} of the token is gone`;
  }

  async function ofAddress(address: string): Promise<ApiPod | string> {
    const places = namespaces.length === 0 ? [undefined] : namespaces;
    const selector = `?fieldSelector=${encodeURIComponent(`status.podIP=${address}`)}`;
    const found: ApiPod[] = [];
    for (const place of places) {
      const path = `${coreCollection('pods', place)}${selector}`;
      found.push(...((await client.call('GET', path)) as { readonly items: ApiPod[] }).items);
    }
    const pod = podOfAddress(address, found);
    const namespace = typeof pod === 'string' ? undefined : (pod.metadata?.namespace ?? '');
    return namespace === undefined || isOurs(namespace) ? pod : outside(namespace);
  }

  return {
    identified: ({ token, address }) => (token === undefined ? ofAddress(address) : ofToken(token)),
  };
}

function outside(namespace: string): string {
  return `this controller does not look after the namespace ${namespace}`;
}

/** A pod as the API server has it; undefined if it is gone. */
export async function readPod(client: Client, namespace: string, name: string): Promise<ApiPod | undefined> {
  try {
    return (await client.call('GET', `${coreCollection('pods', namespace)}/${name}`)) as ApiPod;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}
