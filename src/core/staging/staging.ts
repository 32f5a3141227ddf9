import type { FileSteps } from '../files/files.ts';
import { textOfBytes } from '../text/bytes.ts';
import type { PathPredicate } from '../text/glob.ts';
import { rememberFailed } from './failing.ts';
import { reopenLost } from './locking.ts';
import { openStages } from './opening.ts';
import { prepareGenerations } from './preparing.ts';
import { publishGeneration } from './publishing.ts';
import { keepGeneration } from './retention.ts';
import type { StageGeneration, StageResult, StageTask, Tended } from './stage.ts';
import type { Held, Target } from './target.ts';
import { tend } from './tending.ts';

/** Does what is asked to the targets of the stages, which it holds open and locked from the first task on. */
export type Staging = (task: StageTask, ignore: PathPredicate) => FileSteps<StageResult>;

/*
 * Room `staging/`: writing generations into the target of a stage, so that a crash at any instant leaves a whole one. May not
 * know whether content is good, or why it is published.
 */

/**
 * What one life does to the targets of its stages (specification 5, *stage*). A crash between any two operations leaves
 * what the application sees whole, old or new, and the next life's `open` removes what else it left.
 *
 * Others may write in a target. So it is opened once, and everything below it goes by its descriptor and follows nothing;
 * what is published is known by the identity of its directory, and is looked at after it was.
 */
export function createStaging(): Staging {
  const targets = new Map<string, Target>();

  function targetOf(path: string): Target {
    const target = targets.get(path);
    if (target === undefined) throw new Error(`internal error: the target ${textOfBytes(path)} is not open`);
    return target;
  }

  function concerned(task: StageTask): Iterable<Target> {
    if (task.op === 'open') return [];
    if (task.op === 'tend') return targets.values();
    const about = task.op === 'prepare' ? task.copies : task.generations;
    return about.map(({ stage }) => targetOf(stage.target));
  }

  /** Does something to each generation, up to the first failure; the last result. */
  function* each(
    generations: readonly StageGeneration[],
    what: string,
    none: StageResult,
    perform: (target: Target, held: Held) => FileSteps<StageResult>,
  ): FileSteps<StageResult> {
    let last = none;
    for (const { stage, name } of generations) {
      const target = targetOf(stage.target);
      const held = target.generations.get(name);
      if (held === undefined) {
        const reason = `can't ${what} ${name} in ${textOfBytes(stage.target)}: it is not there any more`;
        return { op: 'failed', reason, lasting: false };
      }
      const result = yield* perform(target, held);
      if (result.op === 'failed') return result;
      last = merged(last, result);
    }
    return last;
  }

  return function* (task, ignore) {
    for (const target of concerned(task)) yield* reopenLost(target);
    switch (task.op) {
      case 'open': {
        const opened: Target[] = [];
        const result = yield* openStages(task.stages, opened);
        for (const target of opened) targets.set(target.place.stage.target, target);
        return result;
      }
      case 'prepare': {
        const copies = task.copies.map(({ stage, request }) => ({ target: targetOf(stage.target), request }));
        return yield* prepareGenerations(copies, ignore);
      }
      case 'publish':
        return yield* each(task.generations, 'publish', { op: 'published', tampered: [] }, publishGeneration);
      case 'keep':
        return yield* each(task.generations, 'keep', { op: 'kept' }, (target, held) =>
          keepGeneration(target, held, task.newer),
        );
      case 'fail':
        return yield* each(task.generations, 'remember', { op: 'noted' }, rememberFailed);
      case 'tend': {
        const tended: Tended[] = [];
        for (const target of targets.values()) {
          const news = yield* tend(target, ignore);
          if (news !== undefined) tended.push(news);
        }
        return { op: 'tended', tended };
      }
      default:
        return task satisfies never;
    }
  };
}

function merged(one: StageResult, other: StageResult): StageResult {
  return one.op === 'published' && other.op === 'published'
    ? { op: 'published', tampered: [...(one.tampered ?? []), ...(other.tampered ?? [])] }
    : other;
}
