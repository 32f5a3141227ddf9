import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Reading } from '../../../src/core/files/outcome.ts';
import { counts, type Place } from '../../../src/core/files/places.ts';
import { readOne } from '../../support/reading.ts';

/**
 * Links beside, below and in the way of a watch, in chains and rings, swapped and renamed at random: each change of what an
 * application sees is found, and told by an event; none is found where nothing has changed.
 */

const RUNS = process.env['REHUP_SOAK'] === '1' ? 3_000 : 25;
const DIRECTORIES = ['w', 'w/a', 'w/b', 'w/a/c', 'o', 'o/d', 'o/d/e'];
const TARGETS = [
  'a',
  'b',
  '../a',
  '../b',
  'c',
  'l',
  'm',
  '../l',
  '.',
  '..',
  'none',
  'f',
  '/w',
  '/w/a',
  '/o/d',
  '/o/d/l',
  '/o/f',
];

const operations = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constant('write'),
        directory: fc.constantFrom(...DIRECTORIES),
        name: fc.constantFrom('f', 'g'),
        text: fc.constantFrom('1', '2'),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        op: fc.constant('link'),
        directory: fc.constantFrom(...DIRECTORIES),
        name: fc.constantFrom('l', 'm'),
        text: fc.constantFrom(...TARGETS),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        op: fc.constant('remove'),
        directory: fc.constantFrom(...DIRECTORIES),
        name: fc.constantFrom('f', 'g', 'l', 'm'),
        text: fc.constant(''),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        op: fc.constant('move'),
        directory: fc.constantFrom(...DIRECTORIES),
        name: fc.constant(''),
        text: fc.constant(''),
      }),
    },
  ),
  { minLength: 4, maxLength: 14 },
);

type Operation = {
  readonly op: string;
  readonly directory: string;
  readonly name: string;
  readonly text: string;
};

/** What inotify(7) tells of an operation: a name in a directory, and what happened to the thing itself. */
type Told = {
  readonly directory: string;
  readonly name: string;
  readonly what: 'name' | 'content';
  readonly self?: string;
};

/** Does it, where that is possible at the moment. */
function perform(root: string, { op, directory, name, text }: Operation): readonly Told[] {
  try {
    const place = join(root, directory);
    if (op === 'move') {
      const to = join(dirname(place), 'z');
      const [from, target] = isThere(place) ? [place, to] : [to, place];
      if (isThere(target)) return [];
      const parent = realpathSync(dirname(place));
      renameSync(from, target);
      const moved = {
        directory: parent,
        what: 'name',
        self: join(parent, from.slice(from.lastIndexOf('/') + 1)),
      } as const;
      return [from, target].map((path) => ({ ...moved, name: path.slice(path.lastIndexOf('/') + 1) }));
    }
    const real = realpathSync(place);
    const path = join(real, name);
    if (op === 'write') {
      const isNew = !isThere(path);
      writeFileSync(path, text);
      return [{ directory: real, name, what: isNew ? 'name' : 'content', self: path }];
    }
    if (op === 'remove') rmSync(path);
    else {
      symlinkSync(text.startsWith('/') ? join(root, text) : text, join(root, 'tmp'));
      renameSync(join(root, 'tmp'), path);
    }
    return [{ directory: real, name, what: 'name', self: path }];
  } catch (error) {
    // A directory that was moved, or a name that is not there.
    if (!(error instanceof Error && 'code' in error)) throw error;
    rmSync(join(root, 'tmp'), { force: true });
    return [];
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

type View = { readonly files: string; readonly whole: string };

/** What an application sees below a path: each file by each of its names; and which directories these names lead to. */
function viewOf(path: string): View {
  const files: string[] = [];
  const directories: string[] = [];
  function walk(at: string, name: string, above: readonly string[]): void {
    let real: string;
    try {
      real = realpathSync(at);
    } catch {
      return;
    }
    if (statSync(real).isFile()) files.push(`${name}: ${readFileSync(real, 'utf8')}`);
    else {
      directories.push(`${name}: ${real}`);
      if (above.includes(real) || above.length > 5) return;
      for (const entry of readdirSync(real).sort())
        walk(join(real, entry), `${name}/${entry}`, [...above, real]);
    }
  }
  walk(path, '', []);
  return { files: files.join('\n'), whole: [...files, ...directories].join('\n') };
}

const digestOf = (reading: Reading) => (reading.status === 'read' ? reading.content.digest : reading.status);

/** The places that a reading has watched, by where they lead to at the time: inotify(7) watches what is there. */
function armed(reading: Reading): readonly (readonly [string, Place])[] {
  if (!('places' in reading)) return [];
  return [...reading.places].flatMap(([path, place]) =>
    isThere(path) ? [[realpathSync(path), place] as const] : [],
  );
}

function isTold(places: readonly (readonly [string, Place])[], told: readonly Told[]): boolean {
  return told.some(({ directory, name, what, self }) =>
    places.some(([real, place]) => {
      if (real === self && (place.kind === 'file' || what === 'name')) return true;
      const kinds = what === 'name' ? ['tree', 'names'] : ['tree'];
      return real === directory && kinds.includes(place.kind) && counts(place, name, () => false);
    }),
  );
}

test.each(['w', 'w/l', 'w/l/f', 'w/a/c'])('a watch on %s', (watched) => {
  fc.assert(
    fc.property(operations, (all) => {
      const root = realpathSync(mkdtempSync(join(tmpdir(), 'rehup-links-')));
      try {
        for (const directory of DIRECTORIES) mkdirSync(join(root, directory), { recursive: true });
        for (const directory of ['w', 'w/a', 'w/a/c', 'o/d']) writeFileSync(join(root, directory, 'f'), '0');
        symlinkSync('a', join(root, 'w/l'));
        const path = join(root, watched);
        let before = readOne(path);
        let seen = viewOf(path);
        let places = armed(before);
        for (const operation of all) {
          const told = perform(root, operation);
          const [after, sees] = [readOne(path), viewOf(path)];
          const what = JSON.stringify(operation);
          if (sees.files !== seen.files) {
            expect(digestOf(after), `missed: ${what}`).not.toBe(digestOf(before));
            if (before.status === 'read' || before.status === 'missing')
              expect(isTold(places, told), `not told: ${what}`).toBe(true);
          }
          if (sees.whole === seen.whole)
            expect(digestOf(after), `for nothing: ${what}`).toBe(digestOf(before));
          [before, seen, places] = [after, sees, armed(after)];
        }
      } finally {
        rmSync(root, { recursive: true });
      }
    }),
    { numRuns: RUNS },
  );
});
