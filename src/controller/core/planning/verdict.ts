import type { Pod } from '../reading/pod.ts';
import type { State } from '../reading/state.ts';
import type { Workload } from '../reading/workload.ts';

/** What has become of a roll-out, by the pods that it made. The workload's own `Progressing` is not asked: without a
 * readinessProbe a pod that crashes again and again counts as available there. */
export type Verdict =
  | { readonly kind: 'applied' }
  | { readonly kind: 'failed'; readonly reason: string; readonly isTimeOver: boolean }
  /** Look again then, if nothing happens before; whether all new pods are Ready. */
  | { readonly kind: 'waiting'; readonly until: number; readonly isWell: boolean };

/** A container that ended so often has failed for good. */
const ENDS = 2;

const SECOND = 1000;

/** Whether a pod has the content that is rolled out. */
export function isNew(pod: Pod, state: State): boolean {
  if (state.evicts !== true) return pod.digest === state.digest;
  // The API's times are whole seconds; what is at rest was so before.
  return pod.created >= state.at - (state.at % SECOND);
}

/** The pods that are left of a roll-out that failed, and that no roll-out by itself would replace. */
export function leftovers(state: State, pods: readonly Pod[]): readonly Pod[] {
  if (state.again !== true) return [];
  return pods.filter((pod) => !pod.isEnding && !pod.isReady && pod.created < state.at - (state.at % SECOND));
}

export function verdictOf(workload: Workload, state: State, pods: readonly Pod[], now: number): Verdict {
  const live = pods.filter((pod) => !pod.isEnding);
  const gone = new Set(leftovers(state, pods));
  const made = live.filter((pod) => !gone.has(pod) && isNew(pod, state));
  for (const { name, ends, stuck } of made) {
    if (stuck !== undefined) return failed(`${name} waits: ${stuck}`);
    if (ends >= ENDS) return failed(`a container of ${name} ended ${ends} times`);
  }
  const isWell = made.every(({ isReady }) => isReady);
  const stable = Math.max(state.at, ...made.map(({ stableSince }) => stableSince)) + workload.verify;
  const isComplete =
    workload.isObserved && isWell && made.length >= workload.wanted && made.length === live.length;
  if (isComplete && (workload.wanted === 0 || now >= stable)) return { kind: 'applied' };
  const deadline = state.at + workload.deadline;
  if (now >= deadline)
    return {
      kind: 'failed',
      reason: `${made.filter(({ isReady }) => isReady).length} of ${workload.wanted} pods were Ready in time`,
      isTimeOver: true,
    };
  return { kind: 'waiting', until: isComplete ? Math.min(stable, deadline) : deadline, isWell };
}

function failed(reason: string): Verdict {
  return { kind: 'failed', reason, isTimeOver: false };
}

/** The pod that is evicted next: one at a time, when all others are there. */
export function nextEviction(workload: Workload, state: State, pods: readonly Pod[]): Pod | undefined {
  const isSettled =
    pods.length >= workload.wanted && pods.every(({ isEnding, isReady }) => !isEnding && isReady);
  const old = pods.filter((pod) => !isNew(pod, state) && !pod.isEnding);
  // One that is not Ready serves nobody, and is no reason to wait.
  const useless = old.find(({ isReady }) => !isReady);
  if (useless !== undefined) return useless;
  return isSettled ? old.sort((one, other) => one.created - other.created)[0] : undefined;
}
