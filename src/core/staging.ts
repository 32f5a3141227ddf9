import type { FileSteps } from './files.ts';
import type { PathPredicate } from './glob.ts';
import type { StageResult, StageTask } from './stage.ts';

// biome-ignore lint/correctness/useYield: a stand-in.
/** Does what is asked to the targets of the stages (specification 5, *stage*). */
export function* stageSteps(task: StageTask, _ignore: PathPredicate): FileSteps<StageResult> {
  return { op: 'failed', reason: `${task.op}: not built yet`, lasting: true };
}
