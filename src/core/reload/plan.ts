import { sameEnvironment } from '../files/environment.ts';
import { changedPaths, type Snapshot, sameSnapshot } from '../files/snapshot.ts';
import { environmentFor } from '../gate/environment.ts';
import { type Action, mergeActions } from '../state/action.ts';
import type { Configuration } from '../state/progress.ts';
import type { Settings } from '../state/settings.ts';
import type { State } from '../state/state.ts';
import { parentPath } from '../text/path.ts';

/* What a change asks for, and how long it is waited with. */

/** Settle times of `auto`, ms (specification 1). */
const SETTLE_ONE_VOLUME = 0;
const SETTLE_VOLUMES = 3_000;
const SETTLE_PLAIN = 250;

/**
 * The action for each changed file is that of the most specific watch it lies below (specification 1, `--watch`). There may
 * be thousands of paths, and of watches: a path asks for what lies above it, and not again if its neighbour did.
 *
 * @param paths sorted
 */
function actionsFor(state: State, paths: readonly string[]): readonly Action[] {
  const { settings, observation } = state;
  const speaking = new Set<string>();
  let asked = '';
  for (const path of paths) {
    const directory = parentPath(path);
    // All watches are in the snapshot.
    if (directory === asked && !observation.snapshot.has(path)) continue;
    asked = observation.snapshot.has(path) ? '' : directory;
    for (let owner = path; ; owner = parentPath(owner)) {
      if (observation.snapshot.has(owner) && isWatch(settings, owner)) {
        speaking.add(owner);
        break;
      }
      if (owner === '/') break;
    }
  }
  return spokenBy(settings, speaking);
}

/** By the settings, the watches of each path, by index. */
const WATCHES = new WeakMap<Settings, ReadonlyMap<string, readonly number[]>>();

/** The actions of watches in the order of the command line: there may be thousands, of which one speaks. */
function spokenBy(settings: Settings, speaking: Iterable<string>): readonly Action[] {
  const known = WATCHES.get(settings) ?? byPath(settings);
  WATCHES.set(settings, known);
  const indices: number[] = [];
  for (const path of speaking) indices.push(...(known.get(path) ?? []));
  return indices.sort((one, other) => one - other).flatMap((index) => settings.watches[index]?.action ?? []);
}

/** What is watched only for its environment has no action. */
function isWatch({ environmentDirectories, watches }: Settings, path: string): boolean {
  return !environmentDirectories.includes(path) || watches.some((watch) => watch.path === path);
}

function byPath({ watches }: Settings): ReadonlyMap<string, readonly number[]> {
  const indices = new Map<string, number[]>();
  for (const [index, { path }] of watches.entries()) {
    const others = indices.get(path);
    if (others === undefined) indices.set(path, [index]);
    else others.push(index);
  }
  return indices;
}

export function settleTime(state: State): number {
  const { settle } = state.settings;
  if (settle !== 'auto') return settle;
  const { watched } = state.observation;
  const volumes = new Set<string>();
  let plain = false;
  for (const { volume, nested, plain: isPlain } of watched) {
    if (volume !== undefined) volumes.add(volume.root);
    for (const root of nested) volumes.add(root);
    plain ||= isPlain;
  }
  if (volumes.size > 1) return SETTLE_VOLUMES;
  return plain ? SETTLE_PLAIN : SETTLE_ONE_VOLUME;
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
