import { changedPaths, type Snapshot, sameSnapshot } from '../files/content.ts';
import { sameEnvironment } from '../files/environment.ts';
import { environmentFor } from '../gate/environment.ts';
import { type Action, mergeActions } from '../state/action.ts';
import type { Configuration } from '../state/progress.ts';
import type { Watch } from '../state/settings.ts';
import type { State } from '../state/state.ts';
import { joinPath, relativePath } from '../text/path.ts';

/* What a change asks for, and how long it is waited with. */

/** Settle times of `auto`, ms (specification 1). */
const SETTLE_ONE_VOLUME = 0;
const SETTLE_VOLUMES = 3_000;
const SETTLE_PLAIN = 250;

/**
 * The action for each changed file is that of the most specific watch it lies below (specification 1, `--watch`). There may
 * be thousands of paths, so each watch looks among those below it until it finds one that is its own.
 *
 * @param paths sorted
 */
function actionsFor(state: State, paths: readonly string[]): readonly Action[] {
  const { watches } = state.settings;
  const bySpecificity = [...watches].sort((one, other) => other.path.length - one.path.length);
  const ownerOf = (path: string) =>
    bySpecificity.find((watch) => relativePath(watch.path, path) !== undefined)?.path;
  const speaks = ({ path: watch }: Watch): boolean => {
    for (const start of [watch, joinPath(watch, '*').slice(0, -1)]) {
      for (let index = firstFrom(paths, start); index < paths.length; index++) {
        const path = paths[index] ?? '';
        if (relativePath(watch, path) === undefined) break;
        if (ownerOf(path) === watch) return true;
      }
    }
    return false;
  };
  return watches.filter(speaks).map((watch) => watch.action);
}

/** The index of the first of sorted paths that is not before another one. */
function firstFrom(paths: readonly string[], start: string): number {
  let [low, high] = [0, paths.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((paths[middle] ?? '') < start) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function settleTime(state: State): number {
  const { settle } = state.settings;
  if (settle !== 'auto') return settle;
  const volumes = new Set(state.observation.watched.map((watched) => watched.volume?.root));
  if (volumes.size > 1 && !volumes.has(undefined)) return SETTLE_VOLUMES;
  if ([...volumes].filter((root) => root !== undefined).length > 1) return SETTLE_VOLUMES;
  return volumes.has(undefined) ? SETTLE_PLAIN : SETTLE_ONE_VOLUME;
}

/** Whether there is content to be applied: what failed is not, until it changes. */
export function isChanged({ told, seen, barred, unanswered }: Configuration): boolean {
  return (
    (unanswered !== undefined || !sameSnapshot(told, seen)) &&
    (barred === undefined || !sameSnapshot(barred, seen))
  );
}

/** Whether these contents make another environment; one that can't be made is another. */
function changesEnvironment(state: State, from: Snapshot, to: Snapshot): boolean {
  if (state.settings.environmentDirectories.length === 0) return false;
  const [before, after] = [environmentFor(state, from), environmentFor(state, to)];
  return !after.ok || !before.ok || !sameEnvironment(before.value.entries, after.value.entries);
}

/** What a reload from what is told to `to` would do. */
export function plan(
  state: State,
  to: Snapshot,
): { readonly paths: readonly string[]; readonly actions: readonly Action[] } {
  const { told, requested, deadly, unanswered } = state.configuration;
  const changed = changedPaths(told, to);
  const paths = unanswered === undefined ? changed : [...new Set([...unanswered, ...changed])].sort();
  const restart: readonly Action[] = changesEnvironment(state, told, to) ? [{ kind: 'restart' }] : [];
  const wanted = [...restart, ...actionsFor(state, paths), ...requested];
  // A signal that ended the child before is a restart from then on (specification 3).
  const actions = wanted.map(
    (action): Action =>
      action.kind === 'signal' && !action.forced && deadly.has(action.signal) ? { kind: 'restart' } : action,
  );
  return { paths, actions: mergeActions(actions) };
}
