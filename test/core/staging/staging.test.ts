import { readFileSync, readlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readWatches } from '../../../src/core/files/reading.ts';
import { drive } from '../../support/driver.ts';
import {
  advance,
  emptyDirectory,
  keep,
  namesIn,
  open,
  prepare,
  publish,
  run,
  treeAt,
} from '../../support/stages.ts';
import { eachWithDirectory, writtenVolume } from '../../support/volume.ts';

/** Specification 5, *stage*: what the targets of the stages hold, on the real file system. */

const directory = eachWithDirectory();

function newStage() {
  const source = join(directory.path, 'source');
  return { source, target: emptyDirectory(join(directory.path, 'target')) };
}

describe('a volume', () => {
  test('is staged, swapped, rolled back and kept', () => {
    const stage = newStage();
    const volume = writtenVolume(stage.source, { a: '1', 'sub/deep/b': '2' });
    expect(open(stage)).toMatchObject({ active: undefined, good: undefined });
    expect(prepare(stage)).toBe('..rehup_1');
    expect(namesIn(stage.target)).toEqual(['..rehup_1']);
    publish(stage, '..rehup_1');
    keep(stage, '..rehup_1');
    expect(namesIn(stage.target)).toEqual(['..data', '..good', '..rehup_1', 'a', 'sub']);
    expect(readlinkSync(join(stage.target, 'sub'))).toBe('..data/sub');
    expect(readFileSync(join(stage.target, 'sub/deep/b'), 'utf8')).toBe('2');
    volume.write({ a: '3', c: '4' });
    expect(prepare(stage)).toBe('..rehup_2');
    publish(stage, '..rehup_2');
    expect(namesIn(stage.target)).toEqual(['..data', '..good', '..rehup_1', '..rehup_2', 'a', 'c']);
    publish(stage, '..rehup_1');
    expect(namesIn(stage.target)).toEqual(['..data', '..good', '..rehup_1', '..rehup_2', 'a', 'sub']);
    publish(stage, '..rehup_2');
    keep(stage, '..rehup_2');
    expect(namesIn(stage.target)).toEqual(['..data', '..good', '..rehup_2', 'a', 'c']);
    expect(treeAt(join(stage.target, '..rehup_2'))).toEqual({ a: '3', c: '4' });
  });

  test('keeps what was prepared since, if that is asked for', () => {
    const stage = newStage();
    const volume = writtenVolume(stage.source, { a: '1' });
    advance(stage);
    volume.write({ a: '2' });
    prepare(stage);
    const task = { op: 'keep', generations: [{ stage, name: '..rehup_1' }] } as const;
    expect(run({ ...task, newer: false })).toEqual({ op: 'kept' });
    expect(namesIn(stage.target)).toContain('..rehup_2');
    expect(run({ ...task, newer: true })).toEqual({ op: 'kept' });
    expect(namesIn(stage.target)).not.toContain('..rehup_2');
  });

  test('that is published already is not touched, but for links that it lacks', () => {
    const stage = newStage();
    writtenVolume(stage.source, { a: '1' });
    const name = advance(stage);
    const asked: string[] = [];
    publish(stage, name, (request) => void asked.push(request.op));
    for (const op of ['symlink', 'unlink', 'rename', 'mkdir', 'create', 'open'])
      expect(asked).not.toContain(op);
    unlinkSync(join(stage.target, 'a'));
    publish(stage, name);
    expect(readlinkSync(join(stage.target, 'a'))).toBe('..data/a');
  });

  test('whose generation is gone can not be published', () => {
    const stage = newStage();
    writtenVolume(stage.source, { a: '1' });
    advance(stage);
    const generations = [{ stage, name: '..rehup_9' }];
    expect(run({ op: 'publish', generations })).toMatchObject({ op: 'failed', lasting: false });
    expect(readFileSync(join(stage.target, 'a'), 'utf8')).toBe('1');
  });

  test('has the digest of a watch on it, when it was copied and when it is opened again', () => {
    const stage = newStage();
    writtenVolume(stage.source, { a: '1', 'sub/b': '2' });
    const name = advance(stage);
    const [reading] = drive(readWatches([{ path: stage.source }], () => false));
    const content = reading?.status === 'read' ? reading.content : undefined;
    expect(open(stage)).toMatchObject({ active: { name, content }, good: { name, content } });
  });
});
