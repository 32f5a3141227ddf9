import { contentOf, isReady, ownerOf, type PodOwner, sightOf } from '../../core/fleet/asker.ts';
import {
  type ApiLease,
  type Grant,
  type Group,
  grantOf,
  groupHash,
  leaseOf,
  mostOf,
  SLOT_OF,
  type Slot,
  slotName,
  slotOf,
} from '../../core/fleet/slots.ts';
import { objectKey, type Store } from '../../core/planning/store.ts';
import { type ApiPod, type ApiWorkload, type Owner, timeOf } from '../../core/reading/api.ts';
import { ABSENT, type Hash } from '../../core/reading/digest.ts';
import { RESUMED_AT } from '../../core/reading/state.ts';
import { WORKLOAD_KINDS } from '../../core/reading/workload.ts';
import { ApiError, type Client } from '../client.ts';
import type { Log } from '../log.ts';
import { leaseCollection, workloadPath } from '../paths.ts';
import { createAskers, type From, readPod } from './asker.ts';

/** The FleetLock server: slots of a fleet on Leases. It keeps nothing, so each of several controllers may answer. */

export type FleetAnswer = { readonly status: number; readonly kind: string; readonly value: string };

export type FleetServer = {
  answer(what: FleetRequest, from: From & { readonly said: string }): Promise<FleetAnswer>;
  /** Answers by their status. */
  readonly counts: ReadonlyMap<number, number>;
};

/** The last word of the path. */
export const FLEET_REQUESTS = ['pre-reboot', 'steady-state'] as const;

export type FleetRequest = (typeof FLEET_REQUESTS)[number];

export type FleetOptions = {
  readonly client: Client;
  readonly log: Log;
  readonly namespaces: readonly string[];
  /** Whether a namespace is looked after. */
  readonly isOurs: (namespace: string) => boolean;
  readonly store: Store;
  readonly hash: Hash;
  /** Why it can't serve; undefined if it can. */
  readonly unable: () => string | undefined;
};

/** A no that still holds, but for those who have a slot. */
type Refused = {
  readonly answer: FleetAnswer;
  readonly until: number;
  readonly holders: ReadonlySet<string>;
};

/** Two who write the same Lease: the later one looks again. */
const TRIES = 5;

/** So many are answered at a time; the others ask again. */
const MOST = 200;

/** Of so many groups something is remembered. */
const REMEMBERED = 10_000;

/** That all slots are taken is believed for so long, ms. */
const BELIEVED = 1000;

const MAX_UNAVAILABLE = 'rehup.dev/max-unavailable';

