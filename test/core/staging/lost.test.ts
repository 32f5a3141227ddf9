import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { FileAnswer, FileRequest, Files } from '../../../src/core/files/files.ts';
import { createFiles } from '../../../src/node/files.ts';
import { countingFiles, emptyDirectory, endLives, expected, readThrough, run } from '../../support/stages.ts';
import { eachWithDirectory, writtenVolume } from '../../support/volume.ts';

/** A target on a file server, when the helper that has it open ends: what it had open is open no more. */

const directory = eachWithDirectory();

/** A real file system that may lose what is open of its directories, their locks too; their handles are below zero. */
function losing(files: Files = createFiles()) {
  const open = new Map<number, number>();
  let last = 0;
  return {
    loses() {
      for (const file of open.values()) files.perform({ op: 'close', file });
      open.clear();
    },
    files: {
      perform(request) {
        const fields: Readonly<Record<string, unknown>> = request;
        const field = ['in', 'directory', 'file'].find((name) => Number(fields[name] ?? 0) < 0);
        if (field === undefined) return entered(files.perform(request));
        const handle = Number(fields[field]);
        const file = open.get(handle);
        if (request.op === 'close') open.delete(handle);
        if (file === undefined)
          return request.op === 'close' ? { op: 'close', value: undefined } : { op: 'error', errno: 'EIO' };
        return entered(files.perform({ ...request, [field]: file } as FileRequest));
      },
    } satisfies Files,
  };

  function entered(answer: FileAnswer): FileAnswer {
    if (answer.op !== 'enter') return answer;
    last -= 1;
    open.set(last, answer.value);
    return { op: 'enter', value: last };
  }
}

function staged(files: Files) {
  const volume = writtenVolume(join(directory.path, 'source'), { a: '1' });
  const stage = { source: volume.path, target: emptyDirectory(join(directory.path, 'target')) };
  const next = () => {
    const copies = [{ stage, request: { path: stage.source } }];
    const prepared = run({ op: 'prepare', copies }, undefined, [], files);
    if (prepared.op !== 'prepared') return prepared;
    const name = prepared.generations[0]?.name ?? '';
    return run({ op: 'publish', generations: [{ stage, name }] }, undefined, [], files);
  };
  return { volume, stage, next };
}

test('it is opened again, and nothing is left open', () => {
  const { files: counted, held } = countingFiles();
  const { files, loses } = losing(counted);
  const { volume, stage, next } = staged(files);
  expect(next().op).toBe('published');
  loses();
  volume.write({ a: '2' });
  expect(next().op).toBe('published');
  expect(readThrough(stage.target)).toEqual({ a: '2' });
  endLives(stage.target);
  expect(held()).toBe(0);
});

test('it is not, where it is another directory by now', () => {
  const { files, loses } = losing();
  const { volume, stage, next } = staged(files);
  expect(next().op).toBe('published');
  loses();
  renameSync(stage.target, `${stage.target}-before`);
  mkdirSync(stage.target);
  volume.write({ a: '2' });
  expect(expected('failed', next()).reason).toContain('(EIO)');
  expect(readThrough(`${stage.target}-before`)).toEqual({ a: '1' });
});
