import { listSome, readLink, sync } from '../files/below/handles.ts';
import { type FileFailure, type FileSteps, isFailure } from '../files/files.ts';
import { GOOD_LINK, generationNumber } from '../files/layout.ts';
import { removeTree } from '../files/removal.ts';
import { DATA_LINK } from '../files/volume.ts';
import { forgetFailed } from './failing.ts';
import { failedOn } from './failures.ts';
import { swapLink } from './publishing.ts';
import type { StageResult } from './stage.ts';
import { type Held, mayEmpty, type Target } from './target.ts';

/** So many names are looked at at a time; what others put there does not fill the memory. */
const MOST = 1_000;

/** Marks a generation as a good one and removes all others but the active one, and but one in the making unless `newer`. */
export function* keepGeneration(target: Target, held: Held, newer: boolean): FileSteps<StageResult> {
  const failure = yield* keep(target, held, newer);
  return failure === undefined
    ? { op: 'kept' }
    : failedOn(`keep ${held.name} in ${target.place.stage.target}`, failure);
}

function* keep(target: Target, held: Held, newer: boolean): FileSteps<FileFailure | undefined> {
  const { directory } = target;
  const good = yield* readLink(directory, GOOD_LINK);
  if (good !== held.name) {
    // On the disk before what was good so far is removed.
    const failure =
      (yield* swapLink(directory, GOOD_LINK, held.name)) ?? (yield* sync(directory.handle, directory.path));
    if (failure !== undefined) return failure;
  }
  target.good = held;
  if (newer) target.pending = undefined;
  yield* removeUnused(target);
  return yield* forgetFailed(target, held);
}

/**
 * Removes the generations that are neither active nor good, nor in the making. As far as it goes: what others fill, or
 * made, is left.
 */
export function* removeUnused(target: Target): FileSteps<void> {
  const { directory, generations } = target;
  const used = new Set([target.pending, target.active?.name, target.good?.name]);
  // A publication that failed half way may have left a link to one more.
  for (const link of [DATA_LINK, GOOD_LINK]) {
    const leads = yield* readLink(directory, link);
    if (!isFailure(leads)) used.add(leads);
  }
  const unused: string[] = [];
  for (let anew = true; ; anew = false) {
    const some = yield* listSome(directory, anew);
    if (isFailure(some) || some.length === 0) break;
    for (const name of some) {
      if (generationNumber(name) !== undefined && !used.has(name) && unused.length < MOST) unused.push(name);
    }
  }
  const mine = mayEmpty(target);
  for (const name of unused) {
    const failure = yield* removeTree(directory, name, mine);
    if (failure !== undefined) continue;
    for (const [told, held] of generations) if (held.name === name) generations.delete(told);
  }
}
