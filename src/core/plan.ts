import { type Action, mergeActions } from './action.ts';
import { changedPaths, sameSnapshot } from './content.ts';
import { relativePath } from './path.ts';
import type { Configuration, State } from './state.ts';

/* What a change asks for, and how long it is waited with. */

/** Settle times of `auto`, ms (specification 1). */
const SETTLE_ONE_VOLUME = 0;
const SETTLE_VOLUMES = 3_000;
const SETTLE_PLAIN = 250;

/** The action for each changed file is that of the most specific watch it lies below (specification 1, `--watch`). */
function actionsFor(state: State, paths: readonly string[]): readonly Action[] {
  const { watches } = state.settings;
  const speaking = new Set<string>();
  for (const path of paths) {
    const owners = watches.filter((watch) => relativePath(watch.path, path) !== undefined);
    speaking.add(owners.reduce((best, { path: owner }) => (owner.length > best.length ? owner : best), ''));
  }
  return watches.filter((watch) => speaking.has(watch.path)).map((watch) => watch.action);
}

export function settleTime(state: State): number {
  const { settle } = state.settings;
  if (settle !== 'auto') return settle;
  const volumes = new Set(state.observation.watched.map((watched) => watched.volume?.root));
  if (volumes.size > 1 && !volumes.has(undefined)) return SETTLE_VOLUMES;
  if ([...volumes].filter((root) => root !== undefined).length > 1) return SETTLE_VOLUMES;
  return volumes.has(undefined) ? SETTLE_PLAIN : SETTLE_ONE_VOLUME;
}

export function isChanged({ told, seen }: Configuration): boolean {
  return !sameSnapshot(told, seen);
}

/** What a reload of what is told and seen now would do. */
export function plan({ configuration, ...state }: State): {
  readonly paths: readonly string[];
  readonly actions: readonly Action[];
} {
  const paths = changedPaths(configuration.told, configuration.seen);
  const actions = actionsFor({ ...state, configuration }, paths);
  return { paths, actions: mergeActions([...actions, ...configuration.requested]) };
}
