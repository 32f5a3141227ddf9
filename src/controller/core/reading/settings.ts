/** What the command line says of deciding; times in ms. */
export type PlanSettings = {
  readonly reloadAll: boolean;
  readonly secrets: boolean;
  readonly settle: number;
  readonly splay: number;
  /** Workloads of one changed object that are rolled at a time, and those of the cluster. */
  readonly maxRolling: number;
  readonly maxRollingTotal: number;
  readonly strategy: Strategy;
  readonly deadline: number;
  /** Whether content that failed once goes nowhere else. */
  readonly halt: boolean;
};

export const STRATEGIES = ['template', 'evict'] as const;

/** `template`: an annotation of the pod template changes; `evict`: pods are evicted one by one. */
export type Strategy = (typeof STRATEGIES)[number];

/** New pods must stay Ready for so long, ms. */
export const VERIFY = 30_000;
