import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Reading, type ReadingRequest, readWatches } from '../../../src/core/files/reading.ts';
import { drive, inPieces } from '../../support/driver.ts';
import { createVolume, type Payload, type WriteOrder } from '../../support/kubelet.ts';

/** Specification 4.2 in every order: a writer is interleaved with looks, one file-system operation at a time. */

const RUNS = process.env['REHUP_SOAK'] === '1' ? 2_000 : 100;

/** More than any look here takes, but not much: so each look ends. */
const MANY_REQUESTS = 500;

/** What the volume holds before the writer begins; looks may begin before that, too. */
type Race = { readonly first: Payload | undefined; readonly watched: readonly string[] };

/** The volume, a file and a directory of it, which must be of the same generation. */
const SEVERAL: Race = { first: { a: 'first', 'sub/d': 'first' }, watched: ['', 'a', 'sub'] };
const FROM_NOTHING: Race = { first: undefined, watched: [''] };

/** The digest of each file of a watch by its path; none for what is missing. */
type Held = Readonly<Record<string, string>>;

/** Generations whose files are some the same in several, and some of bytes that no other generation has. */
const generations = fc
  .array(
    fc.dictionary(
      fc.constantFrom('a', 'b', 'c', 'sub/d', 'sub/e', 'sub/deep/f'),
      fc.constantFrom('same', 'own'),
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((all) => all.map((payload, index) => withOwnBytes(payload, index)));

/** How many operations the writer makes before the first request, and then before each one. */
const paces = fc.record({
  lead: fc.nat({ max: 12 }),
  each: fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 12 }),
  /** Whether a small volume, too, is read piece by piece, with the writer between any two. */
  pieces: fc.boolean(),
});

type Paces = { readonly lead: number; readonly each: readonly number[]; readonly pieces: boolean };

function withOwnBytes(payload: Readonly<Record<string, string>>, index: number): Payload {
  const entries = Object.entries(payload).map(([key, kind]) => [key, kind === 'own' ? `own ${index}` : kind]);
  return Object.fromEntries(entries);
}

/** What a watch on `name` holds in a generation. */
function expected(payload: Payload, name: string): Held {
  const found = Object.entries(payload).flatMap(([path, bytes]) => {
    const digest = createHash('sha256').update(bytes).digest('hex');
    if (name === '') return [[path, digest]];
    if (path === name) return [['', digest]];
    return path.startsWith(`${name}/`) ? [[path.slice(name.length + 1), digest]] : [];
  });
  return Object.fromEntries(found);
}

function held(reading: Reading): Held {
  if (reading.status === 'missing') return {};
  if (reading.status !== 'read') throw new Error(`not read: ${JSON.stringify(reading)}`);
  return Object.fromEntries([...reading.content.files].map(([path, { digest }]) => [path, digest]));
}

/** A writer of all generations, an operation a step, that knows which of them is the present one. */
function createWriter(path: string, order: WriteOrder, first: Payload | undefined, all: readonly Payload[]) {
  const volume = createVolume(path, { order });
  if (first !== undefined) volume.write(first);
  let current = 0;
  function* write(): Generator<void, void, void> {
    for (const [index, payload] of all.entries()) {
      const operations = volume.operations(payload);
      for (let next = operations.next(); next.done !== true; ) {
        yield;
        const { name } = next.value;
        next = operations.next();
        if (name === 'swap') current = index + 1;
      }
      current = index + 1;
    }
  }
  const steps = write();
  return {
    /** Which generation is the present one, counted from 1; 0 for what was there before. */
    current: () => current,
    /** Makes so many operations; false if there is nothing left to do. */
    step(count: number): boolean {
      let more = true;
      for (let made = 0; made < count && more; made++) more = steps.next().done !== true;
      return more;
    },
  };
}

type Look = {
  readonly readings: readonly Reading[];
  /** What the settled readings hold, by watch; undefined for one that is not settled, which promises nothing. */
  readonly settled: readonly (Held | undefined)[];
  /** The generations that were the present one while the look went on. */
  readonly from: number;
  readonly to: number;
  readonly requests: number;
};

