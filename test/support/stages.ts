import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Files } from '../../src/core/files/files.ts';
import type { Stage, StageResult, StageTask } from '../../src/core/staging/stage.ts';
import { stageSteps } from '../../src/core/staging/staging.ts';
import { createFiles } from '../../src/node/files.ts';
import { type Between, drive } from './driver.ts';
import { ignoring } from './glob.ts';

/** Leads one task to its end on the real file system. */
export function run(
  task: StageTask,
  between?: Between,
  ignore: readonly string[] = [],
  files?: Files,
): StageResult {
  return drive(stageSteps(task, ignoring(ignore)), between, files);
}

type ResultOf<Op extends StageResult['op']> = Extract<StageResult, { op: Op }>;

/** A result of the kind that is expected. */
export function expected<Op extends StageResult['op']>(op: Op, result: StageResult): ResultOf<Op> {
  if (result.op !== op) throw new Error(`${op} was expected, not ${JSON.stringify(result)}`);
  return result as ResultOf<Op>;
}

export function open(stage: Stage, between?: Between): ResultOf<'opened'>['stages'][number] {
  const [opened] = expected('opened', run({ op: 'open', stages: [stage] }, between)).stages;
  if (opened === undefined) throw new Error('one answer for one stage');
  return opened;
}

export function prepare(stage: Stage, between?: Between, ignore: readonly string[] = []): string {
  const copies = [{ stage, request: { path: stage.source } }];
  const [generation] = expected('prepared', run({ op: 'prepare', copies }, between, ignore)).generations;
  if (generation === undefined) throw new Error('one generation for one copy');
  return generation.name;
}

export function publish(stage: Stage, name: string, between?: Between): void {
  expected('published', run({ op: 'publish', generations: [{ stage, name }] }, between));
}

export function keep(stage: Stage, name: string, between?: Between): void {
  expected('kept', run({ op: 'keep', generations: [{ stage, name }], newer: true }, between));
}

/** Prepares, publishes and keeps what the source holds. */
export function advance(stage: Stage): string {
  const name = prepare(stage);
  publish(stage, name);
  keep(stage, name);
  return name;
}

/** All names in a target. */
export function namesIn(target: string): readonly string[] {
  return readdirSync(target).sort();
}

/** What an application sees that reads the first-level names of a target through one opening of `..data`. */
export function readThrough(target: string): Record<string, string> | undefined {
  let generation: string;
  try {
    generation = join(target, readlinkSync(join(target, '..data')));
  } catch {
    return undefined;
  }
  return treeAt(generation);
}

/** The files of a tree by their paths, links followed but those to directories; dangling ones left out. */
export function treeAt(root: string): Record<string, string> {
  const files: [string, string][] = [];
  const pending = [''];
  for (let below = pending.pop(); below !== undefined; below = pending.pop()) {
    for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
      const path = join(below, entry.name);
      if (entry.isFile()) files.push([path, readFileSync(join(root, path), 'latin1')]);
      else if (entry.isDirectory()) pending.push(path);
    }
  }
  return Object.fromEntries(files.sort());
}

/** An empty directory with the modes of an emptyDir. */
export function emptyDirectory(path: string): string {
  mkdirSync(path);
  chmodSync(path, 0o777);
  return path;
}

/** The files of this process with a count of what it holds: handles that are not closed, digests that are not ended. */
export function countingFiles(): { readonly files: Files; readonly held: () => number } {
  const files = createFiles();
  let held = 0;
  return {
    held: () => held,
    files: {
      perform(request) {
        const answer = files.perform(request);
        if (answer.op === 'open' || answer.op === 'create' || answer.op === 'digest') held++;
        if (answer.op === 'close' || answer.op === 'digest-end') held--;
        return answer;
      },
    },
  };
}
