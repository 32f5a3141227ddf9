import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Stage } from '../../../src/core/staging/stage.ts';
import { NOBODY } from '../../support/machine.ts';
import { needing } from '../../support/needing.ts';
import {
  advance,
  emptyDirectory,
  expected,
  namesIn,
  open,
  prepare,
  publish,
  run,
  tend,
} from '../../support/stages.ts';
import { eachWithDirectory, writtenVolume } from '../../support/volume.ts';

/** Specification 5, *stage*: what is known of a target in a later life, and what is not rehup's to remove. */

const directory = eachWithDirectory();
const at = (name: string) => join(directory.path, name);

function newStage(): { readonly stage: Stage; readonly write: (key: string) => void } {
  const volume = writtenVolume(at('source'), { key: 'good' });
  const stage = { source: volume.path, target: emptyDirectory(at('target')) };
  return { stage, write: (key) => volume.write({ key }) };
}

/** Whether what the source holds is what failed before. */
function failedBefore(stage: Stage): boolean | undefined {
  const copies = [{ stage, request: { path: stage.source } }];
  return expected('prepared', run({ op: 'prepare', copies })).failedBefore;
}

describe('content that failed', () => {
  function failing() {
    const { stage, write } = newStage();
    advance(stage);
    write('a secret that fails');
    const name = prepare(stage);
    publish(stage, name);
    expected('noted', run({ op: 'fail', generations: [{ stage, name }] }));
    publish(stage, '..rehup_1');
    return { stage, write };
  }
  const record = () => at('target/..record');

  test('is known in a later life, by a file that nobody else may read and that does not hold it', () => {
    const { stage, write } = failing();
    expect(lstatSync(record()).mode & 0o777).toBe(0o600);
    expect(readFileSync(record(), 'utf8')).not.toContain('secret');
    expect(open(stage)).toMatchObject({ active: { name: '..rehup_1' }, good: { name: '..rehup_1' } });
    expect(failedBefore(stage)).toBe(true);
    write('other');
    expect(failedBefore(stage)).toBe(false);
    // A digest without the key would be the same in each target.
    const [first] = readFileSync(record(), 'utf8').match(/failed [0-9a-f]{64}/) ?? [];
    const other = { source: stage.source, target: emptyDirectory(at('other')) };
    write('a secret that fails');
    const name = prepare(other);
    run({ op: 'fail', generations: [{ stage: other, name }] });
    expect(readFileSync(at('other/..record'), 'utf8')).toMatch(/failed [0-9a-f]{64}/);
    expect(first).toBeDefined();
  });

  test('is forgotten once it does well', () => {
    const { stage } = failing();
    advance(stage);
    expect(existsSync(record())).toBe(false);
    open(stage);
    expect(failedBefore(stage)).toBe(false);
  });

  test('is not believed of a file that others may write, that is none, or that is of another version', () => {
    for (const change of [
      () => chmodSync(record(), 0o666),
      () => {
        renameSync(record(), at('moved'));
        symlinkSync(at('moved'), record());
      },
      () => writeFileSync(record(), readFileSync(record(), 'utf8').replace('stage 1', 'stage 2')),
    ]) {
      rmSync(at(''), { recursive: true });
      mkdirSync(at(''));
      const { stage } = failing();
      change();
      open(stage);
      expect(failedBefore(stage)).toBe(false);
      expected('noted', run({ op: 'fail', generations: [{ stage, name: '..rehup_2' }] }));
      expect(lstatSync(record()).isFile()).toBe(true);
    }
  });

  needing(NOBODY)('is not believed of a file of another user', () => {
    const { stage } = failing();
    lchownSync(record(), 65_534, 65_534);
    open(stage);
    expect(failedBefore(stage)).toBe(false);
  });
});

describe('a generation', () => {
  needing(NOBODY)('that has another owner is known in a later life, and one of another user is not', () => {
    const source = at('plain');
    mkdirSync(source);
    writeFileSync(join(source, 'key'), '1');
    lchownSync(source, 1234, 1234);
    const stage = { source, target: emptyDirectory(at('target')) };
    advance(stage);
    expect(lstatSync(at('target/..rehup_1')).uid).toBe(1234);
    expect(open(stage)).toMatchObject({ active: { name: '..rehup_1' }, good: { name: '..rehup_1' } });
    // Somebody else made this one.
    renameSync(at('target/..rehup_1'), at('target/..rehup_5'));
    mkdirSync(at('target/..rehup_1'));
    writeFileSync(at('target/..rehup_1/key'), 'evil');
    lchownSync(at('target/..rehup_1'), 65_534, 65_534);
    expect(open(stage)).toMatchObject({ active: undefined, good: undefined });
    expect(namesIn(stage.target)).not.toContain('..rehup_5');
    expect(advance(stage)).toBe('..rehup_2');
  });

  needing(NOBODY)('of another user is not emptied, and does not keep anything from being staged', () => {
    const { stage, write } = newStage();
    for (const name of ['..rehup_1', '..rehup_7']) {
      mkdirSync(join(stage.target, name, 'root'), { recursive: true });
      writeFileSync(join(stage.target, name, 'root/precious'), 'precious');
      lchownSync(join(stage.target, name), 65_534, 65_534);
    }
    expect(advance(stage)).toBe('..rehup_2');
    write('two');
    expect(advance(stage)).toBe('..rehup_3');
    expect(namesIn(stage.target)).toEqual(['..data', '..good', '..rehup_1', '..rehup_3', '..rehup_7', 'key']);
    expect(readFileSync(join(stage.target, '..rehup_7/root/precious'), 'utf8')).toBe('precious');
  });
});

test('a target whose path leads to another directory by now is told of, once', () => {
  const { stage } = newStage();
  advance(stage);
  expect(tend(stage.target)).toEqual([]);
  renameSync(stage.target, at('moved'));
  mkdirSync(stage.target);
  const [told] = tend(stage.target);
  expect(told?.failed).toMatch(/is not the directory any more that it was at the start/);
  expect(tend(stage.target)).toEqual([]);
  expect(namesIn(stage.target)).toEqual([]);
});
