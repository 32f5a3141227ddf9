import { act, type FileFailure, type FileSteps, isFailure, names, syncDirectory } from '../files/files.ts';
import { type Foreign, type Layout, readLayout, TEMPORARY } from '../files/layout.ts';
import { removeLink, removeTree } from '../files/removal.ts';
import { DATA_LINK } from '../files/volume.ts';
import { textOfBytes } from '../text/bytes.ts';
import { joinPath } from '../text/path.ts';
import { callOf, isFull, remedy } from './failures.ts';
import { findPlaces, type Place } from './placement.ts';
import { linkKeys } from './publishing.ts';
import type { Stage, StageResult } from './stage.ts';
import { readStaged } from './staged.ts';

/** The mode of a target that is made, whatever the umask. */
const TARGET_MODE = 0o755;

type Refused = Extract<StageResult, { op: 'refused' }>;
type Opened = Extract<StageResult, { op: 'opened' }>['stages'][number];

/** Examines all targets before it changes any; then removes what a crash left, and tells what is there. */
export function* openStages(stages: readonly Stage[]): FileSteps<StageResult> {
  const places = yield* findPlaces(stages);
  if ('text' in places) return refused(places.stage, places.text);
  const examined: { place: Place; layout: Layout | undefined }[] = [];
  for (const place of places) {
    const layout = yield* examine(place);
    if (layout !== undefined && 'op' in layout) return layout;
    examined.push({ place, layout });
  }
  const opened: Opened[] = [];
  for (const { place, layout } of examined) {
    const { stage } = place;
    const failure =
      layout === undefined ? yield* makeTarget(stage.target) : yield* mend(stage.target, layout);
    if (failure !== undefined) return unusable(stage, failure);
    const [active, good] = [yield* readStaged(place, layout?.active), yield* readStaged(place, layout?.good)];
    if (isFailure(active)) return unusable(stage, active);
    if (isFailure(good)) return unusable(stage, good);
    opened.push({ inMemory: place.targetInMemory, active, good });
  }
  return { op: 'opened', stages: opened };
}

/** The layout of a target; undefined if it has to be made. */
function* examine({ stage, targetThere }: Place): FileSteps<Layout | undefined | Refused> {
  if (!targetThere) return undefined;
  const layout = yield* readLayout(stage.target);
  if (isFailure(layout)) return unusable(stage, layout);
  return 'foreign' in layout ? refused(stage, foreign(stage.target, layout)) : layout;
}

function foreign(target: string, { foreign: name, what }: Foreign): string {
  const path = textOfBytes(joinPath(target, name));
  return `${path} ${what}; name a directory that is empty, or one of an earlier --stage`;
}

function* makeTarget(target: string): FileSteps<FileFailure | undefined> {
  return (
    (yield* act({ op: 'mkdir', path: target, mode: TARGET_MODE })) ??
    (yield* act({ op: 'chmod', path: target, mode: TARGET_MODE }))
  );
}

function* mend(target: string, layout: Layout): FileSteps<FileFailure | undefined> {
  for (const name of layout.remains) {
    const failure = yield* removeLink(joinPath(target, name));
    if (failure !== undefined) return failure;
  }
  for (const name of layout.generations) {
    if (name === layout.active || name === layout.good) continue;
    const failure = yield* removeTree(joinPath(target, name));
    if (failure !== undefined) return failure;
  }
  const present = layout.active === undefined ? [] : yield* names(joinPath(target, layout.active));
  if (isFailure(present)) return present;
  return (yield* linkKeys(target, present)) ?? (yield* tryWriting(target)) ?? (yield* syncDirectory(target));
}

/** A full file system is no reason not to start: a good generation may be there. */
function* tryWriting(target: string): FileSteps<FileFailure | undefined> {
  const path = joinPath(target, TEMPORARY[DATA_LINK]);
  const failure = yield* act({ op: 'symlink', target: '..rehup_1', path });
  if (failure !== undefined) return isFull(failure.errno) ? undefined : failure;
  return yield* removeLink(path);
}

function unusable(stage: Stage, { failed, path, errno }: FileFailure): Refused {
  return refused(stage, `${callOf(failed)} of ${textOfBytes(path)} failed (${errno}); ${remedy(errno)}`);
}

function refused({ source, target }: Stage, text: string): Refused {
  return { op: 'refused', text: `--stage ${textOfBytes(source)}=${textOfBytes(target)}: ${text}` };
}
