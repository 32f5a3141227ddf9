import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Files } from '../../../src/core/files/files.ts';
import { generationNumber, isNewer, nextGeneration } from '../../../src/core/files/layout.ts';
import { createFiles } from '../../../src/node/files.ts';
import {
  advance,
  emptyDirectory,
  expected,
  keep,
  namesIn,
  open,
  prepare,
  run,
} from '../../support/stages.ts';
import { eachWithDirectory, writtenVolume } from '../../support/volume.ts';

/** Names that others put into a target: no number of them, and none of their numbers, is more than rehup can take. */

const directory = eachWithDirectory();
const LAST = '..rehup_999999999999999';

function newStage() {
  const source = join(directory.path, 'source');
  writtenVolume(source, { a: '1' });
  return { source, target: emptyDirectory(join(directory.path, 'target')) };
}

/** The real file system, on which a directory has this many names more, which are gone when they are looked at. */
function crowded(path: string, count: number): Files {
  const files = createFiles();
  const more = Array.from({ length: count }, (_, index) => `..rehup_${index + 100}`);
  return {
    perform(request) {
      const answer = files.perform(request);
      const here = answer.op === 'names' && request.op === 'names' && request.path === path;
      return here ? { op: 'names', value: [...answer.value, ...more] } : answer;
    },
  };
}

test('150,000 names in a generation are an error of the target, and none of the engine', () => {
  const stage = newStage();
  advance(stage);
  const full = crowded(join(stage.target, '..rehup_1'), 150_000);
  const result = run({ op: 'open', stages: [stage] }, undefined, [], full);
  expect(expected('refused', result).text).toContain('(ENOENT)');
});

test('150,000 names in a target are no hindrance', () => {
  const stage = newStage();
  advance(stage);
  const copies = [{ stage, request: { path: stage.source } }];
  const result = run({ op: 'prepare', copies }, undefined, [], crowded(stage.target, 150_000));
  expect(expected('prepared', result).generations[0]?.name).toBe('..rehup_2');
});

describe('the highest number that is one', () => {
  test('planted in a target leads to none that the next start would not know', () => {
    const stage = newStage();
    advance(stage);
    mkdirSync(join(stage.target, LAST));
    const name = prepare(stage);
    expect(generationNumber(name)).toBeDefined();
    expect(namesIn(stage.target)).not.toContain(LAST);
    expect(open(stage).active?.name).toBe('..rehup_1');
  });

  test('that a link was made to lead to is followed by 1, which is kept as the newer one', () => {
    const stage = newStage();
    mkdirSync(join(stage.target, LAST));
    symlinkSync(LAST, join(stage.target, '..data'));
    expect(prepare(stage)).toBe('..rehup_1');
    run({ op: 'keep', generations: [{ stage, name: LAST }], newer: false });
    expect(namesIn(stage.target)).toEqual(['..data', '..good', '..rehup_1', LAST]);
    keep(stage, LAST);
    expect(namesIn(stage.target)).toEqual(['..data', '..good', LAST]);
  });
});

test('numbers go round', () => {
  expect(nextGeneration(undefined, [])).toBe('..rehup_1');
  expect(nextGeneration('..rehup_7', ['..rehup_8', LAST])).toBe('..rehup_9');
  expect(nextGeneration('elsewhere', ['..rehup_1'])).toBe('..rehup_2');
  expect(nextGeneration(LAST, ['..rehup_1'])).toBe('..rehup_2');
  expect([isNewer(2, 1), isNewer(1, 1), isNewer(1, 2), isNewer(1, 999_999_999_999_999)]).toEqual([
    true,
    false,
    false,
    true,
  ]);
  expect(isNewer(999_999_999_999_999, 5)).toBe(false);
});
