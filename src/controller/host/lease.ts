import type { Metadata } from '../core/reading/api.ts';
import { ApiError, type Client } from './client.ts';
import type { Log } from './log.ts';
import { leaseCollection } from './paths.ts';

/** Which of several controllers is the leader: the one that holds a Lease and keeps renewing it. */
export type Election = {
  isLeader(): boolean;
  /** Whether it has caught up with the one before as well. */
  isReady(): boolean;
  /** Gives the Lease back, so that another need not wait for its end. */
  resign(): Promise<void>;
};

type Lease = {
  readonly metadata?: Metadata;
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly leaseTransitions?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
  };
};

/**
 * A Lease is over when nobody was seen to renew it for so long, by the clock of who looks; its holder stops well before
 * that by its own. Times in ms.
 */
const LASTS = 15_000;
const LEADS = 10_000;
const RENEWS = 3000;

const NOT_FOUND = 404;

export type ElectionOptions = {
  readonly namespace: string;
  readonly name: string;
  readonly identity: string;
  /** What the one before wrote last must be seen before anything is decided. */
  readonly caughtUp: () => Promise<unknown>;
  /** Called when it is ready, also when it had been, and was late to renew its Lease. */
  readonly began: () => void;
};

export function startElection(client: Client, log: Log, options: ElectionOptions): Election {
  const { namespace, name, identity, caughtUp, began } = options;
  const collection = leaseCollection(namespace);
  let heldUntil = Number.NEGATIVE_INFINITY;
  let seen = { text: '', at: 0 };
  let isOver = false;
  let wasLeader = false;
  let isCaughtUp = false;
  /** Counts its times as the leader: what was begun in an earlier one says nothing of this. */
  let term = 0;
  let trouble = '';
  /** The Lease as this one wrote it last: as long as nobody else writes it, it need not be read. */
  let written: Lease | undefined;
  const isLeader = () => !isOver && performance.now() < heldUntil;

  async function read(): Promise<Lease | undefined> {
    try {
      return (await client.call('GET', `${collection}/${name}`, { isFirst: true })) as Lease;
    } catch (error) {
      if (error instanceof ApiError && error.status === NOT_FOUND) return undefined;
      throw error;
    }
  }

  /** A look unless the Lease is ours, and one write if it is ours or nobody's. */
  async function round(): Promise<void> {
    // From before the write: it may have been done long before it is heard of.
    const asked = performance.now();
    const lease = written ?? (await read());
    written = undefined;
    const { holderIdentity = '', renewTime = '', leaseTransitions = 0, acquireTime } = lease?.spec ?? {};
    const text = `${holderIdentity} ${renewTime} ${lease?.metadata?.resourceVersion}`;
    if (text !== seen.text) seen = { text, at: asked };
    const isMine = holderIdentity === identity;
    const isFree = holderIdentity === '' || asked - seen.at > LASTS;
    if (!isMine && !isFree) return;
    const now = microTime();
    const body = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace, resourceVersion: lease?.metadata?.resourceVersion },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: LASTS / 1000,
        renewTime: now,
        acquireTime: isMine ? acquireTime : now,
        leaseTransitions: isMine ? leaseTransitions : leaseTransitions + 1,
      },
    };
    const isNew = lease === undefined;
    written = (await client.call(isNew ? 'POST' : 'PUT', isNew ? collection : `${collection}/${name}`, {
      body,
      isFirst: true,
    })) as Lease;
    // Too late: nothing was done in between, and what became due then has to be looked at.
    if (!isLeader()) announce();
    heldUntil = asked + LEADS;
  }

  async function run(): Promise<void> {
    while (!isOver) {
      const asked = performance.now();
      try {
        await round();
        trouble = '';
      } catch (error) {
        const line = error instanceof Error ? error.message : String(error);
        // Somebody else was faster.
        const isRace = error instanceof ApiError && error.status === 409;
        if (!isRace && line !== trouble) log('warn', 'lease.failed', `the Lease can't be had: ${line}`);
        trouble = isRace ? trouble : line;
      }
      announce();
      // From its begin, as the Lease lasts: one that took long leaves less time for the next.
      const next = RENEWS * (0.8 + Math.random() * 0.4) - (performance.now() - asked);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, next)));
    }
  }

  function announce(): void {
    if (isLeader() === wasLeader) return;
    wasLeader = isLeader();
    term += 1;
    isCaughtUp = false;
    if (wasLeader) {
      log('info', 'leader.elected', `this is the leader now (${identity})`);
      void begin(term);
    } else log('warn', 'leader.lost', 'this is the leader no more');
  }

  async function begin(elected: number): Promise<void> {
    await caughtUp();
    if (elected !== term) return;
    isCaughtUp = true;
    began();
  }

  void run();
  return {
    isLeader,
    isReady: () => isCaughtUp && isLeader(),
    async resign() {
      const wasMine = isLeader();
      isOver = true;
      if (!wasMine) return;
      const lease = await read();
      if (lease?.spec?.holderIdentity !== identity) return;
      const body = { ...lease, spec: { ...lease.spec, holderIdentity: '', renewTime: microTime() } };
      await client.call('PUT', `${collection}/${name}`, { body, isFirst: true });
    },
  };
}

/** A MicroTime of the API. */
function microTime(): string {
  return new Date().toISOString().replace('Z', '000Z');
}
