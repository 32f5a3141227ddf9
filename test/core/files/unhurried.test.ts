import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Content } from '../../../src/core/files/content.ts';
import type { FileSteps } from '../../../src/core/files/files.ts';
import { readWatches } from '../../../src/core/files/reading.ts';
import { changedPaths, foreseeChange } from '../../../src/core/files/snapshot.ts';
import { sortedStrings } from '../../../src/core/files/unhurried.ts';
import { plan } from '../../../src/core/reload/plan.ts';
import { watch } from '../../support/given.ts';
import { scenario } from '../../support/scenario.ts';

/** What is done to long lists (specification 4.9): right, and with pauses. */

/** Leads something to its end that asks for no file; tells how often others could go on. */
function led<Value>(steps: FileSteps<Value>): { readonly value: Value; readonly pauses: number } {
  for (let pauses = 0, next = steps.next(); ; pauses++, next = steps.next({ op: 'pause' })) {
    if (next.done === true) return { value: next.value, pauses };
    expect(next.value.op).toBe('pause');
  }
}

const names = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '/', '.', '\xff'), maxLength: 4 }), {
  maxLength: 2_000,
});

test('strings are sorted by their bytes, however many there are', () => {
  fc.assert(
    fc.property(names, (list) => {
      expect(led(sortedStrings(list)).value).toEqual([...list].sort());
    }),
  );
  const { value, pauses } = led(
    sortedStrings(Array.from({ length: 10_000 }, (_, index) => `${(index * 7919) % 10_007}`)),
  );
  expect(new Set(value).size).toBe(10_000);
  expect(pauses).toBeGreaterThan(400);
});

type Files = readonly (readonly [path: string, digest: string])[];

function content(files: Files): Content {
  const sorted = [...new Map(files)].sort(([one], [other]) => (one < other ? -1 : 1));
  return {
    digest: JSON.stringify(sorted),
    files: new Map(sorted.map(([path, digest]) => [path, { size: 1, digest }])),
    keyed: false,
  };
}

describe('what changed', () => {
  const files = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'c/d', 'e.f'), fc.constantFrom('1', '2')));

  test('is what differs, for one watch and for several', () => {
    fc.assert(
      fc.property(files, files, files, files, (one, two, three, four) => {
        const from = new Map([
          ['/v', content(one)],
          ['/v/c', content(two)],
        ]);
        const to = new Map([
          ['/v', content(three)],
          ['/v/c', content(four)],
        ]);
        const expected = new Set<string>();
        for (const [path, before] of from) {
          const after = to.get(path)?.files;
          for (const file of [...before.files.keys(), ...(after?.keys() ?? [])]) {
            if (before.files.get(file)?.digest !== after?.get(file)?.digest) expected.add(`${path}/${file}`);
          }
        }
        expect(changedPaths(from, to)).toEqual([...expected].sort());
        expect(changedPaths(from, to)).toEqual([...expected].sort());
        expect(changedPaths(from, from)).toEqual([]);
      }),
    );
  });

  test('is found out with pauses when it is read, and once', () => {
    const many = (digest: string) =>
      content(Array.from({ length: 5_000 }, (_, index): [string, string] => [`${index}`, digest]));
    const [before, after] = [many('1'), many('2')];
    expect(led(foreseeChange('/v', before, after)).pauses).toBeGreaterThan(30);
    const paths = changedPaths(new Map([['/v', before]]), new Map([['/v', after]]));
    expect(paths).toHaveLength(5_000);
    expect(changedPaths(new Map([['/v', before]]), new Map([['/v', after]]))).toBe(paths);
  });

  test('concerns the most specific watch, whatever lies beside and between', () => {
    const watches = [
      watch('/v', 'restart'),
      watch('/v/c', 'SIGHUP'),
      watch('/v/c/d', 'SIGUSR1'),
      watch('/', 'exit'),
    ];
    const actions = (...changed: readonly string[]) => {
      const run = scenario({ watches });
      const { configuration } = run.state;
      const told = new Map([['/', content([])]]);
      const seen = new Map([['/', content(changed.map((path) => [path, '1']))]]);
      const state = { ...run.state, configuration: { ...configuration, told, seen } };
      return plan(state, seen).actions.map((action) => ('signal' in action ? action.signal : action.kind));
    };
    expect(actions('v/c/x')).toEqual([1]);
    expect(actions('v/c')).toEqual([1]);
    expect(actions('v/c/d')).toEqual([10]);
    expect(actions('v/c-d', 'v/c.d/e', 'v/c/d/e')).toEqual(['restart']);
    expect(actions('v/c/d/e', 'v/c/e')).toEqual([1, 10]);
    expect(actions('v/c!', 'w')).toEqual(['exit']);
  });
});

test('mounts are looked for with a pause for each watch, when all that is asked of the host is known', () => {
  const requests = Array.from({ length: 100 }, (_, index) => ({ path: `/v/${index}`, mounts: true }));
  const steps = readWatches(requests, () => false);
  let pauses = 0;
  for (let next = steps.next(); next.done !== true; ) {
    const { value: request } = next;
    if (request.op === 'pause') pauses += 1;
    const nothing = { op: 'error', errno: 'ENOENT' } as const;
    next = steps.next(request.op === 'pause' ? request : nothing);
  }
  expect(pauses).toBeGreaterThanOrEqual(100);
});
