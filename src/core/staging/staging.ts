import type { FileSteps } from '../files/files.ts';
import type { PathPredicate } from '../text/glob.ts';
import { openStages } from './opening.ts';
import { prepareGenerations } from './preparing.ts';
import { publishGenerations } from './publishing.ts';
import { keepGenerations } from './retention.ts';
import type { StageResult, StageTask } from './stage.ts';

/*
 * Room `staging/`: writing generations into the target of a stage, so that a crash at any instant leaves a whole one. May not
 * know whether content is good, or why it is published.
 */

/**
 * Does what is asked to the targets of the stages (specification 5, *stage*). A crash between any two operations leaves
 * what the application sees whole, old or new, and the next `open` removes what else it left.
 */
export function* stageSteps(task: StageTask, ignore: PathPredicate): FileSteps<StageResult> {
  switch (task.op) {
    case 'open':
      return yield* openStages(task.stages);
    case 'prepare':
      return yield* prepareGenerations(task.copies, ignore);
    case 'publish':
      return yield* publishGenerations(task.generations);
    case 'keep':
      return yield* keepGenerations(task.generations, task.newer);
    default:
      return task satisfies never;
  }
}
