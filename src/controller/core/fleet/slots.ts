import { type Metadata, type Owner, timeOf } from '../reading/api.ts';

/**
 * Slots of a fleet, each a Lease (specification 9.5): who may reload now. Whoever reads the Leases of a group can decide; that
 * the API server takes a write only over what was read makes two grants of one slot impossible.
 */

export type ApiLease = {
  readonly metadata?: Metadata;
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly acquireTime?: string;
    readonly leaseTransitions?: number;
  };
};

/** On a Lease: the group it is a slot of, as a hash that a selector takes. */
export const SLOT_OF = 'rehup.dev/slot-of';

/** Annotations of a Lease: the holder's pod, whether that was Ready when last seen, since when it is gone, on which content. */
const POD = 'rehup.dev/pod';
const READY = 'rehup.dev/ready';
const GONE = 'rehup.dev/gone';
const CONTENT = 'rehup.dev/content';

/** A slot as its Lease says it. */
export type Slot = {
  readonly index: number;
  /** Of the Lease. */
  readonly name: string;
  readonly namespace: string;
  readonly resourceVersion: string;
  /** The uid of the holder's pod; empty for nobody. */
  readonly holder: string;
  readonly pod: string;
  /** ms since the epoch. */
  readonly acquired: number;
  readonly transitions: number;
  /** With whom the Lease goes. */
  readonly owners: readonly Owner[];
  readonly content: string;
  /** Of the holder, when it was last seen while it was not being deleted. */
  readonly wasReady: boolean;
  /** When the holder was found to be gone, ms since the epoch. */
  readonly gone: number | undefined;
};

/** Those who share slots: the pods of one owner. */
export type Group = {
  readonly namespace: string;
  readonly kind: string;
  readonly name: string;
  /** How many of them may reload at a time. */
  readonly most: number;
  /** The digest of what the one that asks reads. */
  readonly content: string;
  /** When somebody said at the owner that a failure is no reason any more, ms since the epoch. */
  readonly resumed: number;
};

/** The pod of a holder that was Ready ends so long after the last sign of it, ms. */
export const GRACE = 30_000;

/** The longest name of an object (RFC 1123 subdomain). */
const LONGEST_NAME = 253;

const HASH = 16;

type Named = Pick<Group, 'kind' | 'name'>;

export function groupHash({ kind, name }: Named, sha256: (text: string) => string): string {
  return sha256(`${kind.toLowerCase()}/${name}`).slice(0, HASH);
}

/** The name of the Lease of a slot: `rehup-0.deployment.web`. */
export function slotName(index: number, owner: Named, sha256: (text: string) => string): string {
  const name = `rehup-${index}.${owner.kind.toLowerCase()}.${owner.name.toLowerCase()}`;
  if (name.length <= LONGEST_NAME) return name;
  const hash = groupHash(owner, sha256);
  return `${name.slice(0, LONGEST_NAME - hash.length).replace(/[.-]+$/, '')}${hash}`;
}

/** What a Lease says; undefined if it is no slot. */
export function slotOf({ metadata = {}, spec = {} }: ApiLease): Slot | undefined {
  const { name = '', namespace = '', resourceVersion = '', annotations = {} } = metadata;
  const [, index] = /^rehup-(\d{1,6})\./.exec(name) ?? [];
  if (index === undefined || metadata.labels?.[SLOT_OF] === undefined) return undefined;
  const gone = timeOf(annotations[GONE]);
  return {
    ...{ index: Number(index), name, namespace, resourceVersion },
    holder: spec.holderIdentity ?? '',
    pod: annotations[POD] ?? '',
    acquired: timeOf(spec.acquireTime),
    transitions: spec.leaseTransitions ?? 0,
    owners: metadata.ownerReferences ?? [],
    content: annotations[CONTENT] ?? '',
    wasReady: annotations[READY] === 'true',
    gone: gone === 0 ? undefined : gone,
  };
}

/** The Lease that says so; without a version for one that is not there yet. */
export function leaseOf(slot: Slot, hash: string): object {
  const { name, namespace, resourceVersion, holder, pod, acquired, transitions, content } = slot;
  const { wasReady, gone, owners } = slot;
  const annotations = {
    ...{ [POD]: pod, [READY]: String(wasReady), [CONTENT]: content },
    ...(gone === undefined ? {} : { [GONE]: new Date(gone).toISOString() }),
  };
  const time = new Date(acquired).toISOString().replace('Z', '000Z');
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...{ name, namespace },
      ...(resourceVersion === '' ? {} : { resourceVersion }),
      labels: { [SLOT_OF]: hash, 'app.kubernetes.io/managed-by': 'rehup' },
      ...(owners.length === 0 ? {} : { ownerReferences: owners }),
      ...(holder === '' ? {} : { annotations }),
    },
    spec: {
      holderIdentity: holder,
      leaseTransitions: transitions,
      ...(holder === '' ? {} : { acquireTime: time, renewTime: time }),
    },
  };
}

