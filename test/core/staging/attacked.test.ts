import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FileRequest } from '../../../src/core/files/files.ts';
import type { Stage, StageResult } from '../../../src/core/staging/stage.ts';
import {
  ATTACKS,
  type Attack,
  attack,
  makePlace,
  outsideOf,
  type Place,
  worthwhile,
} from '../../support/attacker.ts';
import {
  advance,
  emptyDirectory,
  endLives,
  readThrough,
  run,
  type SomeTask,
  tend,
} from '../../support/stages.ts';
import { eachWithDirectory, writtenVolume } from '../../support/volume.ts';

/**
 * Specification 5, *stage*: TARGET may be writable by others. Whatever they do between any two operations, nothing
 * outside of it changes, nothing is published but what was written, and in the end that is there or an error says why.
 */

const directory = eachWithDirectory('/dev/shm');

const OLD = { same: 'old', gone: 'old', 'sub/a': 'old' };
const NEW = { same: 'new', came: 'new', 'sub/a': 'new' };
const NAMES = worthwhile(['same', 'came', 'gone', 'sub']);

const PAIRS = ATTACKS.flatMap((kind) => NAMES.map((name) => [kind, name] as const));

const THOROUGH = process.env['REHUP_SOAK'] === '1';

/** What is done at an instant: to the very name that is asked for, and to another one. */
function attacksAt(at: number): readonly (readonly [Attack, string | undefined])[] {
  const kind = ATTACKS[at % ATTACKS.length] ?? 'link';
  const other = PAIRS[(at * 7) % PAIRS.length] ?? ['link', '..data'];
  return THOROUGH
    ? [...ATTACKS.map((one) => [one, undefined] as const), ...PAIRS]
    : [['link', undefined], [kind, undefined], other];
}

/** The operations by which a publication is looked at at its end: a link for each key, `..data`, its directory. */
const LOOK = 5;

type World = { readonly stage: Stage; readonly place: Place };

function inNewWorld(first: boolean, live: (world: World) => void): void {
  const root = mkdtempSync(join(directory.path, 'w-'));
  const volume = writtenVolume(join(root, 'source'), OLD);
  const stage = { source: volume.path, target: emptyDirectory(join(root, 'target')) };
  if (!first) advance(stage);
  volume.write(NEW);
  const place = makePlace(root, stage.target);
  const before = outsideOf(place);
  live({ stage, place });
  expect(outsideOf(place)).toEqual(before);
  endLives(stage.target);
  rmSync(root, { recursive: true });
}

/** A whole reload; each task does what the one before it left. */
function reload(
  stage: Stage,
  between: (request: FileRequest) => undefined,
  published: () => void = () => {},
): readonly StageResult[] {
  const results: StageResult[] = [];
  let generations: { readonly stage: Stage; readonly name: string }[] = [];
  for (const op of ['open', 'prepare', 'publish', 'keep'] as const) {
    const task: SomeTask = {
      open: { op: 'open', stages: [stage] },
      prepare: { op: 'prepare', copies: [{ stage, request: { path: stage.source } }] },
      publish: { op: 'publish', generations },
      keep: { op: 'keep', generations, newer: true },
    }[op] as SomeTask;
    const result = run(task, between);
    results.push(result);
    if (result.op === 'failed') expect(result.reason).toMatch(/^can't /);
    if (result.op === 'failed' || result.op === 'refused') break;
    if (result.op === 'published') published();
    if (result.op === 'prepared') generations = result.generations.map(({ name }) => ({ stage, name }));
  }
  return results;
}

/** What the application reads, by the names that it knows. */
function visible({ target }: Stage): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.keys(NEW).map((key) => {
      const path = join(target, key);
      return [key, existsSync(path) ? readFileSync(path, 'utf8') : undefined];
    }),
  );
}

/** Nobody attacks any more: the next looks find what is amiss, and show what was published; or say why not. */
function expectRight(stage: Stage): void {
  tend(stage.target);
  const left = tend(stage.target);
  if (left.some(({ failed }) => failed !== undefined)) return;
  expect(visible(stage)).toEqual(NEW);
  expect(readThrough(stage.target)).toEqual(NEW);
}

describe.each([
  ['the first content', true],
  ['new content', false],
])('%s that is staged', (_name, first) => {
  test('is published or refused, whatever is exchanged, planted, linked, removed or filled at any one operation', () => {
    let attacks = 0;
    let published = 0;
    for (let at = 0, met = true; met; at++) {
      met = false;
      for (const [kind, name] of attacksAt(at)) {
        inNewWorld(first, ({ stage, place }) => {
          let number = 0;
          const between = (request: FileRequest) => {
            if (number++ !== at) return undefined;
            met = true;
            const asked =
              name ?? (request.op === 'rename' ? request.to : 'path' in request ? request.path : '');
            if (NAMES.includes(asked) && attack(place, kind, asked)) attacks++;
            return undefined;
          };
          const results = reload(stage, between, () => {
            if (at < number - LOOK) expect(visible(stage)).toEqual(NEW);
          });
          if (results.some(({ op }) => op === 'published')) {
            published++;
            expectRight(stage);
          }
        });
      }
    }
    expect(attacks).toBeGreaterThan(200);
    expect(published).toBeGreaterThan(attacks / 3);
  }, 900_000);

  test('is published or refused, whatever is done between all operations', () => {
    let attacks = 0;
    for (let seed = 1; seed <= (THOROUGH ? 5_000 : 60); seed++) {
      inNewWorld(first, ({ stage, place }) => {
        let state = seed * 7919;
        let over = false;
        reload(stage, () => {
          state = (state * 48271) % 0x7fffffff;
          if (over || state % 5 !== 0) return undefined;
          const [kind, name]: readonly [Attack, string] = PAIRS[(state >> 8) % PAIRS.length] ?? [
            'link',
            '..data',
          ];
          if (attack(place, kind, name)) attacks++;
          return undefined;
        });
        over = true;
        // A new life takes the target, or says what is in its way.
        const opened = run({ op: 'open', stages: [stage] });
        if (opened.op === 'refused') expect(opened.text).toMatch(/was not put there|is no directory/);
        else {
          advance(stage);
          expectRight(stage);
        }
      });
    }
    expect(attacks).toBeGreaterThan(200);
  }, 900_000);
});
