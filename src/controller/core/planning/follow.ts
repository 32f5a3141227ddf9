import type { State } from '../reading/state.ts';
import type { Workload } from '../reading/workload.ts';
import { isTaken, keptTemplate } from './adopt.ts';
import { type Decision, type Telling, titleOf, titlesOf } from './decision.ts';
import type { Looking } from './memory.ts';
import { objectKey, type Present, podsOf } from './store.ts';
import { leftovers, nextEviction, verdictOf } from './verdict.ts';

/** What is done about a roll-out that goes on. */
export type Followed = {
  readonly decision: Decision;
  /** Newer content may take its place, or the same once more: it leads nowhere. */
  readonly isSuperseded: boolean;
};

export function followed(looking: Looking, workload: Workload, state: State, present: Present): Followed {
  const { store, now } = looking;
  const { history, verify, held } = workload;
  const pods = podsOf(store, workload);
  const write = (next: Partial<State>, ...tell: readonly Telling[]): Followed => ({
    decision: {
      workload,
      patch: { state: { ...state, again: undefined, ...next }, history, template: keptTemplate(workload) },
      tell,
      remove: [],
    },
    isSuperseded: false,
  });
  if (held !== undefined) {
    const message = `it was ${held} while ${titlesOf(state.changed)} was rolled out, and takes no place`;
    return write({ phase: 'adopted', at: now }, { reason: 'Skipped', message });
  }
  const isGone = isTaken(workload, state);
  const verdict = verdictOf(workload, state, pods, now);
  if (verdict.kind === 'applied' && !isGone) {
    const message = `${titlesOf(state.changed)} rolled out; ${workload.wanted} pods were Ready for ${verify / 1000} s`;
    return write(
      { phase: 'applied', at: now, broken: undefined },
      { reason: 'Completed', message, since: state.at },
    );
  }
  if (verdict.kind === 'failed') {
    const isRefused = verdict.isTimeOver && looking.memory.unevicted.has(workload.key);
    const broken = state.broken === true || isRefused ? true : undefined;
    const { reason } = verdict;
    const message = failureText(looking, workload, state, reason, broken === true);
    return write(
      { phase: 'failed', at: now, broken, reason },
      { reason: 'Failed', message, since: state.at },
    );
  }
  const going = verdict.kind === 'waiting' ? verdict : { until: state.at + workload.deadline, isWell: false };
  // The cure of bad content must not wait for the deadline of that.
  const isOld = changesOf(state, present).length > 0 && present.missing.length === 0 && !going.isWell;
  const cureAt = Math.max(state.at + verify, present.restsAt);
  return {
    decision: waiting(
      looking,
      workload,
      state,
      isOld && cureAt > now ? Math.min(cureAt, going.until) : going.until,
    ),
    isSuperseded: isGone || (isOld && now >= cureAt),
  };
}

function waiting(looking: Looking, workload: Workload, state: State, until: number): Decision {
  const { store, memory, now } = looking;
  const pods = podsOf(store, workload);
  const next = state.evicts === true ? nextEviction(workload, state, pods) : undefined;
  const refusedUntil = memory.unevicted.get(workload.key)?.until ?? 0;
  const isRefused = next !== undefined && refusedUntil > now;
  return {
    workload,
    tell: [],
    remove: leftovers(state, pods),
    ...(next === undefined || isRefused ? {} : { evict: next }),
    again: isRefused ? Math.min(until, refusedUntil) : until,
  };
}

/** So many names of keys are told. */
const TOLD = 10;

function failureText(
  { store, settings }: Looking,
  workload: Workload,
  { changed }: State,
  reason: string,
  isBroken: boolean,
): string {
  const what = changed.map((name) => {
    const keys = store.objects.get(objectKey(workload.namespace, name))?.changedKeys ?? [];
    return keys.length === 0 ? titleOf(name) : `${titleOf(name)} (${keys.slice(0, TOLD).join(', ')})`;
  });
  const others =
    settings.halt && !isBroken ? 'no other workload gets this content' : 'other workloads are not held up';
  const wayOut = 'change the content, or annotate this workload with rehup.dev/resumed-at: TIME';
  return `${what.join(', ')} failed: ${reason}; ${others}; ${wayOut}`;
}

/** Names whose content is another one, among those that counted then and count now. */
export function changesOf(state: State, { parts }: Pick<Present, 'parts'>): readonly string[] {
  return Object.keys(parts).filter((name) => name in state.parts && state.parts[name] !== parts[name]);
}
