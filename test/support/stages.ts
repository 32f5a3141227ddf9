import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Files } from '../../src/core/files/files.ts';
import type { Stage, StageResult, StageTask } from '../../src/core/staging/stage.ts';
import { createStaging, type Staging } from '../../src/core/staging/staging.ts';
import { createFiles } from '../../src/node/files.ts';
import { type Between, closeAll, drive } from './driver.ts';
import { ignoring } from './glob.ts';

/** A process that has targets open: what it holds of them, and its descriptors. */
type Life = { readonly staging: Staging; readonly open: Set<number>; readonly files: Files | undefined };

/** By the path of a target, who has it open. */
const lives = new Map<string, Life>();

/** Ends whoever has these targets open. */
export function endLives(...targets: readonly string[]): void {
  for (const target of targets) {
    const life = lives.get(target);
    if (life === undefined) continue;
    closeAll(life.open, life.files);
    for (const [path, other] of lives) if (other === life) lives.delete(path);
  }
}

/** What is asked for one stage or several; {@link tend} is for all of them. */
export type SomeTask = Exclude<StageTask, { op: 'tend' }>;

/** Who has the targets of a task open: for an `open` somebody new, after the others have ended. */
function lifeFor(task: SomeTask, files: Files | undefined): Life {
  const stages =
    task.op === 'open'
      ? task.stages
      : (task.op === 'prepare' ? task.copies : task.generations).map(({ stage }) => stage);
  const targets = stages.map(({ target }) => target);
  const present = lives.get(targets[0] ?? '');
  if (task.op !== 'open' && present !== undefined && targets.every((target) => lives.get(target) === present))
    return present;
  endLives(...targets);
  const life: Life = { staging: createStaging(), open: new Set(), files };
  for (const target of targets) lives.set(target, life);
  if (task.op !== 'open') {
    const opened = drive(
      life.staging({ op: 'open', stages }, () => false),
      undefined,
      files,
      life.open,
    );
    if (opened.op !== 'opened') throw new Error(`not opened: ${JSON.stringify(opened)}`);
  }
  return life;
}

/** Leads one task to its end on the real file system, by whoever has its targets open. */
export function run(
  task: SomeTask,
  between?: Between,
  ignore: readonly string[] = [],
  files?: Files,
): StageResult {
  return lead(lifeFor(task, files), task, between, ignore);
}

/** Has whoever has a target open look after it. */
export function tend(target: string, between?: Between): ResultOf<'tended'>['tended'] {
  const life = lives.get(target);
  if (life === undefined) throw new Error(`nobody has ${target} open`);
  return expected('tended', lead(life, { op: 'tend' }, between, [])).tended;
}

function lead(
  life: Life,
  task: StageTask,
  between: Between | undefined,
  ignore: readonly string[],
): StageResult {
  try {
    return drive(life.staging(task, ignoring(ignore)), between, life.files, life.open);
  } catch (error) {
    for (const [path, other] of lives) if (other === life) lives.delete(path);
    throw error;
  }
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
  endLives(path);
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
        if (answer.op === 'open' || answer.op === 'enter' || answer.op === 'create' || answer.op === 'digest')
          held++;
        if (answer.op === 'close' || answer.op === 'digest-end') held--;
        return answer;
      },
    },
  };
}
