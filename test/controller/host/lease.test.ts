import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { ApiError, type Client } from '../../../src/controller/host/client.ts';
import { type Election, startElection } from '../../../src/controller/host/lease.ts';

/** Being the leader, where the API server takes its time. */

/** An API server with one Lease, whose writes take so long, ms. */
class Server {
  takes = 10;
  /** The next write is answered so, and not done. */
  failures: Error[] = [];
  readonly writes: number[] = [];
  lease: { metadata: { resourceVersion: string }; spec: object } | undefined;

  readonly client: Client = {
    ...{ namespace: 'home', server: '', counts: new Map(), waiting: () => 0, watch: async () => {} },
    call: async (method, _, { body } = {}) => {
      if (method !== 'GET') this.writes.push(performance.now());
      await new Promise((resolve) => setTimeout(resolve, this.takes));
      const failure = method === 'GET' ? undefined : this.failures.shift();
      if (failure !== undefined) throw failure;
      if (method === 'GET' && this.lease === undefined) throw new ApiError(404, 'not found');
      if (method === 'GET') return this.lease;
      const { metadata, spec } = body as { metadata: { resourceVersion?: string }; spec: object };
      if (metadata.resourceVersion !== this.lease?.metadata.resourceVersion)
        throw new ApiError(409, 'conflict');
      return this.written(spec);
    },
  };

  written(spec: object) {
    const version = Number(this.lease?.metadata.resourceVersion ?? 0) + 1;
    this.lease = { metadata: { resourceVersion: `${version}` }, spec };
    return this.lease;
  }
}

let server: Server;
let election: Election;
let told: string[];
/** Told when it has caught up with the one before. */
let catching: (() => void)[];

async function caughtUp(): Promise<void> {
  for (const tell of catching.splice(0)) tell();
  await vi.advanceTimersByTimeAsync(0);
}

beforeEach(async () => {
  vi.useFakeTimers();
  server = new Server();
  told = [];
  catching = [];
  election = startElection(server.client, (_, event) => void told.push(event), {
    ...{ namespace: 'home', name: 'rehup', identity: 'me' },
    caughtUp: () => new Promise<void>((resolve) => catching.push(resolve)),
    began: () => void told.push('began'),
  });
  await vi.advanceTimersByTimeAsync(1000);
  expect(told.splice(0)).toEqual(['leader.elected']);
  await caughtUp();
  expect(told.splice(0)).toEqual(['began']);
});

afterEach(() => {
  vi.useRealTimers();
});

test('writes that take half of the time that it leads for have it stay the leader', async () => {
  server.takes = 4900;
  for (let second = 0; second < 120; second += 1) {
    await vi.advanceTimersByTimeAsync(1000);
    expect(election.isLeader()).toBe(true);
  }
  expect(told).toEqual([]);
});

test.each([8000, 9000, 9900])(
  'a write of %i ms is followed by the next at once, since it holds from its begin',
  async (takes) => {
    server.takes = takes;
    const began = await nextWrite();
    server.takes = 10;
    await vi.advanceTimersByTimeAsync(began + takes + 5 - performance.now());
    expect(server.writes).toHaveLength(3);
  },
);

/** Lets time pass until the next write begins; when it did. */
async function nextWrite(): Promise<number> {
  const before = server.writes.length;
  for (let ms = 0; ms < 60_000; ms += 1) {
    const [began] = server.writes.slice(before);
    if (began !== undefined) return began;
    await vi.advanceTimersByTimeAsync(1);
  }
  throw new Error('there is none');
}

test('one that was late to renew it is elected anew: what became due meanwhile has to be looked at', async () => {
  server.takes = 12_000;
  const wasLeader: boolean[] = [];
  for (let second = 0; second < 30 && told.length === 0; second += 1) {
    await vi.advanceTimersByTimeAsync(1000);
    wasLeader.push(election.isLeader());
  }
  expect(wasLeader).toContain(false);
  server.takes = 10;
  await vi.advanceTimersByTimeAsync(15_000);
  expect(told).toEqual(['leader.lost', 'leader.elected']);
  expect([election.isLeader(), election.isReady()]).toEqual([true, false]);
  await caughtUp();
  expect([election.isLeader(), election.isReady()]).toEqual([true, true]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(told).toEqual(['leader.lost', 'leader.elected', 'began']);
});

test('late by as little as a moment is late', async () => {
  // The next write begins 2.4 to 3.6 s after this one, and is answered when it has not been the leader for 10 ms.
  const [first = 0] = server.writes;
  let isLate = false;
  vi.spyOn(server, 'takes', 'get').mockImplementation(() => {
    if (isLate) return 10;
    isLate = true;
    return first + 10_010 - performance.now();
  });
  await nextWrite();
  await vi.advanceTimersByTimeAsync(first + 10_005 - performance.now());
  expect([election.isLeader(), told]).toEqual([false, []]);
  await vi.advanceTimersByTimeAsync(10);
  expect([election.isLeader(), told]).toEqual([true, ['leader.lost', 'leader.elected']]);
});

test('what it caught up with before it lost the Lease does not count when it has it again', async () => {
  server.takes = 12_000;
  await vi.advanceTimersByTimeAsync(30_000);
  server.takes = 10;
  await vi.advanceTimersByTimeAsync(15_000);
  const [early] = catching.splice(0);
  server.written({ holderIdentity: 'another', renewTime: 'now' });
  await vi.advanceTimersByTimeAsync(12_000);
  server.written({ holderIdentity: '', renewTime: 'now' });
  await vi.advanceTimersByTimeAsync(12_000);
  expect(election.isLeader()).toBe(true);
  told = [];
  early?.();
  await vi.advanceTimersByTimeAsync(0);
  expect([election.isReady(), told]).toEqual([false, []]);
  await caughtUp();
  expect([election.isReady(), told]).toEqual([true, ['began']]);
});

test('who finds another one in its place has lost it', async () => {
  server.written({ holderIdentity: 'another', renewTime: 'now' });
  await vi.advanceTimersByTimeAsync(12_000);
  expect(told).toEqual(['leader.lost']);
  expect(election.isLeader()).toBe(false);
});
