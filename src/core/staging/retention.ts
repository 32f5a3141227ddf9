import {
  type FileFailure,
  type FileSteps,
  isFailure,
  names,
  readlink,
  syncDirectory,
} from '../files/files.ts';
import { GOOD_LINK, generationNumber, isNewer } from '../files/layout.ts';
import { removeTree } from '../files/removal.ts';
import { DATA_LINK } from '../files/volume.ts';
import { joinPath } from '../text/path.ts';
import { failedOn } from './failures.ts';
import { swapLink } from './publishing.ts';
import type { StageGeneration, StageResult } from './stage.ts';

/** Marks generations as good ones and removes all others but the active ones, and but newer ones unless `newer`. */
export function* keepGenerations(
  generations: readonly StageGeneration[],
  newer: boolean,
): FileSteps<StageResult> {
  for (const { stage, name } of generations) {
    const failure = yield* keep(stage.target, name, newer);
    if (failure !== undefined) return failedOn(`keep ${name} in ${stage.target}`, failure);
  }
  return { op: 'kept' };
}

function* keep(target: string, name: string, newer: boolean): FileSteps<FileFailure | undefined> {
  const good = yield* readlink(joinPath(target, GOOD_LINK));
  if (good !== name) {
    // On the disk before what was good so far is removed.
    const failure = (yield* swapLink(target, GOOD_LINK, name)) ?? (yield* syncDirectory(target));
    if (failure !== undefined) return failure;
  }
  return yield* removeUnused(target, newer ? undefined : generationNumber(name));
}

/** Removes the generations that are neither active nor good; none that is newer than `last`. */
export function* removeUnused(target: string, last?: number): FileSteps<FileFailure | undefined> {
  const found = yield* names(target);
  if (isFailure(found)) return found;
  const used: string[] = [];
  for (const link of [DATA_LINK, GOOD_LINK]) {
    const leads = yield* readlink(joinPath(target, link));
    if (!isFailure(leads)) used.push(leads);
    // What a link names that can't be read may be in use.
    else if (leads.errno !== 'ENOENT') return leads;
  }
  for (const name of found) {
    const number = generationNumber(name);
    if (number === undefined || used.includes(name) || isNewer(number, last ?? number)) continue;
    const failure = yield* removeTree(joinPath(target, name));
    if (failure !== undefined) return failure;
  }
  return undefined;
}
