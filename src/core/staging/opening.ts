import {
  close,
  type Directory,
  effectiveUser,
  enterPath,
  inspect,
  listAll,
  makeLink,
  removeFile,
  sync,
} from '../files/below/handles.ts';
import { makeAndEnter } from '../files/below/making.ts';
import { type FileFailure, type FileSteps, isFailure } from '../files/files.ts';
import { type Foreign, GOOD_LINK, type Layout, readLayout, TEMPORARY } from '../files/layout.ts';
import { removeTree } from '../files/removal.ts';
import { DATA_LINK } from '../files/volume.ts';
import { textOfBytes } from '../text/bytes.ts';
import { joinPath, parentPath } from '../text/path.ts';
import { callOf, isFull, remedy } from './failures.ts';
import { enterIntact, readGeneration } from './generations.ts';
import { lockTarget } from './locking.ts';
import { findPlaces, type Place } from './placement.ts';
import { linkKeys } from './publishing.ts';
import { NO_RECORD, readRecord } from './record.ts';
import type { Generation, Stage, StageResult } from './stage.ts';
import { type Held, isOwn, mayEmpty, type Target, withoutDevice } from './target.ts';

/** The mode of a target that is made, whatever the umask. */
const TARGET_MODE = 0o755;

type Refused = Extract<StageResult, { op: 'refused' }>;

/** What lies in a target that was there. */
type Examined = { readonly target: Target; readonly layout: Layout | undefined };

/**
 * Examines all targets before it changes any; then removes what a crash left, and tells what is there.
 *
 * @param targets gets the targets, open and locked; none if any is refused
 */
export function* openStages(stages: readonly Stage[], targets: Target[]): FileSteps<StageResult> {
  const places = yield* findPlaces(stages);
  if ('text' in places) return refused(places.stage, places.text);
  const result = yield* openPlaces(places, targets);
  if (result.op === 'opened') return result;
  for (const { directory } of targets.splice(0)) yield* close(directory);
  return result;
}

function* openPlaces(places: readonly Place[], targets: Target[]): FileSteps<StageResult> {
  const examined: Examined[] = [];
  const missing: Place[] = [];
  for (const place of places) {
    if (place.targetIdentity === undefined) {
      missing.push(place);
      continue;
    }
    const target = yield* openTarget(place, yield* enterPath(place.stage.target));
    if ('op' in target) return target;
    targets.push(target);
    const layout = yield* readLayout(target.directory);
    if (isFailure(layout)) return unusable(place.stage, layout);
    if ('foreign' in layout) return refused(place.stage, foreign(place.stage.target, layout));
    examined.push({ target, layout });
  }
  for (const place of missing) {
    const target = yield* openTarget(place, yield* makeTarget(place.stage.target));
    if ('op' in target) return target;
    targets.push(target);
    examined.push({ target, layout: undefined });
  }
  const opened = new Map<
    Stage,
    { inMemory: boolean; active: Generation | undefined; good: Generation | undefined }
  >();
  for (const { target, layout } of examined) {
    const { stage, targetInMemory: inMemory } = target.place;
    const failure = layout === undefined ? undefined : yield* mend(target, layout);
    if (failure !== undefined) return unusable(stage, failure);
    opened.set(stage, { inMemory, active: told(target.active), good: told(target.good) });
  }
  return { op: 'opened', stages: places.flatMap(({ stage }) => opened.get(stage) ?? []) };
}

function told(held: Held | undefined): Generation | undefined {
  return held === undefined ? undefined : { name: held.name, content: held.content };
}

/** A target that is open by now: what is to be known of it, and its lock. */
function* openTarget(place: Place, directory: Directory | FileFailure): FileSteps<Target | Refused> {
  const { stage } = place;
  if (isFailure(directory)) return unusable(stage, directory);
  const refusal = yield* takeTarget(place, directory);
  if ('op' in refusal) yield* close(directory);
  return refusal;
}

