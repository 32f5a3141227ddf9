import { type Decision, levelOf, type Reason, type Telling } from '../core/planning/decision.ts';
import { createMemory, forget, type Memory, refusedAgain } from '../core/planning/memory.ts';
import { plan } from '../core/planning/plan.ts';
import type { Restoring } from '../core/planning/restore.ts';
import { createStore, putWorkload, type Store } from '../core/planning/store.ts';
import type { ApiWorkload } from '../core/reading/api.ts';
import type { Hash } from '../core/reading/digest.ts';
import type { PlanSettings } from '../core/reading/settings.ts';
import type { State } from '../core/reading/state.ts';
import { type Workload, type WorkloadKind, workloadOf } from '../core/reading/workload.ts';
import { ApiError } from './client.ts';
import type { Keeper } from './keeper.ts';
import type { Log } from './log.ts';
import type { Writer } from './writer.ts';

/** The queue of workloads that have to be looked at, and what is done about them. */
export type Runner = {
  readonly store: Store;
  readonly memory: Memory;
  readonly told: ReadonlyMap<Reason, number>;
  mark(keys: Iterable<string>): void;
  /** A workload as it was listed or watched; undefined if it is gone. */
  takeWorkload(kind: WorkloadKind, key: string, object: ApiWorkload | undefined): void;
  /** Looks at all of them: this process has become the leader. */
  markAll(): void;
  waiting(): number;
  refused(): number;
};

export type RunnerOptions = {
  readonly settings: PlanSettings;
  readonly hash: Hash;
  readonly writer: Writer;
  readonly keeper: Keeper;
  readonly log: Log;
  /** What is told of a workload is shown, and sent, as well. */
  readonly heard: (decision: Decision, telling: Telling) => void;
  readonly isDryRun: boolean;
  /** Whether something may be done. */
  readonly isReady: () => boolean;
};

/** Between tries of what was refused; ms. */
const REFUSED = { shortest: 1000, longest: 300_000 } as const;
const UNEVICTED = { shortest: 10_000, longest: 300_000 } as const;
const UNRESTORED = 10_000;

/** Workloads that are looked at and written at once: some kilobytes each. */
const MOST = 500;

/** The longest that a timer of Node holds, ms. */
const LONGEST = 2 ** 31 - 1;

/** What was watched or answered: no workload where it takes no part, no version where it is gone. The object itself is large. */
type Seen = { readonly workload: Workload | undefined; readonly version: number | undefined };

