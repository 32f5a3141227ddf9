import type { Effect } from '../../src/core/state/effect.ts';
import type { JobOutcome, Task } from '../../src/core/state/job.ts';
import type { State } from '../../src/core/state/state.ts';
import { jobOutcome } from './job-outcome.ts';

/** A reload that went on without a slot is over. */
const OVER = [
  'reload.applied',
  'reload.failed',
  'reload.rolled_back',
  'reload.superseded',
  'reload.rejected',
];

type Post = Extract<Task, { kind: 'post' }>;

/**
 * The server of a fleet in a random world: it grants, refuses, is silent, or grants and is not heard. It holds the core to
 * one slot, which is asked for before anything is told, and is given back where nothing keeps it.
 */
export function fleetServer(check: (promise: boolean, what: string) => void) {
  /** Whether the server has given the slot to us. */
  let taken = false;
  /** Whether we were told so, and have not begun to give it back. */
  let held = false;
  /** Whether a reload may do without, by its time being over or because somebody said so. */
  let without = false;
  const requests = new Set<number>();

  /** New content is about to be told, or published, by a reload. */
  function tells(state: State): void {
    const { progress } = state.configuration;
    if (state.slot.phase === 'off' || (progress.phase !== 'gated' && progress.phase !== 'acting')) return;
    if (progress.reload.rollback === undefined)
      check(held || without, 'new content is told without a slot of the fleet');
  }

  return {
    observe(effect: Effect, state: State): void {
      if (effect.type === 'begin-job' && effect.task.kind === 'post') {
        check(requests.size === 0, 'two requests to the server of the fleet at once');
        requests.add(effect.job);
        if (isAsked(effect.task)) check(!held, 'a slot is asked for though one is held');
        else held = false;
      }
      if (effect.type === 'cancel-job') requests.delete(effect.job);
      if (effect.type === 'log' && effect.line.event === 'fleet.timeout') without = true;
      if (effect.type === 'log' && OVER.includes(effect.line.event)) without = false;
      if (effect.type === 'signal' && effect.purpose === 'reload') tells(state);
      if (effect.type === 'stage' && effect.task.op === 'publish') tells(state);
    },
    /** What comes of a job; of one that asks the server what that does, and whether it is heard. */
    answers(job: number, task: Task, choice: number): JobOutcome {
      const outcome = jobOutcome(task, choice);
      if (task.kind !== 'post') return outcome;
      requests.delete(job);
      // What is given back is, whatever is said of it; silence may have been either.
      const does = !isAsked(task) || (outcome.kind === 'answered' && outcome.status !== 423);
      const done = outcome.kind === 'answered' ? does : choice % 2 === 0;
      if (done) taken = isAsked(task);
      // A server grants again what one has: it says no to those alone that have none.
      else if (outcome.kind === 'answered' && isAsked(task)) taken = false;
      if (outcome.kind === 'answered' && outcome.status === 200) held = isAsked(task);
      return outcome;
    },
    /** Nothing happens any more, and rehup goes on. */
    settled(state: State): void {
      const { configuration, slot } = state;
      const isWell =
        configuration.degraded === undefined &&
        configuration.stale.length === 0 &&
        state.readiness.phase !== 'late';
      if (slot.phase === 'off' || !isWell) return;
      check(slot.phase === 'free', `the slot is ${slot.phase} though all is well`);
      check(!taken, 'the server still counts the slot as ours though all is well');
    },
  };
}

function isAsked({ endpoint }: Post): boolean {
  return endpoint.resource.endsWith('/v1/pre-reboot');
}
