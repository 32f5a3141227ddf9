import { type ApiPod, type Owner, timeOf } from '../reading/api.ts';
import { combinedDigest, type Hash } from '../reading/digest.ts';
import { referencesOf } from '../reading/references.ts';
import type { Sight } from './slots.ts';

/** Who asks for a slot of a fleet: a pod, told by its token or by its address. */

/** Tokens are for this audience, so that none that was made for another is of use here, nor the other way. */
export const AUDIENCE = 'rehup';

/** A pod as a token names it. */
export type Named = { readonly namespace: string; readonly name: string; readonly uid: string };

/** What the API server says of a token (TokenReview). */
export type Review = {
  readonly status?: {
    readonly authenticated?: boolean;
    readonly audiences?: readonly string[];
    readonly error?: string;
    readonly user?: {
      readonly username?: string;
      readonly extra?: Readonly<Record<string, readonly string[]>>;
    };
  };
};

const EXTRA = 'authentication.kubernetes.io/';

/** The pod that a token is of, or why it is of none. */
export function podOfReview({ status = {} }: Review): Named | string {
  const { authenticated = false, audiences = [], user = {}, error } = status;
  if (!authenticated || !audiences.includes(AUDIENCE))
    return `the token is none for the audience ${AUDIENCE}${error === undefined ? '' : `: ${error}`}`;
  const [, namespace] = /^system:serviceaccount:([^:]+):[^:]+$/.exec(user.username ?? '') ?? [];
  const [name] = user.extra?.[`${EXTRA}pod-name`] ?? [];
  const [uid] = user.extra?.[`${EXTRA}pod-uid`] ?? [];
  if (namespace === undefined || name === undefined || uid === undefined)
    return 'the token is not of a pod: use a projected one (serviceAccountToken of a volume)';
  return { namespace, name, uid };
}

/** The one pod of an address, or why it can't be told. */
export function podOfAddress(address: string, pods: readonly ApiPod[]): ApiPod | string {
  const [pod, ...others] = pods.filter(({ status }) => !isOver(status?.phase));
  if (pod === undefined) return `no pod has the address ${address}; send a token (--fleet-token)`;
  if (pod.spec?.hostNetwork === true || others.length > 0)
    return `${address} is the address of a node, which tells no pod of it; send a token (--fleet-token)`;
  return pod;
}

function isOver(phase: string | undefined): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}

/** Whose slots a pod shares: its owner's, and of a ReplicaSet the Deployment's; its own where it has none. */
export type PodOwner = Required<Pick<Owner, 'kind' | 'name' | 'apiVersion'>> & {
  /** Undefined where another object than that of the reference is the owner. */
  readonly uid: string | undefined;
};

export function ownerOf({ metadata = {} }: ApiPod): PodOwner {
  const { ownerReferences = [], labels = {}, name = '', uid } = metadata;
  const owner = ownerReferences.find(({ controller }) => controller === true);
  if (owner === undefined) return { kind: 'Pod', name, apiVersion: 'v1', uid };
  const { kind = '', name: of = '', apiVersion = '' } = owner;
  const ending = `-${labels['pod-template-hash']}`;
  return kind === 'ReplicaSet' && of.endsWith(ending)
    ? { kind: 'Deployment', name: of.slice(0, -ending.length), apiVersion, uid: undefined }
    : { kind, name: of, apiVersion, uid: owner.uid };
}

/** The digest of all that a pod reads, by what is known of each object now. */
export function contentOf(pod: ApiPod, digestOf: (name: string) => string, hash: Hash): string {
  const names = referencesOf(pod.spec).map(({ name }) => name);
  return combinedDigest(Object.fromEntries(names.map((name) => [name, digestOf(name)])), hash);
}

export function isReady({ status }: ApiPod): boolean {
  return status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true;
}

/** A holder's pod, by the object that has its name now. */
export function sightOf(pod: ApiPod | undefined, uid: string): Sight {
  if (pod === undefined || pod.metadata?.uid !== uid || isOver(pod.status?.phase)) return { kind: 'gone' };
  return timeOf(pod.metadata.deletionTimestamp) > 0
    ? { kind: 'ending' }
    : { kind: 'there', isReady: isReady(pod) };
}
