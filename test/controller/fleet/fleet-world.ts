import { createHash } from 'node:crypto';
import {
  type ApiLease,
  GRACE,
  type Group,
  grantOf,
  groupHash,
  leaseOf,
  noted,
  type Sight,
  type Slot,
  slotName,
  slotOf,
} from '../../../src/controller/core/fleet/slots.ts';

/** An API server with the Leases of one group, and controllers that answer by what they read of it some time ago. */

export const OWNER = { namespace: 'shop', kind: 'Deployment', name: 'web' } as const;

export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

export const HASH = groupHash(OWNER, sha256);

type PodState = 'ready' | 'unready' | 'ending' | 'gone';

/** A grant that was decided, and whose write is under way. */
type Flight = { readonly uid: string; readonly slot: Slot; readonly over: Slot | undefined };

export class FleetWorld {
  now = Date.parse('2026-01-01T00:00:00Z');
  version = 0;
  content = 'one';
  resumed = 0;
  most: number;
  readonly leases = new Map<string, ApiLease>();
  readonly pods = new Map<string, PodState>();
  readonly flights: Flight[] = [];
  readonly granted: { readonly uid: string; readonly content: string }[] = [];

  constructor(most: number) {
    this.most = most;
  }

  group(): Group {
    return { ...OWNER, most: this.most, content: this.content, resumed: this.resumed };
  }

  slots(): readonly Slot[] {
    return [...this.leases.values()].flatMap((lease) => slotOf(lease) ?? []);
  }

  holders(): readonly string[] {
    return this.slots().flatMap(({ holder }) => (holder === '' ? [] : [holder]));
  }

  isThere(uid: string): boolean {
    return (this.pods.get(uid) ?? 'gone') !== 'gone';
  }

  /** The Leases are read and a grant is decided; the write of it lands later. */
  ask(uid: string): string {
    if (!this.isThere(uid)) return 'gone';
    let slots = this.slots();
    for (;;) {
      const grant = grantOf(this.group(), slots, uid, this.now);
      if (grant.kind !== 'take') return grant.kind;
      const { over, index } = grant;
      if (over !== undefined && over.holder !== '' && this.isThere(over.holder)) {
        slots = slots.map((slot) => (slot === over ? { ...slot, gone: undefined } : slot));
        continue;
      }
      const slot: Slot = {
        ...{ index, namespace: OWNER.namespace, name: slotName(index, OWNER, sha256), owners: [] },
        ...{ resourceVersion: over?.resourceVersion ?? '', transitions: (over?.transitions ?? -1) + 1 },
        ...{ holder: uid, pod: uid, acquired: this.now, content: this.content },
        ...{ wasReady: this.pods.get(uid) === 'ready', gone: undefined },
      };
      this.flights.push({ uid, slot, over });
      return 'take';
    }
  }

  /** One write arrives: it is taken only over what was read. */
  land(): void {
    const flight = this.flights.shift();
    if (flight !== undefined && this.write(flight.slot))
      this.granted.push({ uid: flight.uid, content: flight.slot.content });
  }

  write(slot: Slot): boolean {
    const before = this.leases.get(slot.name);
    if ((before?.metadata?.resourceVersion ?? '') !== slot.resourceVersion) return false;
    this.version += 1;
    const lease = leaseOf({ ...slot, resourceVersion: String(this.version) }, HASH);
    // As it comes back from the server.
    this.leases.set(slot.name, JSON.parse(JSON.stringify(lease)));
    return true;
  }

  giveBack(uid: string): void {
    for (const slot of this.slots()) if (slot.holder === uid) this.write({ ...slot, holder: '' });
  }

  kill(uid: string): void {
    if (this.pods.has(uid)) this.pods.set(uid, 'gone');
  }

  /** The leader notes what became of holders. */
  tend(): void {
    for (const slot of this.slots()) {
      if (slot.holder === '') continue;
      const next = noted(slot, this.sight(slot.holder), this.now);
      if (next !== undefined) this.write(next);
    }
  }

  sight(uid: string): Sight {
    const state = this.pods.get(uid) ?? 'gone';
    if (state === 'gone' || state === 'ending') return { kind: state };
    return { kind: 'there', isReady: state === 'ready' };
  }

  pass(ms: number = GRACE): void {
    this.now += ms;
  }
}
