import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../support/digests.ts';
import { type Fate, type Written, watchingWorld } from '../../support/watching-world.ts';

/**
 * Specification 4.2 to 4.4 in every order: writers, failures and events that come late, doubled, lost or as others, between
 * any two requests of the engine. What came to rest is told, each thing told is one generation, and none is told twice.
 */

const RUNS = process.env['REHUP_SOAK'] === '1' ? 5_000 : 150;

const payloads = fc.array(
  fc.dictionary(fc.constantFrom('k', 'l', 'm', 'sub/n'), fc.constantFrom('one', 'two', 'three'), {
    minKeys: 1,
  }),
  { minLength: 1, maxLength: 4 },
);

const fates: fc.Arbitrary<Fate> = fc
  .record({
    paces: fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 9 }),
    failEvery: fc.constantFrom(0, 0, 7, 23),
    errno: fc.constantFrom('EIO', 'EACCES', 'ENOENT', 'EMFILE'),
    hints: fc.constantFrom('at once' as const, 'late' as const, 'twice' as const, 'never' as const),
  })
  // Where no event ever comes there must be a poll; nor does one come when what failed would work again.
  .map((fate) => ({ ...fate, poll: fate.hints === 'never' || fate.failEvery > 0 ? 10_000 : 0, takes: 1 }));

const choices = fc.array(fc.nat(0xfff), { maxLength: 60, size: 'max' });

type Life = { readonly signals: number; readonly changes: number };

/** Leads one life, and checks the promises. */
function live(volumes: readonly Written[], fate: Fate, happenings: readonly number[], torn: boolean): Life {
  const world = watchingWorld(volumes, fate);
  try {
    for (const choice of happenings) world.happens(choice);
    // Where events come as they should, they alone do it.
    world.rests(fate.hints === 'at once' && fate.failEvery === 0 && !torn ? 'relook' : undefined);
    const told = world.paths.map((path) => ({ path, digests: [digestOf({ k: 'first' })] }));
    for (const { event, fields } of world.lines) {
      expect(event).not.toBe('rehup.internal_error');
      if (event !== 'config.changed') continue;
      for (const [path, digest] of Object.entries(fields['digests'] as Readonly<Record<string, string>>)) {
        told.find((one) => one.path === path)?.digests.push(digest);
      }
    }
    let changes = 0;
    for (const [index, { digests }] of told.entries()) {
      const all = [{ k: 'first' }, ...(volumes[index]?.payloads ?? [])].map(digestOf);
      expect(digests.at(-1), `the last content of ${index} is told`).toBe(all.at(-1));
      if (!torn) for (const digest of digests) expect(all, 'one generation').toContain(digest);
      changes += all.filter((digest, at) => at > 0 && digest !== all[at - 1]).length;
    }
    if (!torn) expect(world.signals).toBeLessThanOrEqual(changes);
    return { signals: world.signals, changes };
  } finally {
    world.dispose();
  }
}

describe('what comes to rest is told, whole and once', () => {
  test('of two kubelet volumes, written in both orders', { timeout: 900_000 }, () => {
    let signals = 0;
    fc.assert(
      fc.property(payloads, payloads, fates, choices, (one, two, fate, happenings) => {
        const volumes: readonly Written[] = [
          { order: 'links-last', payloads: one },
          { order: 'links-first', payloads: two },
        ];
        signals += live(volumes, fate, happenings, false).signals;
      }),
      { numRuns: RUNS },
    );
    // So there was something to be told.
    expect(signals).toBeGreaterThan(RUNS);
  });

  test('of a copier, which is no atomic writer, in the end', { timeout: 900_000 }, () => {
    fc.assert(
      fc.property(payloads, fates, choices, (all, fate, happenings) => {
        live([{ order: 'copier', payloads: all }], fate, happenings, true);
      }),
      { numRuns: RUNS },
    );
  });
});
