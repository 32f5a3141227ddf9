import { sightOf } from '../../core/fleet/asker.ts';
import { type ApiLease, leaseOf, noted, SLOT_OF, type Slot, slotOf } from '../../core/fleet/slots.ts';
import type { ApiPod } from '../../core/reading/api.ts';
import { ApiError, type Client } from '../client.ts';
import type { Log } from '../log.ts';
import { leaseCollection } from '../paths.ts';
import { readPod } from './asker.ts';

/** The leader notes on the Leases of slots what becomes of the pods that hold them. */
export type Tender = {
  takeLease(key: string, lease: ApiLease | undefined): void;
  /** A pod as it was listed or watched, or that there is none of its name any more: `NAMESPACE/NAME`. */
  takePod(key: string, pod: ApiPod | undefined): void;
  /** Looks at all: this one has become the leader. */
  tendAll(): void;
  /** Slots that are held. */
  held(): readonly Slot[];
};

/** After a failure it is tried again so much later, ms. */
const AGAIN = 5000;

export function createTender(client: Client, log: Log, isReady: () => boolean): Tender {
  const slots = new Map<string, { readonly slot: Slot; readonly hash: string }>();
  /** Keys of slots by those of their holders' pods. */
  const holders = new Map<string, Set<string>>();
  /** Slots that are written, or looked at, in this moment; and whether they must be once more. */
  const busy = new Map<string, boolean>();

  const podKey = ({ namespace, pod }: Slot) => `${namespace}/${pod}`;

  async function tend(key: string, seen?: ApiPod): Promise<void> {
    if (!isReady()) return;
    if (busy.has(key)) {
      busy.set(key, true);
      return;
    }
    const known = slots.get(key);
    if (known === undefined) return;
    const { slot, hash } = known;
    busy.set(key, false);
    try {
      // What was watched may be older than the Lease.
      const isHolder = seen?.metadata?.uid === slot.holder;
      const pod = isHolder ? seen : await readPod(client, slot.namespace, slot.pod);
      const next = noted(slot, sightOf(pod, slot.holder), Date.now());
      if (next !== undefined) {
        const path = `${leaseCollection(slot.namespace)}/${slot.name}`;
        takeLease(key, (await client.call('PUT', path, { body: leaseOf(next, hash) })) as ApiLease);
      }
    } catch (error) {
      // Who changed it is told by what is watched, and then it is looked at again.
      const isConflict = error instanceof ApiError && [404, 409].includes(error.status);
      if (!isConflict) {
        const line = error instanceof Error ? error.message : String(error);
        log('warn', 'slot.failed', `nothing could be noted on ${key}: ${line}; trying again`);
        setTimeout(() => void tend(key), AGAIN);
      }
    }
    const isAgain = busy.get(key) === true;
    busy.delete(key);
    if (isAgain) await tend(key);
  }

  function takeLease(key: string, lease: ApiLease | undefined): void {
    const before = slots.get(key)?.slot;
    if (before !== undefined) {
      holders.get(podKey(before))?.delete(key);
      if (holders.get(podKey(before))?.size === 0) holders.delete(podKey(before));
    }
    const slot = lease === undefined ? undefined : slotOf(lease);
    if (slot === undefined || slot.holder === '') {
      slots.delete(key);
      return;
    }
    slots.set(key, { slot, hash: lease?.metadata?.labels?.[SLOT_OF] ?? '' });
    const keys = holders.get(podKey(slot)) ?? new Set();
    holders.set(podKey(slot), keys.add(key));
    if (before?.holder !== slot.holder) void tend(key);
  }

  return {
    takeLease,
    takePod(key, pod) {
      for (const slot of holders.get(key) ?? []) void tend(slot, pod);
    },
    tendAll() {
      for (const key of slots.keys()) void tend(key);
    },
    held: () => [...slots.values()].map(({ slot }) => slot),
  };
}
