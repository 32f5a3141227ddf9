import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Files } from '../../../src/core/files/files.ts';
import { generationNumber, nextGeneration } from '../../../src/core/files/layout.ts';
import { createFiles } from '../../../src/node/files.ts';
import {
  advance,
  emptyDirectory,
  expected,
  keep,
  namesIn,
  open,
  prepare,
  publish,
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

/** So many names are told at a time. */
const PIECE = 500;

/** The real file system, on which a directory has this many names more, which are gone when they are looked at. */
function crowded(path: string, count: number): Files {
  const files = createFiles();
  const { identity } = statusOf(files, path);
  const left = new Map<number, number>();
  return {
    perform(request) {
      const answer = files.perform(request);
      if (request.op !== 'entries' || answer.op !== 'entries') return answer;
      if (request.anew) {
        const found = files.perform({ op: 'status', in: request.directory, path: '' });
        const here = found.op === 'status' && found.value.identity === identity;
        left.set(request.directory, here ? count : 0);
      }
      const rest = left.get(request.directory) ?? 0;
      const more = Array.from({ length: Math.min(rest, PIECE) }, (_, at) => `..rehup_${rest - at + 100}`);
      left.set(request.directory, rest - more.length);
      return { op: 'entries', value: [...answer.value, ...more] };
    },
  };
}

function statusOf(files: Files, path: string) {
  const answer = files.perform({ op: 'status', path, follow: true });
  if (answer.op !== 'status') throw new Error(`${path}: ${JSON.stringify(answer)}`);
  return answer.value;
}

test('150,000 names in a generation are an error of the target, and none of the engine', () => {
  const stage = newStage();
  advance(stage);
  const full = crowded(join(stage.target, '..rehup_1'), 150_000);
  const result = run({ op: 'open', stages: [stage] }, undefined, [], full);
  expect(expected('refused', result)).toMatchObject({ stage, text: expect.stringContaining('(EOVERFLOW)') });
});

test('150,000 names in a target are no hindrance', () => {
  const stage = newStage();
  advance(stage);
  const full = crowded(stage.target, 150_000);
  expect(run({ op: 'open', stages: [stage] }, undefined, [], full).op).toBe('opened');
  const copies = [{ stage, request: { path: stage.source } }];
  const result = run({ op: 'prepare', copies }, undefined, [], full);
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

  test('that is active is followed by 1, which is kept as the newer one', () => {
    const stage = newStage();
    mkdirSync(join(stage.target, LAST), { mode: 0o755 });
    symlinkSync(LAST, join(stage.target, '..data'));
    expect(open(stage).active?.name).toBe(LAST);
    expect(prepare(stage)).toBe('..rehup_1');
    run({ op: 'keep', generations: [{ stage, name: LAST }], newer: false });
    expect(namesIn(stage.target)).toEqual(['..data', '..good', '..rehup_1', LAST]);
    publish(stage, '..rehup_1');
    keep(stage, '..rehup_1');
    expect(namesIn(stage.target)).toEqual(['..data', '..good', '..rehup_1', 'a']);
  });
});

test('a name that somebody else has taken is passed over', () => {
  const stage = newStage();
  let planted = false;
  const name = prepare(stage, (request) => {
    // Between what removes such names and what makes one.
    if (request.op === 'mkdir' && !planted) {
      planted = true;
      mkdirSync(join(stage.target, '..rehup_1'));
    }
    return undefined;
  });
  expect(name).toBe('..rehup_2');
});

test('numbers go round', () => {
  expect(nextGeneration(undefined)).toBe('..rehup_1');
  expect(nextGeneration('..rehup_7')).toBe('..rehup_8');
  expect(nextGeneration('elsewhere')).toBe('..rehup_1');
  expect(nextGeneration(LAST)).toBe('..rehup_1');
});
