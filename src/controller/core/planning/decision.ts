import type { LogLevel } from '../../../core/log/log.ts';
import type { Pod } from '../reading/pod.ts';
import type { State } from '../reading/state.ts';
import type { Workload } from '../reading/workload.ts';

/** What is to be done about a workload, and why. */
export type Decision = {
  readonly workload: Workload;
  /** What is written; the store has it already. */
  readonly patch?: Patch;
  readonly tell: readonly Telling[];
  readonly evict?: Pod;
  readonly remove: readonly Pod[];
  /** Look again then, ms; nothing by itself if undefined. */
  readonly again?: number | undefined;
};

/** What is written of a workload. A template of undefined gives up what was ours in it. */
export type Patch = {
  readonly state: State;
  readonly history: readonly string[];
  readonly template: string | undefined;
};

export const REASONS = [
  'Started',
  'Completed',
  'Failed',
  'Halted',
  'Skipped',
  'Adopted',
  'RolledBack',
] as const;

export type Reason = (typeof REASONS)[number];

/** A line of the log, and an Event on the workload. */
export type Telling = {
  readonly reason: Reason;
  readonly message: string;
  /** Of an Event that tells of more than this moment: when it began, ms. */
  readonly since?: number;
  /** An Event that follows says the same and more: each is a request to the API server. */
  readonly isForLog?: boolean;
};

/** How serious it is. */
export function levelOf(reason: Reason): LogLevel {
  switch (reason) {
    case 'Failed':
      return 'error';
    case 'Halted':
    case 'Skipped':
    case 'RolledBack':
      return 'warn';
    case 'Started':
    case 'Completed':
    case 'Adopted':
      return 'info';
  }
}

const TITLES: Readonly<Record<string, string>> = { configmap: 'ConfigMap', secret: 'Secret' };

/** `configmap/app` for people. */
export function titleOf(name: string): string {
  const [kind = '', rest = ''] = name.split('/');
  return `${TITLES[kind] ?? kind} ${rest}`;
}

export function titlesOf(names: readonly string[]): string {
  return names.map(titleOf).join(', ');
}
