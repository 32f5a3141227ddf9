import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FileAnswer, FileRequest } from '../../../src/core/files/files.ts';
import type { Stage, StageResult } from '../../../src/core/staging/stage.ts';
import type { Payload } from '../../support/kubelet.ts';
import {
  advance,
  countingFiles,
  emptyDirectory,
  endLives,
  namesIn,
  open,
  readThrough,
  run,
  type SomeTask,
  treeAt,
} from '../../support/stages.ts';
import { eachWithDirectory, writtenVolume } from '../../support/volume.ts';

/** Specification 5, *stage*: whole old or whole new content, whatever happens between any two operations. */

/** In memory, where what is synced to the disk thousands of times takes no time. */
const directory = eachWithDirectory('/dev/shm');

/** A key that stays, one that goes, one that comes, and a directory. */
const OLD = { same: 'old', gone: 'old', 'sub/a': 'old', 'sub/b': 'old' };
const NEW = { same: 'new', came: 'new', 'sub/a': 'new', 'sub/c': 'new' };

/** Of first crashes with another one in the clean-up, so many are tried. */
const STRIDE = process.env['REHUP_SOAK'] === '1' ? 1 : 71;

class Crash extends Error {}

type World = { readonly root: string; readonly stage: Stage; readonly write: (payload: Payload) => void };

/** A target with OLD as its good generation, or none, and NEW in the source. */
function newWorld(first: boolean): World {
  const root = mkdtempSync(join(directory.path, 'w-'));
  const volume = writtenVolume(join(root, 'source'), OLD);
  const stage = { source: volume.path, target: emptyDirectory(join(root, 'target')) };
  if (!first) advance(stage);
  volume.write(NEW);
  return { root, stage, write: (payload) => volume.write(payload) };
}

function inNewWorld(first: boolean, live: (world: World) => void): void {
  const world = newWorld(first);
  live(world);
  endLives(world.stage.target);
  rmSync(world.root, { recursive: true });
}

/** A whole reload; the name of its generation is known beforehand. */
function tasks(stage: Stage, first: boolean): readonly SomeTask[] {
  const generations = [{ stage, name: first ? '..rehup_1' : '..rehup_2' }];
  return [
    { op: 'open', stages: [stage] },
    { op: 'prepare', copies: [{ stage, request: { path: stage.source } }] },
    { op: 'publish', generations },
    { op: 'keep', generations, newer: true },
  ];
}

/** Does the tasks; `at` is called before each operation, with its number over all of them. */
function lead(
  list: readonly SomeTask[],
  at: (number: number, request: FileRequest) => FileAnswer | undefined,
): void {
  let number = 0;
  for (const task of list) run(task, (request) => at(number++, request));
}

function crashAt(last: number): (number: number) => undefined {
  return (number) => {
    if (number === last) throw new Crash();
    return undefined;
  };
}

/** Whether all is done; false if it crashed. */
function survives(live: () => void): boolean {
  try {
    live();
    return true;
  } catch (error) {
    if (error instanceof Crash) return false;
    throw error;
  }
}

/** What is seen by opening `..data` once, which is never anything else than the one or the other. */
function expectWhole(target: string, first: boolean): void {
  expect([first ? undefined : OLD, NEW].map((payload) => JSON.stringify(sorted(payload)))).toContain(
    JSON.stringify(readThrough(target)),
  );
}

function sorted(payload: Payload | undefined): Payload | undefined {
  return payload === undefined ? undefined : Object.fromEntries(Object.entries(payload).sort());
}

/** A target that was opened again holds what its links name, and nothing else. */
function expectClean({ target }: Stage): void {
  const { active, good } = open({ source: '/nowhere', target });
  const present = active === undefined ? [] : readdirSync(join(target, active.name));
  const generations = new Set([active?.name, good?.name].filter((name) => name !== undefined));
  expect(namesIn(target)).toEqual(
    [
      ...(active === undefined ? [] : ['..data']),
      ...(good === undefined ? [] : ['..good']),
      ...generations,
      ...present,
    ].sort(),
  );
  for (const name of [active?.name, good?.name]) {
    if (name === undefined) continue;
    expect([JSON.stringify(sorted(OLD)), JSON.stringify(NEW_TEXT)]).toContain(
      JSON.stringify(treeAt(join(target, name))),
    );
  }
}

const NEW_TEXT = sorted(NEW);

