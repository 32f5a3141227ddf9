import {
  act,
  type FileFailure,
  type FileSteps,
  isFailure,
  names,
  readlink,
  syncDirectory,
} from '../files/files.ts';
import { BACK_LINK, keyTarget, TEMPORARY } from '../files/layout.ts';
import { removeLink } from '../files/removal.ts';
import { DATA_LINK, isApart } from '../files/volume.ts';
import { joinPath } from '../text/path.ts';
import { failedOn } from './failures.ts';
import type { StageGeneration, StageResult } from './stage.ts';

/** Publishes generations that are there, one target after the other. */
export function* publishGenerations(generations: readonly StageGeneration[]): FileSteps<StageResult> {
  for (const { stage, name } of generations) {
    const failure = yield* publish(stage.target, name);
    if (failure !== undefined) return failedOn(`publish ${name} in ${stage.target}`, failure);
  }
  return { op: 'published' };
}

/**
 * In the order of the present kubelet: `..data` is swapped, then new names are linked, then removed ones unlinked. What
 * fails after the swap is undone, by a link that was made before it: going back takes no room on the file system.
 */
function* publish(target: string, name: string): FileSteps<FileFailure | undefined> {
  const present = yield* names(joinPath(target, name));
  if (isFailure(present)) return present;
  const active = yield* readlink(joinPath(target, DATA_LINK));
  if (isFailure(active) && active.errno !== 'ENOENT') return active;
  if (active === name) return yield* linkKeys(target, present);
  const before = isFailure(active) ? undefined : active;
  const failure =
    (before === undefined ? undefined : yield* link(target, before, BACK_LINK)) ??
    (yield* swapLink(target, DATA_LINK, name));
  if (failure !== undefined) {
    yield* removeLink(joinPath(target, BACK_LINK));
    return failure;
  }
  const late =
    (yield* linkKeys(target, present)) ??
    (before === undefined ? undefined : yield* removeLink(joinPath(target, BACK_LINK))) ??
    (yield* syncDirectory(target));
  if (late !== undefined) yield* goBack(target, before);
  return late;
}

/** As far as it goes: what is left is mended by the next publication, or when the target is opened again. */
function* goBack(target: string, before: string | undefined): FileSteps<void> {
  const data = joinPath(target, DATA_LINK);
  if (before === undefined) {
    yield* removeLink(data);
    yield* linkKeys(target, []);
    return;
  }
  const gone = yield* act({ op: 'rename', from: joinPath(target, BACK_LINK), to: data });
  if (gone !== undefined) yield* swapLink(target, DATA_LINK, before);
  const present = yield* names(joinPath(target, before));
  if (!isFailure(present)) yield* linkKeys(target, present);
}

/** Has a link lead elsewhere, by one atomic rename. */
export function* swapLink(
  target: string,
  name: keyof typeof TEMPORARY,
  leads: string,
): FileSteps<FileFailure | undefined> {
  const from = joinPath(target, TEMPORARY[name]);
  const failure =
    (yield* link(target, leads, TEMPORARY[name])) ??
    (yield* act({ op: 'rename', from, to: joinPath(target, name) }));
  if (failure !== undefined) yield* removeLink(from);
  return failure;
}

/** Makes a link under a temporary name, where one may have been left. */
function* link(target: string, leads: string, name: string): FileSteps<FileFailure | undefined> {
  const path = joinPath(target, name);
  const failure = yield* act({ op: 'symlink', target: leads, path });
  if (failure?.errno !== 'EEXIST') return failure;
  return (yield* removeLink(path)) ?? (yield* act({ op: 'symlink', target: leads, path }));
}

/** Has exactly the first-level names of a generation be seen in the target: new ones first. */
export function* linkKeys(target: string, present: readonly string[]): FileSteps<FileFailure | undefined> {
  const visible = yield* names(target);
  if (isFailure(visible)) return visible;
  const seen = new Set(visible.filter((name) => !isApart(name)));
  for (const name of [...present].sort()) {
    if (seen.delete(name)) continue;
    const path = joinPath(target, name);
    const failure = yield* act({ op: 'symlink', target: keyTarget(name), path });
    if (failure !== undefined) return failure;
  }
  for (const name of seen) {
    const failure = yield* removeKey(target, name);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** Only links of the stage are removed: what somebody else put there meanwhile stays. */
function* removeKey(target: string, name: string): FileSteps<FileFailure | undefined> {
  const path = joinPath(target, name);
  return (yield* readlink(path)) === keyTarget(name) ? yield* removeLink(path) : undefined;
}
