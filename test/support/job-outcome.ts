import type { JobOutcome, Task } from '../../src/core/state/job.ts';

/** How a job ends; odd choices below ten are what goes well. */
export function jobOutcome(task: Task, choice: number): JobOutcome {
  const kind = choice % 7;
  if (kind === 0) return { kind: 'failed', reason: 'not found (ENOENT)' };
  switch (task.kind) {
    case 'tcp':
      return { kind: 'connected' };
    case 'post':
      return kind === 2
        ? { kind: 'answered', status: 423, body: '{"kind":"all_slots_full","value":"no"}' }
        : { kind: 'answered', status: kind === 4 ? 202 : 200 };
    case 'http':
      return { kind: 'answered', status: kind === 2 ? 500 : 200 };
    case 'command': {
      const code = [0, 0, 1, 0, 127, 0, 3][kind] ?? 0;
      return { kind: 'exited', status: { kind: 'code', code }, output: '' };
    }
    default:
      return task satisfies never;
  }
}
