import type { Parts } from './digest.ts';

/** What the controller must remember of a workload, which stands in an annotation of it. */
export type State = {
  /** What it was adopted with or rolled out with last. */
  readonly digest: string;
  /** The digests that this one was made of. */
  readonly parts: Parts;
  /** `adopted`: seen for the first time, or changed by somebody else; nothing was rolled. */
  readonly phase: 'adopted' | 'rolling' | 'applied' | 'failed';
  /** Since when, ms since the epoch. */
  readonly at: number;
  /** Of the roll-out: the names whose content had changed. */
  readonly changed: readonly string[];
  /** Pods are evicted; else the template was changed. */
  readonly evicts?: boolean | undefined;
  /** What the pod template had when this was written. */
  readonly template?: string | undefined;
  /** It was not available before its roll-out. */
  readonly broken?: boolean | undefined;
  /** It failed before: what is left of that is removed. */
  readonly again?: boolean | undefined;
  /** When the annotation of the template was taken away, ms. */
  readonly taken?: readonly number[] | undefined;
  /** Of a failure: why. */
  readonly reason?: string | undefined;
};

export const STATE = 'rehup.dev/state';
export const HISTORY = 'rehup.dev/history';
export const CONFIG_DIGEST = 'rehup.dev/config-digest';
export const RESUMED_AT = 'rehup.dev/resumed-at';

/** The state as text of an annotation; the same for the same state. */
export function stateText(state: State): string {
  return JSON.stringify({ ...state, at: new Date(state.at).toISOString() });
}

const PHASES: readonly string[] = ['adopted', 'rolling', 'applied', 'failed'] satisfies State['phase'][];

/** Reads an annotation; undefined for one that nobody of this version wrote. */
export function parseState(text: string | undefined): State | undefined {
  if (text === undefined) return undefined;
  let read: Partial<Record<keyof State, unknown>>;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { digest, parts, phase, at, changed } = read ?? {};
  const time = typeof at === 'string' ? Date.parse(at) : Number.NaN;
  const isState =
    typeof digest === 'string' &&
    typeof phase === 'string' &&
    PHASES.includes(phase) &&
    typeof parts === 'object' &&
    parts !== null &&
    Object.values(parts).every((part) => typeof part === 'string') &&
    Array.isArray(changed) &&
    !Number.isNaN(time);
  return isState ? ({ ...read, at: time } as State) : undefined;
}

/** How many digests the history holds. */
const LONGEST_HISTORY = 10;

export function parseHistory(text: string | undefined): readonly string[] {
  return (text ?? '').split(',').filter((digest) => digest !== '');
}

/** The history with what is rolled out now, the last one at the end. */
export function withDigest(history: readonly string[], digest: string): readonly string[] {
  return [...history.filter((other) => other !== digest), digest].slice(-LONGEST_HISTORY);
}
