import { clearWay } from '../files/below/clearing.ts';
import { close, inspect, listAll, listSome, rename, sync } from '../files/below/handles.ts';
import { digestFile, type FileFailure, type FileSteps, isFailure, status } from '../files/files.ts';
import { BACK_LINK, GOOD_LINK, RECORD, RECORD_TEMPORARY, TEMPORARY } from '../files/layout.ts';
import { MAX_BYTES } from '../files/tree.ts';
import { DATA_LINK, isApart, readGeneration } from '../files/volume.ts';
import { textOfBytes } from '../text/bytes.ts';
import type { PathPredicate } from '../text/glob.ts';
import { joinPath } from '../text/path.ts';
import { failedOn } from './failures.ts';
import { enterIntact } from './generations.ts';
import { copyAll } from './preparing.ts';
import { findAmiss, publishGeneration, swapLink } from './publishing.ts';
import { removeUnused } from './retention.ts';
import type { Tended } from './stage.ts';
import type { Held, Target } from './target.ts';

/** Sees to it that a target shows what was published in it; undefined if there is nothing new to say. */
export function* tend(target: Target, ignore: PathPredicate): FileSteps<Tended | undefined> {
  const { active, place } = target;
  const { stage } = place;
  if (active === undefined) return undefined;
  const amiss = yield* look(target, active);
  if (amiss === undefined) {
    target.amiss = undefined;
    const copied = (yield* isRotated(target, active)) ? yield* copyAnew(target, active, ignore) : undefined;
    // Other content is for a reload to bring.
    const failed = copied === OTHER ? undefined : copied;
    return failed === undefined ? undefined : news(target, { stage, tampered: undefined, failed });
  }
  if (isFailure(amiss)) {
    const { reason } = failedOn(`look at ${stage.target}`, amiss);
    return news(target, { stage, tampered: undefined, failed: reason });
  }
  const failed = amiss.mended ? yield* mend(target, active, ignore) : undefined;
  return news(target, { stage, tampered: amiss.tampered, failed });
}

/** What is the same as at the last look is not told again. */
function news(target: Target, tended: Tended): Tended | undefined {
  const text = `${tended.tampered}: ${tended.failed}`;
  const known = target.amiss === text && (tended.failed !== undefined || !mends(tended));
  target.amiss = text;
  return known ? undefined : tended;
}

/** What is left where it is would be told at each look; what is mended is news whenever it is found. */
function mends({ tampered }: Tended): boolean {
  return tampered?.endsWith(LEFT) !== true;
}

const LEFT = 'was not put there by --stage, and is left';

type Amiss = { readonly tampered: string /** Whether it can be mended. */; readonly mended: boolean };

function* look(target: Target, active: Held): FileSteps<Amiss | FileFailure | undefined> {
  const { stage } = target.place;
  const there = yield* status(stage.target, true);
  if (isFailure(there) || there.identity !== target.identity) {
    const what = `${textOfBytes(stage.target)} is not the directory any more that it was at the start`;
    return { tampered: what, mended: false };
  }
  const root = yield* enterIntact(target, active);
  if (root === undefined) return { tampered: `${active.name} was removed or changed`, mended: true };
  if (isFailure(root)) return root;
  const present = yield* listAll(root);
  yield* close(root);
  if (isFailure(present)) return present;
  const amiss = yield* findAmiss(target, active, present);
  if (amiss !== undefined) return isFailure(amiss) ? amiss : { ...amiss, mended: true };
  return yield* findForeign(target, present);
}

/** A name that the application sees beside what was published. */
function* findForeign(
  { directory }: Target,
  present: readonly string[],
): FileSteps<Amiss | FileFailure | undefined> {
  const known = new Set([...present, DATA_LINK, GOOD_LINK, BACK_LINK, RECORD, RECORD_TEMPORARY]);
  for (const name of Object.values(TEMPORARY)) known.add(name);
  for (let anew = true; ; anew = false) {
    const some = yield* listSome(directory, anew);
    if (isFailure(some)) return some;
    if (some.length === 0) return undefined;
    const foreign = some.find((name) => !known.has(name) && !isApart(name));
    if (foreign !== undefined) {
      return { tampered: `${textOfBytes(joinPath(directory.path, foreign))} ${LEFT}`, mended: false };
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