/** Looks again and again, each look knowing what the last one found, until the writer is at rest, and then once more. */
function race(
  order: WriteOrder,
  { first, watched }: Race,
  all: readonly Payload[],
  { lead, each, pieces }: Paces,
) {
  const path = mkdtempSync(join(tmpdir(), 'rehup-'));
  try {
    const writer = createWriter(path, order, first, all);
    let more = writer.step(lead);
    let known: readonly ReadingRequest[] = watched.map((name) => ({ path: join(path, name) }));
    const looks: Look[] = [];
    let requests = 0;
    for (let last = false; !last; ) {
      last = !more;
      // Each generation is confirmed a second later, which tells of a copier that had not been done.
      if (last && order === 'copier') known = known.map(({ path: name }) => ({ path: name }));
      const from = writer.current();
      const before = requests;
      const readings = drive(
        readWatches(known, () => false),
        (request) => {
          writer.step(each[requests++ % each.length] ?? 0);
          return pieces ? inPieces(request) : undefined;
        },
      );
      const settled = readings.map((reading, index) => {
        if (reading.status === 'unchanged') return looks.at(-1)?.settled[index];
        return reading.status === 'read' && !reading.settled ? undefined : held(reading);
      });
      looks.push({ readings, settled, from, to: writer.current(), requests: requests - before });
      known = known.map((request, index) => withKnown(request, readings[index]));
      // At least one, so that this ends.
      more = writer.step(1);
    }
    return looks;
  } finally {
    rmSync(path, { recursive: true });
  }
}

function withKnown(request: ReadingRequest, reading: Reading | undefined): ReadingRequest {
  if (reading?.status === 'unchanged') return request;
  const { path } = request;
  return reading?.status === 'read' && reading.settled ? { path, known: reading.known } : { path };
}

/** The last look, at a writer at rest. */
function expectLast(looks: readonly Look[], payload: Payload, { watched }: Race): void {
  expect(looks.at(-1)?.settled).toEqual(watched.map((name) => expected(payload, name)));
}

describe.each(['links-last', 'links-first'] as const)('while a kubelet writes (%s)', (order) => {
  for (const [what, setting] of Object.entries({
    'of several watches on a volume': SEVERAL,
    'of a volume from before its first write on': FROM_NOTHING,
  })) {
    test(`settled readings ${what} are one generation, of the time of the look, and the last is read in the end`, () => {
      let tried = 0;
      let unchanged = 0;
      fc.assert(
        fc.property(generations, paces, (all, pace) => {
          const looks = race(order, setting, all, pace);
          const payloads = [setting.first ?? {}, ...all];
          for (const { readings, settled, from, to, requests } of looks) {
            // What is not settled is not compared.
            const possible = payloads
              .slice(from, to + 1)
              .map((payload) =>
                setting.watched.map((name, index) =>
                  settled[index] === undefined ? undefined : expected(payload, name),
                ),
              );
            expect(possible).toContainEqual(settled);
            expect(requests).toBeLessThan(MANY_REQUESTS);
            tried += from < to && settled.every((content) => content !== undefined) ? 1 : 0;
            unchanged += readings.some(({ status }) => status === 'unchanged') ? 1 : 0;
          }
          expectLast(looks, payloads.at(-1) ?? {}, setting);
        }),
        { numRuns: RUNS },
      );
      // So the promise was tried: by swaps under looks that came to an end, and by looks that cost one readlink.
      expect(tried).toBeGreaterThan(RUNS / 10);
      expect(unchanged).toBeGreaterThan(RUNS / 10);
    });
  }
});

describe('while a copier writes, which is no atomic writer', () => {
  test('a look ends, and the last payload is read once it is at rest', () => {
    fc.assert(
      fc.property(generations, paces, (all, pace) => {
        const looks = race('copier', SEVERAL, all, pace);
        for (const { requests } of looks) expect(requests).toBeLessThan(MANY_REQUESTS);
        expectLast(looks, all.at(-1) ?? {}, SEVERAL);
      }),
      { numRuns: RUNS },
    );
  });
});
