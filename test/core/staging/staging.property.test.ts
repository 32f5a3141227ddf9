import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createVolume, type Payload } from '../../support/kubelet.ts';
import {
  emptyDirectory,
  keep,
  namesIn,
  open,
  prepare,
  publish,
  readThrough,
  treeAt,
} from '../../support/stages.ts';
import { eachWithDirectory } from '../../support/volume.ts';

/** Specification 5, *stage*: in whatever order sources change and stages are led, a model tells what is seen. */

const directory = eachWithDirectory('/dev/shm');

const RUNS = process.env['REHUP_SOAK'] === '1' ? 5_000 : 150;

const payloads = fc.dictionary(
  fc.constantFrom('a', 'b', '.c', 'd/e', 'd/f', 'g/h/i'),
  fc.constantFrom('', '1', '2', 'x'.repeat(70_000)),
);

type Command =
  | { readonly kind: 'write'; readonly payload: Payload }
  | { readonly kind: 'prepare' | 'publish' | 'keep' | 'roll-back' | 'reopen' };

const commands = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('write' as const), payload: payloads }),
    fc.record({ kind: fc.constantFrom('prepare', 'publish', 'keep', 'roll-back', 'reopen' as const) }),
  ),
  { maxLength: 30 },
);

type Held = { readonly name: string; readonly payload: Payload };

/** What should be in the target. */
type Model = { source: Payload; prepared?: Held; active?: Held; good?: Held };

function sorted(payload: Payload): Payload {
  return Object.fromEntries(Object.entries(payload).sort());
}

test('what a target shows is what was published, what it keeps is what was good, and there is nothing else', () => {
  fc.assert(
    fc.property(commands, (list: readonly Command[]) => {
      const root = mkdtempSync(join(directory.path, 'p-'));
      const volume = createVolume(join(root, 'source'));
      const stage = { source: volume.path, target: emptyDirectory(join(root, 'target')) };
      const model: Model = { source: {} };
      volume.write({});
      open(stage);
      for (const command of list) {
        const { prepared, active, good } = model;
        switch (command.kind) {
          case 'write':
            volume.write(command.payload);
            model.source = command.payload;
            break;
          case 'prepare':
            // One that was never seen makes way, unless it is seen by now.
            model.prepared = { name: prepare(stage), payload: model.source };
            break;
          case 'publish':
            if (prepared === undefined) break;
            publish(stage, prepared.name);
            model.active = prepared;
            break;
          case 'keep':
            if (active === undefined) break;
            keep(stage, active.name);
            model.good = active;
            if (prepared?.name !== active.name) delete model.prepared;
            break;
          case 'roll-back':
            if (good === undefined) break;
            publish(stage, good.name);
            model.active = good;
            break;
          case 'reopen': {
            const opened = open(stage);
            expect([opened.active?.name, opened.good?.name]).toEqual([active?.name, good?.name]);
            if (prepared?.name !== active?.name && prepared?.name !== good?.name) delete model.prepared;
            break;
          }
          default:
            command satisfies never;
        }
        expectModel(stage.target, model);
      }
      rmSync(root, { recursive: true });
    }),
    { numRuns: RUNS },
  );
}, 600_000);

function expectModel(target: string, { prepared, active, good }: Model): void {
  expect(readThrough(target)).toEqual(active === undefined ? undefined : sorted(active.payload));
  for (const held of [prepared, good]) {
    if (held !== undefined) expect(treeAt(join(target, held.name))).toEqual(sorted(held.payload));
  }
  const keys = new Set(Object.keys(active?.payload ?? {}).map((path) => path.split('/')[0] ?? ''));
  const visible = namesIn(target).filter((name) => !name.startsWith('..'));
  expect(visible).toEqual([...keys].sort());
  for (const [path, bytes] of Object.entries(active?.payload ?? {})) {
    expect(readFileSync(join(target, path), 'utf8')).toBe(bytes);
  }
  const generations = namesIn(target).filter((name) => name.startsWith('..rehup_'));
  const used = [prepared, active, good].flatMap((held) => (held === undefined ? [] : [held.name]));
  // What was rolled back stays until the next copy or mark.
  for (const name of used) expect(generations).toContain(name);
  expect(generations.length).toBeLessThanOrEqual(3);
  expect(namesIn(target).filter((name) => name.endsWith('_tmp'))).toEqual([]);
}