/** Whether a slot is to be had. */
export type Hold =
  | { readonly kind: 'free' }
  | { readonly kind: 'held' }
  /** Its holder is gone and was well: so long, ms. */
  | { readonly kind: 'leaving'; readonly left: number }
  /** Its holder is gone and was not Ready: nobody gets the same content. */
  | { readonly kind: 'halted' };

export function holdOf(slot: Slot, { content, resumed }: Group, now: number): Hold {
  const { holder, gone, wasReady, acquired } = slot;
  if (holder === '') return { kind: 'free' };
  if (gone === undefined) return { kind: 'held' };
  const left = gone + GRACE - now;
  if (wasReady) return left > 0 ? { kind: 'leaving', left } : { kind: 'free' };
  return resumed > acquired || content !== slot.content ? { kind: 'free' } : { kind: 'halted' };
}

/** What is answered to a pod that asks for a slot. */
export type Grant =
  /** It has one. */
  | { readonly kind: 'held'; readonly slot: Slot }
  /** It may take this one; a holder of it must be looked for once more, and be gone. */
  | { readonly kind: 'take'; readonly index: number; readonly over: Slot | undefined }
  | { readonly kind: 'full'; readonly value: string }
  | { readonly kind: 'halted'; readonly value: string };

export function grantOf(group: Group, slots: readonly Slot[], uid: string, now: number): Grant {
  const own = slots.find(({ holder }) => holder === uid);
  if (own !== undefined) return { kind: 'held', slot: own };
  const holds = new Map(slots.map((slot) => [slot, holdOf(slot, group, now)]));
  for (const [slot, { kind }] of holds) if (kind === 'halted') return { kind, value: haltText(group, slot) };
  const taken = slots.filter((slot) => holds.get(slot)?.kind !== 'free');
  const allowed = allowedOf(
    group.most,
    taken.map(({ index }) => index),
  );
  for (let index = 0; index < allowed; index += 1)
    if (!taken.some((slot) => slot.index === index))
      return { kind: 'take', index, over: slots.find((slot) => slot.index === index) };
  return { kind: 'full', value: fullText(group, taken) };
}

/**
 * Slots below this may be taken. After the number was lowered some above it may be held still, and each of them is one less.
 * It only grows as slots are given back, so that who read the Leases earlier takes none that who read them later would not.
 */
function allowedOf(most: number, taken: readonly number[]): number {
  for (let count = most; count > 0; count -= 1)
    if (count + taken.filter((index) => index >= count).length <= most) return count;
  return 0;
}

/** So many holders are named. */
const TOLD = 5;

function fullText({ kind, name, most }: Group, taken: readonly Slot[]): string {
  const pods = taken
    .map(({ pod }) => pod)
    .sort()
    .slice(0, TOLD);
  const more = taken.length > TOLD ? ', …' : '';
  return `${taken.length} of ${most} slots of ${kind} ${name} are taken: ${pods.join(', ')}${more}`;
}

function haltText({ kind, name }: Group, { pod }: Slot): string {
  return `${kind} ${name} is halted: ${pod} was not Ready when it was deleted with a slot; change the content, or annotate ${kind} ${name} with rehup.dev/resumed-at: TIME`;
}

/** A holder's pod as it was seen: gone, being deleted, or there. */
export type Sight =
  | { readonly kind: 'gone' }
  | { readonly kind: 'ending' }
  | { readonly kind: 'there'; readonly isReady: boolean };

/** What is to be noted of a holder; undefined for nothing. A pod that is being deleted gets unready, and that tells nothing. */
export function noted(slot: Slot, sight: Sight, now: number): Slot | undefined {
  if (slot.holder === '') return undefined;
  switch (sight.kind) {
    case 'gone':
      return slot.gone === undefined ? { ...slot, gone: now } : undefined;
    case 'ending':
      return slot.gone === undefined ? undefined : { ...slot, gone: undefined };
    case 'there':
      return slot.gone === undefined && slot.wasReady === sight.isReady
        ? undefined
        : { ...slot, gone: undefined, wasReady: sight.isReady };
    default:
      return sight satisfies never;
  }
}

/** How many may reload at a time, by the annotation of the owner: a number or a part of all its pods, one at least. */
export function mostOf(text: string | undefined, pods: number): number {
  const [, number = '1', percent] = /^(\d{1,6})(%?)$/.exec(text?.trim() ?? '') ?? [];
  return Math.max(1, percent === '%' ? Math.floor((pods * Number(number)) / 100) : Number(number));
}