export function createRunner(options: RunnerOptions): Runner {
  const { settings, hash, writer, keeper, log, heard, isDryRun, isReady } = options;
  const store = createStore(settings.settle);
  const memory: Memory = createMemory();
  const dirty = new Set<string>();
  const wakes = new Map<string, NodeJS.Timeout>();
  /** What is being written, and what was watched of it meanwhile. */
  const busy = new Map<string, { latest?: Seen }>();
  /** In a dry run: what would have been written. */
  const imagined = new Map<string, State>();
  /** ConfigMaps of which a good content is being kept or written back. */
  const restored = new Set<string>();
  const told = new Map<Reason, number>();
  let isPlanned = false;

  function mark(keys: Iterable<string>): void {
    for (const key of keys) dirty.add(key);
    if (isPlanned || dirty.size === 0) return;
    isPlanned = true;
    setImmediate(pass);
  }

  function pass(): void {
    isPlanned = false;
    if (!isReady()) return;
    const keys = taken();
    if (keys.length === 0) return;
    const planning = { store, memory, settings, hash, now: Date.now(), chance };
    const { decisions, wake, restorings } = plan(planning, keys);
    for (const restoring of restorings) void restore(restoring);
    for (const decision of decisions) perform(decision);
    mark(wake);
  }

  /** Not all at once: what waits for its write is in memory, and what is watched meanwhile has to be taken in. */
  function taken(): readonly string[] {
    const keys: string[] = [];
    for (const key of dirty) {
      if (keys.length + busy.size >= MOST) break;
      if (!busy.has(key)) keys.push(key);
    }
    for (const key of keys) dirty.delete(key);
    return keys;
  }

  /** One thing at a time for each ConfigMap, and after a failure not at once again. */
  async function restore(restoring: Restoring): Promise<void> {
    const { key, kind } = restoring;
    if (isDryRun || restored.has(key)) return;
    if (kind === 'tell')
      return say({ workload: restoring.failed, tell: [restoring.telling], remove: [] }, true);
    restored.add(key);
    try {
      const isDone = await keeper.restore(restoring);
      if (isDone && kind === 'restore')
        say({ workload: restoring.failed, tell: [restoring.telling], remove: [] }, false);
      restored.delete(key);
    } catch {
      setTimeout(() => {
        restored.delete(key);
        mark(store.referrers.get(key) ?? []);
      }, UNRESTORED);
    }
  }

  /** The same for each look at a workload, so that a pause is not drawn again and again. */
  function chance(key: string): number {
    return Number.parseInt(hash.sha256(key).slice(0, 8), 16) / 2 ** 32;
  }

  function perform(decision: Decision): void {
    const { workload, patch, again, evict, remove } = decision;
    const { key } = workload;
    if (again !== undefined) wakeAt(key, again);
    if (isDryRun) {
      imagine(decision);
      return;
    }
    if (patch !== undefined) {
      busy.set(key, {});
      void written(decision);
      return;
    }
    say(decision, true);
    if (evict === undefined && remove.length === 0) return;
    busy.set(key, {});
    void ended(decision).finally(() => released(key));
  }

  function say(decision: Decision, isOnce: boolean): void {
    const { workload, tell } = decision;
    for (const telling of tell) {
      const { reason, message } = telling;
      told.set(reason, (told.get(reason) ?? 0) + 1);
      const { kind, namespace, name } = workload;
      const event = `rollout.${reason.toLowerCase()}`;
      log(levelOf(reason), event, `${kind} ${namespace}/${name}: ${message}`, {
        kind,
        namespace,
        workload: name,
      });
      heard(decision, telling);
      if (!isDryRun && telling.isForLog !== true) writer.tell(workload, telling, isOnce);
    }
  }

  async function written(decision: Decision): Promise<void> {
    const { workload, patch } = decision;
    const { key, kind } = workload;
    if (patch === undefined) return;
    let now: Seen | undefined;
    try {
      now = seen(kind, await writer.patch(workload, patch));
      memory.refused.delete(key);
      say(decision, false);
    } catch (error) {
      refused(decision, error);
      try {
        now = seen(kind, await writer.get(workload));
      } catch {
        // What is watched tells in the end, and until then what was known before.
        if (busy.get(key)?.latest === undefined) now = { workload, version: 0 };
      }
    }
    released(key, now);
  }

  function refused({ workload }: Decision, error: unknown): void {
    const { key } = workload;
    const status = error instanceof ApiError ? error.status : 0;
    // It changed since, or is gone: a fresh look decides.
    if (status === 409 || status === 404) return;
    const refusal = refusedAgain(memory.refused.get(key), Date.now(), REFUSED);
    memory.refused.set(key, refusal);
    wakeAt(key, refusal.until);
    const reason = error instanceof Error ? error.message : String(error);
    log('warn', 'rollout.refused', `${key} could not be written: ${reason}; trying again`, { workload: key });
    const isAnswer = status >= 400 && status < 500 && status !== 429;
    if (isAnswer && refusal.tries === 1)
      writer.tell(
        workload,
        { reason: 'Skipped', message: `it refuses to be changed: ${reason}; trying again` },
        true,
      );
  }

  async function ended({ workload, evict, remove }: Decision): Promise<void> {
    const { key } = workload;
    try {
      for (const pod of remove) await writer.remove(pod);
      if (evict === undefined) return;
      if (await writer.evict(evict)) memory.unevicted.delete(key);
      else {
        const refusal = refusedAgain(memory.unevicted.get(key), Date.now(), UNEVICTED);
        memory.unevicted.set(key, refusal);
        wakeAt(key, refusal.until);
        log(
          'info',
          'eviction.refused',
          `${evict.namespace}/${evict.name} is not evicted yet: a PodDisruptionBudget`,
        );
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log('warn', 'eviction.failed', `${key}: ${reason}; trying again`);
      wakeAt(key, Date.now() + REFUSED.shortest);
    }
  }

  let releases = 0;

  /** What was under way is done; of its answer and what was watched meanwhile the later one counts. */
  function released(key: string, answer?: Seen): void {
    const latest = busy.get(key)?.latest;
    busy.delete(key);
    // Answers of thousands of writes would pile up.
    if (++releases % MOST === 0) globalThis.gc?.();
    // One that is gone was there before, and is told of when it is there again.
    const isLater = latest?.version === undefined || (answer?.version ?? 0) < latest.version;
    const known = latest !== undefined && isLater ? latest : answer;
    if (known !== undefined) takenIn(key, known);
    // What its pods did meanwhile was not looked at, nor what had to wait for a place.
    mark([]);
  }

  function seen(kind: WorkloadKind, object: ApiWorkload | undefined): Seen {
    return {
      workload: object === undefined ? undefined : workloadOf(kind, object, settings),
      version: object === undefined ? undefined : Number(object.metadata?.resourceVersion ?? 0),
    };
  }

  function takenIn(key: string, { workload }: Seen): void {
    if (workload === undefined) {
      forget(memory, key);
      imagined.delete(key);
      clearTimeout(wakes.get(key));
      wakes.delete(key);
      // Most of a cluster takes no part.
      if (!store.workloads.has(key)) return;
    }
    mark(putWorkload(store, key, workload === undefined ? undefined : asImagined(workload)));
  }

  function asImagined(workload: Workload): Workload {
    const state = imagined.get(workload.key);
    return state === undefined ? workload : { ...workload, state, isForeign: false };
  }

  /** Says what would be done, and goes on as if it were done and well. */
  function imagine(decision: Decision): void {
    const { workload, patch, tell } = decision;
    say({ ...decision, tell: tell.map((one) => ({ ...one, message: `would be: ${one.message}` })) }, true);
    if (patch === undefined) return;
    const { template } = workload;
    imagined.set(workload.key, { ...patch.state, phase: 'adopted', template });
    mark(putWorkload(store, workload.key, asImagined(workload)));
  }

  function wakeAt(key: string, at: number): void {
    clearTimeout(wakes.get(key));
    const timer = setTimeout(
      () => {
        wakes.delete(key);
        mark([key]);
      },
      Math.min(LONGEST, Math.max(1, at - Date.now())),
    );
    wakes.set(key, timer);
  }

  return {
    ...{ store, memory, told, mark },
    takeWorkload(kind, key, object) {
      const writing = busy.get(key);
      if (writing === undefined) takenIn(key, seen(kind, object));
      else writing.latest = seen(kind, object);
    },
    markAll: () => mark(store.workloads.keys()),
    waiting: () => dirty.size + busy.size,
    refused: () => memory.refused.size,
  };
}