function* takeTarget(place: Place, directory: Directory): FileSteps<Target | Refused> {
  const { stage } = place;
  const found = yield* inspect(directory, '');
  if (isFailure(found)) return unusable(stage, found);
  const { identity } = found;
  if (place.targetIdentity !== undefined && place.targetIdentity !== identity)
    return refused(stage, `${textOfBytes(stage.target)} was exchanged while it was looked at; try again`);
  const user = yield* effectiveUser();
  if (isFailure(user)) return unusable(stage, user);
  const holder = yield* lockTarget(directory, identity);
  if (holder !== undefined) {
    const text = `${holder} has its lock; a target has one rehup at a time: end that one, or name another directory`;
    return refused(stage, text);
  }
  const record = place.targetIdentity === undefined ? NO_RECORD : yield* readRecord(directory, user);
  return {
    place,
    directory,
    identity,
    user,
    record,
    generations: new Map(),
    active: undefined,
    good: undefined,
    pending: undefined,
    rotated: undefined,
    amiss: undefined,
  };
}

function foreign(target: string, { foreign: name, what }: Foreign): string {
  const path = textOfBytes(joinPath(target, name));
  return `${path} ${what}; name a directory that is empty, or one of an earlier --stage`;
}

function* makeTarget(target: string): FileSteps<Directory | FileFailure> {
  const parent = yield* enterPath(parentPath(target));
  if (isFailure(parent)) return parent;
  const name = target.slice(target.lastIndexOf('/') + 1);
  const made = yield* makeAndEnter(parent, name, TARGET_MODE);
  yield* close(parent);
  return made;
}

/** Takes what is there for what it is, and removes what else a crash left. */
function* mend(target: Target, layout: Layout): FileSteps<FileFailure | undefined> {
  const { directory } = target;
  const active = yield* trusted(target, layout.active);
  if (isFailure(active)) return active;
  const good = layout.good === layout.active ? active : yield* trusted(target, layout.good);
  if (isFailure(good)) return good;
  target.active = active;
  target.good = good;
  for (const held of [active, good]) if (held !== undefined) target.generations.set(held.name, held);
  const remains = [
    ...layout.remains,
    ...(active === undefined && layout.active !== undefined ? [DATA_LINK] : []),
    ...(good === undefined && layout.good !== undefined ? [GOOD_LINK] : []),
  ];
  for (const name of remains) {
    const failure = yield* removeFile(directory, name);
    if (failure !== undefined) return failure;
  }
  const mine = mayEmpty(target);
  for (const name of layout.generations) {
    if (name === active?.name || name === good?.name) continue;
    // As far as it goes: what others fill, or made, is left.
    yield* removeTree(directory, name, mine);
  }
  const present = active === undefined ? [] : yield* namesIn(target, active);
  if (isFailure(present)) return present;
  return (
    (yield* linkKeys(directory, present, [])) ??
    (yield* tryWriting(directory)) ??
    (yield* sync(directory.handle, directory.path))
  );
}

/** A generation that a link leads to, if it is there and nobody else can have made it. */
function* trusted(target: Target, name: string | undefined): FileSteps<Held | undefined | FileFailure> {
  if (name === undefined) return undefined;
  const found = yield* inspect(target.directory, name);
  if (isFailure(found)) return found.errno === 'ENOENT' ? undefined : found;
  const isKnown = target.record.generations.includes(withoutDevice(found.identity));
  if (found.kind !== 'directory' || !(isKnown || isOwn(found, target.user))) return undefined;
  const held = yield* readGeneration(target.directory, target.place, name);
  // Exchanged meanwhile.
  return isFailure(held) || held.identity === found.identity ? held : undefined;
}

function* namesIn(target: Target, held: Held): FileSteps<readonly string[] | FileFailure> {
  const root = yield* enterIntact(target, held);
  if (root === undefined)
    return { failed: 'enter', path: joinPath(target.directory.path, held.name), errno: 'ESTALE' };
  if (isFailure(root)) return root;
  const present = yield* listAll(root);
  yield* close(root);
  return present;
}

/** A full file system is no reason not to start: a good generation may be there. */
function* tryWriting(directory: Directory): FileSteps<FileFailure | undefined> {
  const name = TEMPORARY[DATA_LINK];
  const failure = yield* makeLink(directory, name, '..rehup_1');
  if (failure !== undefined) return isFull(failure.errno) || failure.errno === 'EEXIST' ? undefined : failure;
  return yield* removeFile(directory, name);
}

function unusable(stage: Stage, { failed, path, errno }: FileFailure): Refused {
  return refused(stage, `${callOf(failed)} of ${textOfBytes(path)} failed (${errno}); ${remedy(errno)}`);
}

function refused(stage: Stage, text: string): Refused {
  return { op: 'refused', stage, text };
}
