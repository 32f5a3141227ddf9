import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FileOperation } from '../../src/core/files.ts';
import type { StageTask } from '../../src/core/stage.ts';
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
} from '../support/stages.ts';
import { eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 5, *stage*: a crash, a reader, a failure or a change of the source between any two operations. */

const directory = eachWithDirectory();

const OLD = { a: 'old', gone: 'old', 'sub/b': 'old' };
const NEW = { a: 'new', added: 'new', 'sub/b': 'new' };

class Crash extends Error {}

/** A stage whose application reads OLD, which is good, while its source has become NEW. */
function staged(name: string) {
  const home = join(directory.path, name);
  mkdirSync(home);
  const stage = { source: join(home, 'source'), target: emptyDirectory(join(home, 'target')) };
  const volume = writtenVolume(stage.source, OLD);
  open(stage);
  const first = advance(stage);
  volume.write(NEW);
  return { stage, first, volume };
}

/** What an application finds that opens `..data` once and reads all of it. */
function seen(target: string): unknown {
  return treeAt(join(target, readlinkSync(join(target, '..data'))));
}

/** Counts the operations of something that is done to a stage. */
function operations(act: (count: () => undefined) => void): number {
  let operations = 0;
  act(() => {
    operations += 1;
    return undefined;
  });
  return operations;
}

describe('a crash before any operation', () => {
  test('of an update leaves the old content or the new one, and the next start cleans up', () => {
    const counted = staged('counted');
    const total = operations((count) => update(counted.stage, count));
    expect(total).toBeGreaterThan(60);
    for (let at = 0; at < total; at++) {
      const { stage } = staged(`crash-${at}`);
      let operation = 0;
      try {
        update(stage, () => {
          if (operation++ === at) throw new Crash();
          return undefined;
        });
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
      }
      const before = seen(stage.target);
      expect([OLD, NEW]).toContainEqual(before);
      const opened = open(stage);
      expect(seen(stage.target)).toEqual(before);
      const names = new Set(['..data', '..good', opened.active?.name, opened.good?.name]);
      const keys = Object.keys(before as object).map((path) => path.split('/')[0]);
      expect(namesIn(stage.target)).toEqual([...new Set([...names, ...keys])].sort());
      for (const key of keys) expect(existsSync(join(stage.target, key ?? ''))).toBe(true);
    }
  });

  test('of the cleaning leaves what the application sees, and the cleaning is done by the next start', () => {
    const { stage } = staged('again');
    prepare(stage);
    const total = operations((count) => void open(stage, count));
    for (let at = 0; at < total; at++) {
      prepare(stage);
      let operation = 0;
      expect(() =>
        open(stage, () => {
          if (operation++ === at) throw new Crash();
          return undefined;
        }),
      ).toThrow(Crash);
      open(stage);
      expect(seen(stage.target)).toEqual(OLD);
      expect(namesIn(stage.target)).toEqual(['..data', '..good', '..rehup_1', 'a', 'gone', 'sub']);
    }
  });
});

function update(stage: Parameters<typeof prepare>[0], between: () => undefined): void {
  const name = prepare(stage, between);
  publish(stage, name, between);
  keep(stage, name, between);
}

test('a reader between any two operations of an update and of a roll-back never sees a mix', () => {
  const { stage, first } = staged('read');
  const states = new Set<string>();
  const look = () => {
    const tree = seen(stage.target);
    expect([OLD, NEW]).toContainEqual(tree);
    states.add(JSON.stringify(tree));
    return undefined;
  };
  publish(stage, prepare(stage, look), look);
  publish(stage, first, look);
  expect(seen(stage.target)).toEqual(OLD);
  expect(states.size).toBe(2);
});

const WRITING: readonly FileOperation[] = [
  'mkdir',
  'create',
  'copy',
  'sync',
  'chmod',
  'symlink',
  'rename',
  'names',
  'open',
];

test('a full or broken file system at any operation leaves the old content', () => {
  const counted = staged('counted');
  const tasks = (stage: Parameters<typeof prepare>[0], name: string): readonly StageTask[] => [
    { op: 'prepare', copies: [{ stage, request: { path: stage.source } }] },
    { op: 'publish', generations: [{ stage, name }] },
  ];
  for (const index of [0, 1]) {
    const total = operations((count) => {
      for (const task of tasks(counted.stage, '..rehup_2').slice(0, index + 1)) run(task, count);
    });
    for (let at = 0; at < total; at++) {
      const { stage } = staged(`fault-${index}-${at}`);
      let operation = 0;
      let failing = false;
      const [first, second] = tasks(stage, '..rehup_2');
      const chosen = index === 0 ? first : second;
      if (index === 1 && first !== undefined) run(first);
      if (chosen === undefined) throw new Error('a task');
      const result = run(chosen, (request) => {
        if (operation++ === at && WRITING.includes(request.op)) {
          failing = true;
          return { op: 'error', errno: 'ENOSPC' };
        }
        return undefined;
      });
      if (failing && result.op === 'failed') expect(seen(stage.target)).toEqual(OLD);
      else expect([OLD, NEW]).toContainEqual(seen(stage.target));
    }
  }
});

test('a source that changes between any two operations is never copied as a mix', () => {
  const counted = staged('counted');
  const total = operations((count) => void prepare(counted.stage, count));
  for (let at = 0; at < total; at++) {
    const { stage, volume } = staged(`swap-${at}`);
    let operation = 0;
    const result = run({ op: 'prepare', copies: [{ stage, request: { path: stage.source } }] }, () => {
      if (operation++ === at) volume.write(OLD);
      return undefined;
    });
    if (result.op !== 'prepared') throw new Error(JSON.stringify(result));
    const [generation] = result.generations;
    expect([OLD, NEW]).toContainEqual(treeAt(join(stage.target, generation?.name ?? '')));
  }
});

describe('a target that can not be used is refused, and nothing in it is deleted', () => {
  function refusal(source: string, target: string): string {
    const result = run({ op: 'open', stages: [{ source, target }] });
    return result.op === 'refused' ? result.text : `not refused: ${result.op}`;
  }

  test('something else lies in it', () => {
    const { stage } = staged('foreign');
    const own = emptyDirectory(join(directory.path, 'own'));
    writeFileSync(join(own, 'precious'), 'mine');
    expect(refusal(stage.source, own)).toContain(`${join(own, 'precious')} was not put there by --stage`);
    expect(readFileSync(join(own, 'precious'), 'utf8')).toBe('mine');
    writeFileSync(join(stage.target, 'precious'), 'mine');
    expect(refusal(stage.source, stage.target)).toContain('precious');
    expect(seen(stage.target)).toEqual(OLD);
  });

  test('a kubelet volume', () => {
    const { stage } = staged('volume');
    const other = writtenVolume(join(directory.path, 'other'), { key: 'kept' });
    expect(refusal(stage.source, other.path)).toMatch(/was not put there by --stage/);
    expect(readFileSync(join(other.path, 'key'), 'utf8')).toBe('kept');
  });

  test('it lies in the source, the source in it, or it is a file', () => {
    const source = emptyDirectory(join(directory.path, 'source'));
    const inner = emptyDirectory(join(source, 'inner'));
    expect(refusal(source, inner)).toContain('lies in the source');
    expect(refusal(inner, source)).toContain('lies in the target');
    expect(refusal(source, source)).toContain('is the source');
    writeFileSync(join(directory.path, 'file'), '');
    expect(refusal(source, join(directory.path, 'file'))).toContain('is no directory');
    expect(refusal(join(directory.path, 'file'), inner)).toContain('name its directory');
  });

  test('it can not be written', () => {
    const { stage } = staged('read-only');
    const result = run({ op: 'open', stages: [stage] }, (request) =>
      request.op === 'symlink' ? { op: 'error', errno: 'EROFS' } : undefined,
    );
    expect(result).toMatchObject({ op: 'refused', text: expect.stringContaining('EROFS') });
    expect(seen(stage.target)).toEqual(OLD);
  });
});
