import type { Hash } from '../reading/digest.ts';
import type { PlanSettings } from '../reading/settings.ts';
import type { Store } from './store.ts';
import type { Waves } from './wave.ts';

/** How often something was refused, and when it is tried again, ms. */
export type Refusals = { readonly tries: number; readonly until: number };

/** What is remembered between two passes of one process; nothing depends on it but patience and repeated words. */
export type Memory = {
  /** Workloads whose patch was refused. */
  readonly refused: Map<string, Refusals>;
  /** Workloads of which an eviction was refused. */
  readonly unevicted: Map<string, Refusals>;
  /** Workloads that can't be rolled now for reasons of their own. */
  readonly blocked: Set<string>;
  /** Workloads in which somebody else had written what the controller keeps, so that it was written anew. */
  readonly readopted: Map<string, Refusals>;
  /** What was said last of a workload that waits, so that it is said once. */
  readonly told: Map<string, string>;
  /** What was said of annotations that can't be understood. */
  readonly mistaken: Map<string, string>;
};

export function createMemory(): Memory {
  return {
    refused: new Map(),
    unevicted: new Map(),
    readopted: new Map(),
    blocked: new Set(),
    told: new Map(),
    mistaken: new Map(),
  };
}

/** Of a workload that is gone. */
export function forget(memory: Memory, key: string): void {
  memory.refused.delete(key);
  memory.unevicted.delete(key);
  memory.readopted.delete(key);
  memory.blocked.delete(key);
  memory.told.delete(key);
  memory.mistaken.delete(key);
}

/** The next try of what was refused: after the shortest wait at first, then twice as long each time. */
export function refusedAgain(
  before: Refusals | undefined,
  now: number,
  { shortest, longest }: { readonly shortest: number; readonly longest: number },
): Refusals {
  const tries = (before?.tries ?? 0) + 1;
  return { tries, until: now + Math.min(longest, shortest * 2 ** Math.min(tries - 1, 20)) };
}

/** Everything that a decision is made from. */
export type Planning = {
  readonly store: Store;
  readonly memory: Memory;
  readonly settings: PlanSettings;
  readonly hash: Hash;
  readonly now: number;
  /** From 0 to 1 by the name of a workload. */
  readonly chance: (key: string) => number;
};

/** The same in the middle of a pass. */
export type Looking = Planning & { readonly waves: Waves };
