import type { HeldReason } from './progress.ts';

/** How a reload ended (specification 5). */
export const OUTCOMES = ['applied', 'rejected', 'failed', 'rolled_back', 'superseded'] as const;

export type Outcome = (typeof OUTCOMES)[number];

/** Why a child was started. */
export const START_REASONS = ['first', 'reload', 'on-exit', 'signal killed it'] as const;

export type StartReason = (typeof START_REASONS)[number];

/** A reload that is over. */
export type EndedReload = {
  readonly id: number;
  readonly outcome: Outcome;
  /** When it ended, on the core's clock, ms. */
  readonly at: number;
  /** From its beginning to its outcome, ms. */
  readonly took: number;
  /** The first of the changed files, as byte strings, and how many there are. */
  readonly paths: readonly string[];
  readonly changed: number;
  readonly reason: string | undefined;
};

/** What is remembered of what is over, for status and metrics. Each thing is counted here and nowhere else. */
export type Record = {
  /** Whether it was said what this rehup runs on. */
  readonly announced: boolean;
  /** Whether it is still looked for the programs that the options name. */
  readonly seeking: boolean;
  readonly outcomes: ReadonlyMap<Outcome, number>;
  /** Reloads that took at most so long, by the bounds of {@link DURATION_BOUNDS}, and all; with the sum of all, ms. */
  readonly durations: { readonly counts: readonly number[]; readonly count: number; readonly sum: number };
  /** The last ones, the newest last. */
  readonly recent: readonly EndedReload[];
  /** Whether the last verdict was a good one; undefined before the first. */
  readonly lastGood: boolean | undefined;
  readonly lastAppliedAt: number | undefined;
  readonly starts: ReadonlyMap<StartReason, number>;
  /** How often a watch could not be looked at, by its path. */
  readonly watchErrors: ReadonlyMap<string, number>;
  /** Since when the application does not run on the content that is there. */
  readonly degradedSince: number | undefined;
  /** What old children left behind, in words: asked to stop and not gone yet, or not to be signalled by rehup. */
  readonly leftovers: readonly string[];
  /** How the child before this one ended, in words. */
  readonly lastExit: string | undefined;
};

/** Upper bounds of the histogram of durations, seconds (specification 6). */
export const DURATION_BOUNDS: readonly number[] = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300];

/** So many reloads are remembered. */
export const RECENT = 20;

/** What a reload may wait for, in the order in which it is shown. */
export const HELD_REASONS: readonly HeldReason[] = [
  'settle',
  'splay',
  'min-interval',
  'verify',
  'fleet-lock',
  'drain',
];

export const EMPTY_RECORD: Record = {
  announced: false,
  seeking: false,
  outcomes: new Map(),
  durations: { counts: DURATION_BOUNDS.map(() => 0), count: 0, sum: 0 },
  recent: [],
  lastGood: undefined,
  lastAppliedAt: undefined,
  starts: new Map(),
  watchErrors: new Map(),
  degradedSince: undefined,
  leftovers: [],
  lastExit: undefined,
};