export function createFleetServer(options: FleetOptions): FleetServer {
  const { client, log, namespaces, isOurs, store, hash, unable } = options;
  const askers = createAskers(client, namespaces, isOurs);
  const counts = new Map<number, number>();
  const full = new Map<string, Refused>();
  const told = new Map<string, string>();
  let busy = 0;

  async function slotsOf(namespace: string, owner: PodOwner): Promise<readonly Slot[]> {
    const selector = encodeURIComponent(`${SLOT_OF}=${groupHash(owner, hash.sha256)}`);
    const path = `${leaseCollection(namespace)}?labelSelector=${selector}`;
    const { items } = (await client.call('GET', path)) as { readonly items: readonly ApiLease[] };
    return items.flatMap((lease) => slotOf(lease) ?? []);
  }

  async function ownerObject(namespace: string, { kind, name }: PodOwner): Promise<ApiWorkload | undefined> {
    const known = WORKLOAD_KINDS.find((one) => one === kind);
    if (known === undefined) return undefined;
    try {
      return (await client.call('GET', workloadPath({ kind: known, namespace, name }))) as ApiWorkload;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  async function write(slot: Slot, owner: PodOwner): Promise<void> {
    const collection = leaseCollection(slot.namespace);
    const body = leaseOf(slot, groupHash(owner, hash.sha256));
    if (slot.resourceVersion === '') await client.call('POST', collection, { body });
    else await client.call('PUT', `${collection}/${slot.name}`, { body });
  }

  /** One look at the Leases, and one write if there is a slot; undefined if somebody was faster. */
  async function tried(pod: ApiPod): Promise<FleetAnswer | undefined> {
    const { namespace = '', name = '', uid = '' } = pod.metadata ?? {};
    const owner = ownerOf(pod);
    const object = await ownerObject(namespace, owner);
    const annotations = object?.metadata?.annotations ?? {};
    const pods = object?.spec?.replicas ?? object?.status?.desiredNumberScheduled ?? 1;
    const digestOf = (one: string) => store.objects.get(objectKey(namespace, one))?.object?.digest ?? ABSENT;
    const group: Group = {
      ...{ namespace, kind: owner.kind, name: owner.name },
      most: mostOf(annotations[MAX_UNAVAILABLE], pods),
      content: contentOf(pod, digestOf, hash),
      resumed: timeOf(annotations[RESUMED_AT]),
    };
    const slots = await slotsOf(namespace, owner);
    const now = Date.now();
    const grant = await looked(group, slots, uid, now);
    switch (grant.kind) {
      case 'held':
        return { status: 200, kind: 'success', value: `${name} has ${grant.slot.name}` };
      case 'full':
      case 'halted': {
        const kind = grant.kind === 'full' ? 'all_slots_full' : 'halted';
        const answer = { status: 423, kind, value: grant.value };
        const holders = new Set(slots.map(({ holder }) => holder));
        if (full.size >= REMEMBERED) full.clear();
        full.set(keyOf(pod), { answer, holders, until: performance.now() + BELIEVED });
        return answer;
      }
      case 'take': {
        const { index, over } = grant;
        const slot: Slot = {
          ...{ index, namespace, holder: uid, pod: name, acquired: now, content: group.content },
          name: slotName(index, owner, hash.sha256),
          resourceVersion: over?.resourceVersion ?? '',
          transitions: (over?.transitions ?? -1) + 1,
          owners: over?.owners ?? ownersOf(owner, object),
          ...{ wasReady: isReady(pod), gone: undefined },
        };
        try {
          await write(slot, owner);
        } catch (error) {
          if (error instanceof ApiError && error.status === 409) return undefined;
          throw error;
        }
        const value = `${name} has ${slot.name}`;
        log('info', 'slot.granted', `${namespace}/${value}`, {
          pod: `${namespace}/${name}`,
          lease: slot.name,
        });
        return { status: 200, kind: 'success', value };
      }
      default:
        return grant satisfies never;
    }
  }

  /** What is granted, when the holder of a slot that is to be taken was looked for once more. */
  async function looked(group: Group, slots: readonly Slot[], uid: string, now: number): Promise<Grant> {
    const grant = grantOf(group, slots, uid, now);
    const over = grant.kind === 'take' ? grant.over : undefined;
    if (over === undefined || over.holder === '') return grant;
    const pod = await readPod(client, over.namespace, over.pod);
    if (sightOf(pod, over.holder).kind === 'gone') return grant;
    return looked(
      group,
      slots.map((slot) => (slot === over ? { ...slot, gone: undefined } : slot)),
      uid,
      now,
    );
  }

  async function given(pod: ApiPod): Promise<FleetAnswer> {
    const key = keyOf(pod);
    const known = full.get(key);
    // Each of those that wait asks every few seconds.
    if (known !== undefined && performance.now() < known.until && !known.holders.has(pod.metadata?.uid ?? ''))
      return known.answer;
    full.delete(key);
    for (let tries = 0; tries < TRIES; tries += 1) {
      const answer = await tried(pod);
      if (answer === undefined) continue;
      if (answer.kind !== 'halted') told.delete(key);
      else if (told.get(key) !== answer.value) {
        if (told.size >= REMEMBERED) told.clear();
        told.set(key, answer.value);
        log('warn', 'slot.halted', answer.value);
      }
      return answer;
    }
    return { status: 503, kind: 'conflict', value: 'many ask for a slot at once; ask again' };
  }

  async function returned(pod: ApiPod): Promise<FleetAnswer> {
    const { namespace = '', name = '', uid = '' } = pod.metadata ?? {};
    const owner = ownerOf(pod);
    full.delete(keyOf(pod));
    for (let tries = 0; tries < TRIES; tries += 1) {
      const held = (await slotsOf(namespace, owner)).filter(({ holder }) => holder === uid);
      if (held.length === 0) return { status: 200, kind: 'success', value: `${name} has no slot` };
      for (const slot of held) {
        try {
          await write({ ...slot, holder: '' }, owner);
          log('info', 'slot.returned', `${namespace}/${name} gave back ${slot.name}`, {
            ...{ pod: `${namespace}/${name}`, lease: slot.name },
          });
        } catch (error) {
          if (!(error instanceof ApiError && error.status === 409)) throw error;
        }
      }
    }
    return { status: 503, kind: 'conflict', value: 'its Lease is written by others; ask again' };
  }

  return {
    counts,
    async answer(what, from) {
      const answer = await answered(what, from);
      counts.set(answer.status, (counts.get(answer.status) ?? 0) + 1);
      return answer;
    },
  };

  async function answered(what: FleetRequest, from: From & { readonly said: string }): Promise<FleetAnswer> {
    const trouble = unable() ?? (busy >= MOST ? 'too many ask at once; ask again' : undefined);
    if (trouble !== undefined) return { status: 503, kind: 'unavailable', value: trouble };
    busy += 1;
    try {
      const pod = await askers.identified(from);
      if (typeof pod === 'string') {
        log('warn', 'slot.refused', `a request of ${from.address} for ${from.said}: ${pod}`);
        return { status: 403, kind: 'unknown_pod', value: pod };
      }
      return await (what === 'pre-reboot' ? given(pod) : returned(pod));
    } catch (error) {
      const value = error instanceof Error ? error.message : String(error);
      log('warn', 'slot.failed', `a request of ${from.address} for ${from.said}: ${value}`);
      return { status: 503, kind: 'unavailable', value };
    } finally {
      busy -= 1;
    }
  }
}

function keyOf(pod: ApiPod): string {
  const { kind, name } = ownerOf(pod);
  return `${pod.metadata?.namespace}/${kind}/${name}`;
}

/** With its owner a Lease goes. */
function ownersOf(
  { apiVersion, kind, name, uid }: PodOwner,
  object: ApiWorkload | undefined,
): readonly Owner[] {
  const known = uid ?? object?.metadata?.uid;
  return known === undefined ? [] : [{ apiVersion, kind, name, uid: known }];
}
