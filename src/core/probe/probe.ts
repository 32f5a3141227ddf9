/*
 * Room `probe/`: one look against a baseline that was kept on disk, without the machines (specification 7). May not know of
 * a child, a reload, or anything that lives longer than one look.
 */
import type { PathPredicate } from '../text/glob.ts';

/** What is asked of a probe. */
export type Probing = {
  /** Absolute paths. */
  readonly watches: readonly string[];
  readonly ignore: PathPredicate;
  /** The same as they were written: a probe that leaves out other files has a baseline of its own. */
  readonly ignored: readonly string[];
  readonly allowEmpty: boolean;
  /** The directory of the baseline; undefined: the first that can be written. */
  readonly state: string | undefined;
  /** The words of a command whose exit code counts first. */
  readonly and: readonly string[] | undefined;
  /** ms */
  readonly splay: number;
};

/** What a look shows of one watch. */
export type Sight =
  | { readonly kind: 'same' }
  /** There was no baseline of it: this is it. */
  | { readonly kind: 'taken'; readonly path: string }
  /** Absolute paths, sorted. */
  | { readonly kind: 'changed'; readonly paths: readonly string[] }
  /** It can't be told, and why. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** What a probe ends with and says. */
export type Verdict = {
  readonly code: 0 | 1;
  /** One line. */
  readonly line: string;
  /** What can't be told; undefined where all can. */
  readonly untold: string | undefined;
};

/** So many paths are named. */
const MOST_NAMED = 3;

/**
 * The verdict: 1 only where content was read that differs, and its part of the splay is over.
 *
 * @param waits for how long a change is still held back, ms
 */
export function verdictOf(sights: readonly Sight[], waits: number): Verdict {
  const reasons = sights.flatMap((sight) => (sight.kind === 'unknown' ? [sight.reason] : []));
  const untold = reasons.length === 0 ? undefined : reasons.join('; ');
  const changed = changedPaths(sights);
  if (changed.length > 0) {
    const line = `changed: ${named(changed)}`;
    return waits > 0
      ? { code: 0, line: `${line}; told in ${Math.ceil(waits / 1000)} s (--splay)`, untold }
      : { code: 1, line, untold };
  }
  if (untold !== undefined) return { code: 0, line: `can't tell: ${untold}`, untold };
  const taken = sights.flatMap((sight) => (sight.kind === 'taken' ? [sight.path] : []));
  const line = taken.length > 0 ? `baseline taken: ${named(taken)}` : 'unchanged';
  return { code: 0, line, untold };
}

/** The paths that changed, of all watches. */
export function changedPaths(sights: readonly Sight[]): readonly string[] {
  return [...new Set(sights.flatMap((sight) => (sight.kind === 'changed' ? sight.paths : [])))].sort();
}

function named(paths: readonly string[]): string {
  const more = paths.length - MOST_NAMED;
  return `${paths.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
