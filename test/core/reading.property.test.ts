import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Reading, readWatches } from '../../src/core/reading.ts';
import { drive } from '../support/driver.ts';
import { createVolume, type Operation, type Payload, type WriteOrder } from '../support/kubelet.ts';

/** Specification 4.2 in every order: a writer is interleaved with a reading, one file-system operation at a time. */

const RUNS = process.env['REHUP_SOAK'] === '1' ? 2_000 : 150;

const payloads = fc.array(
  fc.dictionary(fc.constantFrom('a', 'b', 'c', 'sub/d', 'sub/e'), fc.string({ maxLength: 3 }), {
    maxKeys: 5,
  }),
  { minLength: 2, maxLength: 4 },
);

function readNow(path: string): Reading | undefined {
  return drive(readWatches([{ path }], () => false))[0];
}

function digestOf(reading: Reading | undefined): string | undefined {
  return reading?.status === 'read' ? reading.content.digest : undefined;
}

/** The digest of each payload, from a volume of its own that is at rest. */
function digestsOf(all: readonly Payload[]): readonly (string | undefined)[] {
  return all.map((payload) => {
    const path = mkdtempSync(join(tmpdir(), 'rehup-'));
    createVolume(path).write(payload);
    const digest = digestOf(readNow(path));
    rmSync(path, { recursive: true });
    return digest;
  });
}

function* writing(path: string, order: WriteOrder, all: readonly Payload[]): Generator<Operation> {
  const volume = createVolume(path, { order });
  for (const payload of all) yield* volume.operations(payload);
}

/** Reads while the writer makes as many operations between two requests as the next of the paces says. */
function race(order: WriteOrder, all: readonly Payload[], paces: readonly number[]) {
  const path = mkdtempSync(join(tmpdir(), 'rehup-'));
  try {
    createVolume(path, { order }).write(all[0] ?? {});
    const writer = writing(path, order, all.slice(1));
    let requests = 0;
    const between = (_: unknown, count: number) => {
      requests = count;
      for (let pace = paces[count % paces.length] ?? 0; pace > 0; pace--) writer.next();
      return undefined;
    };
    const [during] = drive(
      readWatches([{ path }], () => false),
      between,
    );
    for (const operation of writer) void operation;
    return { during, after: readNow(path), requests };
  } finally {
    rmSync(path, { recursive: true });
  }
}

for (const order of ['links-last', 'links-first'] as const) {
  test(`a settled reading is one generation and never a mix, and it ends (${order})`, () => {
    let settled = 0;
    const paces = fc.array(fc.nat(6), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(payloads, paces, (all, pace) => {
        const { during, after, requests } = race(order, all, pace);
        const digests = digestsOf(all);
        expect(requests).toBeLessThan(1_000);
        expect(after).toMatchObject({ status: 'read', settled: true });
        expect(digestOf(after)).toBe(digests.at(-1));
        if (during?.status !== 'read') throw new Error(`not read: ${JSON.stringify(during)}`);
        if (!during.settled) return;
        settled += 1;
        expect(digests).toContain(digestOf(during));
      }),
      { numRuns: RUNS },
    );
    // So the promise was tried.
    expect(settled).toBeGreaterThan(RUNS / 10);
  });
}

test('a copier that is no atomic writer is read rightly once it is at rest, and the reading ends', () => {
  const paces = fc.array(fc.nat(6), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(payloads, paces, (all, pace) => {
      const { after, requests } = race('copier', all, pace);
      expect(requests).toBeLessThan(1_000);
      expect(digestOf(after)).toBe(digestsOf(all).at(-1));
    }),
    { numRuns: RUNS },
  );
});
