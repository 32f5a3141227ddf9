import { describe, expect, test } from 'vitest';
import { digestOf } from '../../support/digests.ts';
import type { Payload } from '../../support/kubelet.ts';
import { type Fate, watchingWorld } from '../../support/watching-world.ts';

/** Specification 4.2 and 4.5 where a generation is copied file by file, stopped between any two operations. */

const EVENTS_ALONE: Fate = { takes: 0.1, poll: 0, paces: [0], failEvery: 0, errno: 'EIO', hints: 'at once' };
/** More than a copier is kept from its work, and less than its files must have been the same to count, ms. */
const MOMENT = 50;

const CHANGES: Readonly<Record<string, readonly [from: Payload, to: Payload]>> = {
  'new bytes': [{ k: 'one' }, { k: 'two' }],
  'two files': [
    { k: 'one', l: 'one' },
    { k: 'two', l: 'two' },
  ],
  'a key more': [{ k: 'one' }, { k: 'two', l: 'x' }],
  'a key more, and the others as they were': [{ k: 'one' }, { k: 'one', l: 'x' }],
  'a key less': [{ k: 'one', l: 'x' }, { k: 'two' }],
  'a key for another': [
    { k: 'one', l: 'x' },
    { k: 'two', m: 'x' },
  ],
  'files in a directory': [
    { 'sub/k': 'one', 'sub/l': 'one' },
    { 'sub/k': 'two', 'sub/l': 'two', 'sub/m': 'x' },
  ],
};

/** One write, stopped for a while after so many operations; answers whether there were as many. */
function stopped(from: Payload, to: Payload, operations: number, pause: number) {
  const world = watchingWorld([{ order: 'copier', first: from, payloads: [to] }], EVENTS_ALONE);
  try {
    const seen = () => world.lines.filter(({ event }) => event === 'config.changed');
    let more = true;
    for (let made = 0; made < operations && more; made++) more = world.steps();
    world.passes(pause);
    const early = more ? seen().length : 0;
    while (world.steps());
    // Until the last look that no event leads to.
    world.passes(30_000);
    const digests = seen().flatMap(({ fields }) =>
      Object.values(fields['digests'] as Readonly<Record<string, string>>),
    );
    const missing = world.lines.filter(({ event }) => event === 'watch.missing').length;
    return { more, early, digests, missing, signals: world.signals };
  } finally {
    world.dispose();
  }
}

describe.each(Object.entries(CHANGES))('a copier that writes %s', (_, [from, to]) => {
  test('and is stopped for a moment anywhere: nothing is told before it is done, and the last content once', () => {
    let operations = 0;
    for (let more = true; more; operations++) {
      const told = stopped(from, to, operations, MOMENT);
      const when = `after ${operations} operations`;
      expect(told.early, when).toBe(0);
      expect(told.digests, when).toEqual([digestOf(to)]);
      expect(told, when).toMatchObject({ signals: 1, missing: 0 });
      more = told.more;
    }
    expect(operations).toBeGreaterThan(8);
  });

  test('and is stopped for long: what vanished is missing, and the last content is told in the end', () => {
    for (let operations = 0, more = true; more; operations++) {
      const told = stopped(from, to, operations, 10_000);
      expect(told.digests.at(-1), `after ${operations} operations`).toBe(digestOf(to));
      // Of one file there is no half: its volume is missing while it has no link, one that leads nowhere, or no file.
      if (Object.keys(from).length === 1 && told.missing > 0) {
        expect(told, `after ${operations} operations`).toMatchObject({ early: 0, signals: 1 });
      }
      more = told.more;
    }
  });
});
