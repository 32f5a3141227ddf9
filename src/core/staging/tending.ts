import { clearWay } from '../files/below/clearing.ts';
import { close, inspect, listAll, listSome, readLink, rename, sync } from '../files/below/handles.ts';
import { digestFile, type FileFailure, type FileSteps, isFailure, status } from '../files/files.ts';
import { GOOD_LINK, keyTarget } from '../files/layout.ts';
import { isGone, MAX_BYTES } from '../files/tree.ts';
import { isApart, readGeneration } from '../files/volume.ts';
import { textOfBytes } from '../text/bytes.ts';
import type { PathPredicate } from '../text/glob.ts';
import { joinPath } from '../text/path.ts';
import { failedOn } from './failures.ts';
import { enterIntact } from './generations.ts';
import { copyAll } from './preparing.ts';
import { findAmiss, publishGeneration, swapLink, type Tampered } from './publishing.ts';
import { removeUnused } from './retention.ts';
import type { Tended } from './stage.ts';
import type { Held, Target } from './target.ts';

/** Sees to it that a target shows what was published in it; undefined if there is nothing new to say. */
export function* tend(target: Target, ignore: PathPredicate): FileSteps<Tended | undefined> {
  const { active, place } = target;
  const { stage } = place;
  if (active === undefined) return undefined;
  const there = yield* status(stage.target, true);
  if (isFailure(there) && !isGone(there)) {
    const { reason } = failedOn(`look at ${stage.target}`, there);
    return news(target, { stage, tampered: undefined, failed: reason });
  }
  if (isFailure(there) || there.identity !== target.identity) {
    const failed = `${textOfBytes(stage.target)} is not the directory any more that it was at the start`;
    return news(target, { stage, tampered: undefined, failed });
  }
  const amiss = yield* look(target, active);
  if (isFailure(amiss)) {
    const { reason } = failedOn(`look at ${stage.target}`, amiss);
    return news(target, { stage, tampered: undefined, failed: reason });
  }
  if (amiss !== undefined) {
    const failed = yield* mend(target, active, ignore);
    target.amiss = failed;
    return { stage, tampered: amiss.tampered, failed };
  }
  const copied = (yield* isRotated(target, active)) ? yield* copyAnew(target, active, ignore) : undefined;
  // Other content is for a reload to bring.
  const failed = copied === OTHER ? undefined : copied;
  return news(target, { stage, tampered: yield* findForeign(target), failed });
}

/** What is as it was at the last look is not told again. */
function news(target: Target, tended: Tended): Tended | undefined {
  const { tampered, failed } = tended;
  const text = tampered === undefined && failed === undefined ? undefined : `${tampered}: ${failed}`;
  const known = target.amiss === text;
  target.amiss = text;
  return known || text === undefined ? undefined : tended;
}

/** What somebody else changed of what was published, which can be undone. */
function* look(target: Target, active: Held): FileSteps<Tampered | FileFailure | undefined> {
  const root = yield* enterIntact(target, active);
  if (root === undefined) return { tampered: `${active.name} was removed or changed` };
  if (isFailure(root)) return root;
  const present = yield* listAll(root);
  yield* close(root);
  return isFailure(present) ? present : yield* findAmiss(target, active, present);
}

/** A name that the application sees beside what was published: it may be its own, and stays. */
function* findForeign({ directory }: Target): FileSteps<string | undefined> {
  for (let anew = true; ; anew = false) {
    const some = yield* listSome(directory, anew);
    if (isFailure(some) || some.length === 0) return undefined;
    for (const name of some) {
      if (isApart(name) || (yield* readLink(directory, name)) === keyTarget(name)) continue;
      return `${textOfBytes(joinPath(directory.path, name))} was not put there by --stage, and is left`;
    }
  }
}

/** Publishes what is active anew: as it was made if that is still there, else copied again. Why it can't be, if so. */
function* mend(target: Target, active: Held, ignore: PathPredicate): FileSteps<string | undefined> {
  yield* findAgain(target, active);
  const result = yield* publishGeneration(target, active);
  if (result.op === 'published') return undefined;
  const failed = yield* copyAnew(target, active, ignore);
  return failed === undefined ? undefined : `${failed}${result.op === 'failed' ? ` (${result.reason})` : ''}`;
}

/** Gives a generation its name back that was renamed. */
function* findAgain(target: Target, { name, identity }: Held): FileSteps<void> {
  const { directory } = target;
  const there = yield* inspect(directory, name);
  if (!isFailure(there) && there.identity === identity) return;
  for (let anew = true; ; anew = false) {
    const some = yield* listSome(directory, anew);
    if (isFailure(some) || some.length === 0) return;
    for (const other of some) {
      const found = yield* inspect(directory, other);
      if (isFailure(found) || found.identity !== identity) continue;
      yield* clearWay(directory, name);
      yield* rename(directory, other, name);
      return;
    }
  }
}

const OTHER = 'the source holds other content by now';

/** Copies a source again that holds the content that is active, and publishes that in its place. */
function* copyAnew(target: Target, active: Held, ignore: PathPredicate): FileSteps<string | undefined> {
  const { directory, generations } = target;
  const { source } = target.place.stage;
  const request = { path: source, known: { digest: active.content.digest } };
  const copied = yield* copyAll([{ target, request }], ignore);
  if (copied.op !== 'prepared') return copied.op === 'failed' ? copied.reason : undefined;
  const name = copied.generations[0]?.name ?? '';
  const held = generations.get(name);
  generations.delete(name);
  if (held === undefined) return undefined;
  if (held.content.digest !== active.content.digest) {
    yield* removeUnused(target);
    return OTHER;
  }
  const wasGood = target.good === active;
  const result = yield* publishGeneration(target, held);
  if (result.op !== 'published') return result.op === 'failed' ? result.reason : undefined;
  // Whoever asks for it by its old name gets it.
  for (const [told, one] of generations) if (one === active) generations.set(told, held);
  if (wasGood) {
    const failure =
      (yield* swapLink(directory, GOOD_LINK, held.name)) ?? (yield* sync(directory.handle, directory.path));
    if (failure !== undefined) return failedOn(`keep ${held.name} in ${directory.path}`, failure).reason;
    target.good = held;
  }
  yield* removeUnused(target);
  return undefined;
}

/**
 * Whether a file that does not count as content is another one by now in the source; told once for each
 * generation of that, since other content beside it, which was rejected, keeps it from being published.
 */
function* isRotated(target: Target, active: Held): FileSteps<boolean> {
  let rotated = '';
  for (const [path, { size, digest }] of active.files) {
    if (active.content.files.has(path)) continue;
    const from = joinPath(target.place.stage.source, path);
    const there = yield* digestFile(from, active.keyed.has(path), MAX_BYTES);
    // What can't be read is for the look to tell.
    if (!isFailure(there) && (there.size !== size || there.digest !== digest))
      rotated += `${path} ${there.digest}\n`;
  }
  if (rotated === '') return false;
  const generation = yield* readGeneration(target.place.stage.source);
  const tried = `${typeof generation === 'string' ? generation : ''}\n${rotated}`;
  if (tried === target.rotated) return false;
  target.rotated = tried;
  return true;
}