describe.each([
  ['the first content', true],
  ['new content', false],
])('a crash while %s is staged', (_name, first) => {
  test('at any operation leaves whole content, and the next start cleans up and goes on', () => {
    let crashed = 0;
    for (let last = 0; ; last++) {
      let over = false;
      inNewWorld(first, ({ stage }) => {
        over = survives(() => lead(tasks(stage, first), crashAt(last)));
        expectWhole(stage.target, first);
        expectClean(stage);
        expectWhole(stage.target, first);
        advance(stage);
        expect(treeAt(join(stage.target, readlinkSync(join(stage.target, '..data'))))).toEqual(NEW);
      });
      if (over) break;
      crashed++;
    }
    expect(crashed).toBeGreaterThan(80);
  });

  test('at any operation, and another one at any operation of the clean-up, leave whole content', () => {
    for (let last = 0; ; last += STRIDE) {
      let over = false;
      for (let again = 0; ; again++) {
        let cleaned = false;
        inNewWorld(first, ({ stage }) => {
          over = survives(() => lead(tasks(stage, first), crashAt(last)));
          cleaned = survives(() => {
            run({ op: 'open', stages: [stage] }, (_request, number) => crashAt(again)(number));
          });
          expectWhole(stage.target, first);
          expectClean(stage);
        });
        if (cleaned) break;
      }
      if (over) break;
    }
  }, 600_000);
});

test('a reader that opens ..data once and then reads key by key never sees a mix, in a roll-back neither', () => {
  for (let start = 0; start < 8; start++) {
    inNewWorld(false, ({ stage }) => {
      let root: string | undefined;
      let seen: Record<string, string> = {};
      let left: string[] = [];
      const whole: string[] = [];
      const [opening, copying, publishing, keeping] = tasks(stage, false);
      const back = { op: 'publish', generations: [{ stage, name: '..rehup_1' }] } as const;
      const all = [opening, copying, publishing, back, publishing, keeping].filter(
        (task) => task !== undefined,
      );
      lead(all, (number) => {
        if (number < start) return undefined;
        if (root === undefined || left.length === 0) {
          if (root !== undefined) whole.push(JSON.stringify(seen));
          root = join(stage.target, readlinkSync(join(stage.target, '..data')));
          left = Object.keys(treeAt(root));
          seen = {};
        }
        const key = left.shift() ?? '';
        try {
          seen[key] = readFileSync(join(root, key), 'utf8');
        } catch {
          // Removed under the reader, which opens anew.
          root = undefined;
        }
        return undefined;
      });
      const possible = [OLD, NEW].map((payload) => JSON.stringify(sorted(payload)));
      expect(whole.length).toBeGreaterThan(10);
      for (const text of whole) expect(possible).toContain(text);
    });
  }
});

/** Operations that need room. */
const ALLOCATING = ['symlink', 'mkdir', 'create', 'copy'];
/** Operations that fail only by a mistake of the program. */
const SAFE = ['digest', 'digest-bytes', 'digest-of', 'digest-end', 'close'];

describe('an operation that fails', () => {
  function everyFailure(
    first: boolean,
    fails: (number: number, at: number, request: FileRequest) => FileAnswer | undefined,
    after: (world: World, results: readonly StageResult[]) => void,
  ): void {
    for (let at = 0; ; at++) {
      let met = false;
      inNewWorld(first, (world) => {
        const { stage } = world;
        const { files, held } = countingFiles();
        const results: StageResult[] = [];
        let number = 0;
        for (const task of tasks(stage, first)) {
          const result = run(
            task,
            (request) => {
              if (number >= at) met = true;
              return fails(number++, at, request);
            },
            [],
            files,
          );
          results.push(result);
          expectWhole(stage.target, first);
          if (task.op === 'publish' && result.op === 'failed' && results.at(-2)?.op === 'prepared') {
            expect(readThrough(stage.target)).toEqual(first ? undefined : OLD);
          }
          if (result.op === 'failed' || result.op === 'refused') break;
        }
        endLives(stage.target);
        expect(held()).toBe(0);
        after(world, results);
      });
      if (!met) return;
    }
  }

  test.each(['ENOSPC', 'EROFS', 'EIO'])(
    'once, with %s: the old content stays, and all is well afterwards',
    (errno) => {
      for (const first of [true, false]) {
        let failures = 0;
        everyFailure(
          first,
          (number, at, { op }) => (number === at && !SAFE.includes(op) ? { op: 'error', errno } : undefined),
          ({ stage }, results) => {
            const last = results.at(-1);
            if (last?.op === 'failed') {
              failures++;
              expect(last.reason).toContain(errno);
              // What can't be read of a source is for the next look to tell.
              expect(last.lasting).toBe(errno === 'EROFS' && !last.reason.includes(` of ${stage.source}`));
              if (results.length === 2) {
                expect(namesIn(stage.target)).not.toContain(first ? '..rehup_1' : '..rehup_2');
              }
            }
            expectClean(stage);
            advance(stage);
            expect(readThrough(stage.target)).toEqual(NEW_TEXT);
          },
        );
        expect(failures).toBeGreaterThan(40);
      }
    },
  );

  test.each(['ENOSPC', 'EDQUOT'])(
    'for want of room (%s), from any operation on: the old content stays',
    (errno) => {
      for (const first of [true, false]) {
        everyFailure(
          first,
          (number, at, { op }) =>
            number >= at && ALLOCATING.includes(op) ? { op: 'error', errno } : undefined,
          ({ stage }) => {
            expectClean(stage);
          },
        );
      }
    },
  );
});
