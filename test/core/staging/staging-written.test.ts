import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';

import { type Payload, WRITE_ORDERS } from '../../support/kubelet.ts';
import { emptyDirectory, namesIn, open, run, type SomeTask, treeAt } from '../../support/stages.ts';
import { eachWithDirectory, writtenVolume } from '../../support/volume.ts';

/** Specification 5, *stage*: a source that is written while it is copied is copied whole, or not at all. */

const directory = eachWithDirectory('/dev/shm');

describe.each(WRITE_ORDERS)('a source that is written (%s) while it is staged', (order) => {
  /** Kata's agent has a generation in sight before all of its files are there: a key more or less would be no mix. */
  const after: Payload =
    order === 'copier' ? { a: 'new', b: 'new', c: 'new' } : { a: 'new', c: 'new', d: 'new' };
  const before = { a: 'old', b: 'old', c: 'old' };

  test.each(['/dev/shm', tmpdir()])(
    'from any operation on is copied whole to %s, or not at all',
    (parent) => {
      // Sources lie on a disk, as a ConfigMap does.
      const disk = mkdtempSync(join(tmpdir(), 'rehup-'));
      const targets = mkdtempSync(join(parent, 'rehup-'));
      let prepared = 0;
      for (let start = 0; start < 60; start++) {
        for (const pace of [1, 3]) {
          const volume = writtenVolume(join(disk, 'source'), before, { order });
          const stage = { source: volume.path, target: emptyDirectory(join(targets, 'target')) };
          const writing = volume.operations(after);
          const task: SomeTask = { op: 'prepare', copies: [{ stage, request: { path: stage.source } }] };
          const result = run(task, (_request, count) => {
            for (let step = 0; count >= start && step < pace; step++) writing.next();
            return undefined;
          });
          if (result.op === 'prepared') {
            prepared++;
            const name = result.generations[0]?.name ?? '';
            const copied = treeAt(join(stage.target, name));
            expect([before, after]).toContainEqual(copied);
            expect([...(result.generations[0]?.content.files.keys() ?? [])]).toEqual(Object.keys(copied));
            // What is told of it is what a new look at it finds.
            run({ op: 'publish', generations: [{ stage, name }] });
            expect(open(stage).active).toEqual(result.generations[0]);
          } else {
            expect(result).toMatchObject({ op: 'failed', lasting: false });
            expect(namesIn(stage.target)).toEqual([]);
          }
          rmSync(stage.source, { recursive: true });
          rmSync(stage.target, { recursive: true });
        }
      }
      for (const made of [disk, targets]) rmSync(made, { recursive: true });
      expect(prepared).toBeGreaterThan(30);
    },
  );
});

test('plain files that change under the copy are copied as they rest, and not at all if they never do', () => {
  for (const [writes, op] of [
    [3, 'prepared'],
    [Number.POSITIVE_INFINITY, 'failed'],
  ] as const) {
    const root = mkdtempSync(join(directory.path, 'w-'));
    const stage = { source: join(root, 'source'), target: emptyDirectory(join(root, 'target')) };
    mkdirSync(stage.source);
    let written = 0;
    const write = () => writeFileSync(join(stage.source, 'log'), `line ${written++}`);
    write();
    const task: SomeTask = { op: 'prepare', copies: [{ stage, request: { path: stage.source } }] };
    const result = run(task, (request) => {
      if (request.op === 'list' && request.path === stage.source && written < writes) write();
      return undefined;
    });
    expect(result.op).toBe(op);
    if (result.op === 'prepared') {
      expect(treeAt(join(stage.target, '..rehup_1'))).toEqual({ log: 'line 2' });
    } else {
      expect(result).toMatchObject({
        lasting: false,
        reason: expect.stringContaining('changes all the time'),
      });
      expect(namesIn(stage.target)).toEqual([]);
    }
  }
});
