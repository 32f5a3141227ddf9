import { decide } from './decide.ts';
import type { Decision } from './decision.ts';
import type { Planning } from './memory.ts';
import { type Restoring, restorings } from './restore.ts';
import { peersOf, putWorkload } from './store.ts';

export type Plan = {
  readonly decisions: readonly Decision[];
  /** Workloads that have to be looked at because of these. */
  readonly wake: ReadonlySet<string>;
  /** What is to be done about ConfigMaps because of these. */
  readonly restorings: readonly Restoring[];
};

/**
 * What is to be done about some workloads as things stand. What it decides to write is in the store when it answers, so
 * that the next decisions know of it; a write that fails must be followed by what the API server has.
 */
export function plan(planning: Planning, keys: Iterable<string>): Plan {
  const { store, memory } = planning;
  const looking = { ...planning, waves: new Map() };
  const wake = new Set<string>();
  const decisions: Decision[] = [];
  const rank = (key: string) => (store.workloads.get(key)?.state?.phase === 'failed' ? 0 : 1);
  const order = [...new Set(keys)].sort((one, other) => rank(one) - rank(other) || (one < other ? -1 : 1));
  for (const key of order) {
    const workload = store.workloads.get(key);
    if (workload === undefined) continue;
    const wasBlocked = memory.blocked.delete(key);
    const decision = decide(looking, workload);
    if (decision !== undefined) decisions.push(decision);
    const isNews = wasBlocked !== memory.blocked.has(key);
    if (isNews) for (const peer of peersOf(store, workload)) if (peer !== key) wake.add(peer);
    if (decision?.patch === undefined) continue;
    looking.waves.clear();
    const { state, history, template } = decision.patch;
    const written = {
      ...workload,
      ...{ state, history, isForeign: false, isLost: undefined, stateTool: undefined },
      ...(template === undefined ? {} : { template, ownsTemplate: true, templateTool: undefined }),
    };
    for (const other of putWorkload(store, key, written)) if (other !== key) wake.add(other);
    store.pending.set(key, workload);
  }
  // What is only being written of them is not known to have been written.
  const written = new Set(
    decisions.flatMap(({ patch, workload }) => (patch === undefined ? [] : workload.key)),
  );
  const seen = order.flatMap((key) => (written.has(key) ? [] : (store.workloads.get(key) ?? [])));
  return { decisions, wake, restorings: restorings(planning, seen) };
}
