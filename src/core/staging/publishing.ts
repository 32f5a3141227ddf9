import { clearWay, renameOver } from '../files/below/clearing.ts';
import {
  close,
  type Directory,
  inspect,
  listAll,
  listSome,
  makeLink,
  readLink,
  removeFile,
  sync,
} from '../files/below/handles.ts';
import { type FileFailure, type FileSteps, isFailure } from '../files/files.ts';
import { BACK_LINK, generationNumber, keyTarget, TEMPORARY } from '../files/layout.ts';
import { DATA_LINK, isApart } from '../files/volume.ts';
import { textOfBytes } from '../text/bytes.ts';
import { joinPath } from '../text/path.ts';
import { failedOn } from './failures.ts';
import { enterIntact } from './generations.ts';
import type { StageResult } from './stage.ts';
import type { Held, Target } from './target.ts';

/** So often it is published what somebody else changes again at once. */
const ROUNDS = 5;

/** Somebody else changed a target: what they did, in words. */
export type Tampered = { readonly tampered: string };

type Trouble = FileFailure | Tampered;

/** Publishes a generation that is there. */
export function* publishGeneration(target: Target, held: Held): FileSteps<StageResult> {
  const { stage } = target.place;
  const replaced: string[] = [];
  const trouble = yield* publish(target, held, replaced);
  if (target.pending === held.name) target.pending = undefined;
  if (trouble === undefined) {
    target.active = held;
    return { op: 'published', tampered: replaced };
  }
  if (!('tampered' in trouble)) return failedOn(`publish ${held.name} in ${stage.target}`, trouble);
  const what = `can't publish ${held.name} in ${textOfBytes(stage.target)}`;
  return { op: 'failed', reason: `${what}: ${trouble.tampered}`, lasting: false };
}

/**
 * In the order of the present kubelet: `..data` is swapped, then new names are linked, then removed ones unlinked. What
 * fails after the swap is undone, by a link that was made before it: going back takes no room on the file system.
 *
 * @param replaced gets the names at which something else was in the way
 */
function* publish(target: Target, held: Held, replaced: string[]): FileSteps<Trouble | undefined> {
  const { directory } = target;
  const present = yield* namesIn(target, held);
  if (isFailure(present) || 'tampered' in present) return present;
  const active = yield* readLink(directory, DATA_LINK);
  if (active === held.name) {
    const failure = yield* linkKeys(directory, present, replaced);
    return failure ?? (yield* insist(target, held, present, replaced));
  }
  const before = isFailure(active) || generationNumber(active) === undefined ? undefined : active;
  const failure =
    (before === undefined ? undefined : yield* link(directory, before, BACK_LINK)) ??
    (yield* swapLink(directory, DATA_LINK, held.name));
  if (failure !== undefined) {
    yield* removeFile(directory, BACK_LINK);
    return failure;
  }
  const late =
    (yield* linkKeys(directory, present, replaced)) ??
    (before === undefined ? undefined : yield* removeFile(directory, BACK_LINK)) ??
    (yield* sync(directory.handle, directory.path)) ??
    (yield* insist(target, held, present, replaced));
  if (late !== undefined) yield* goBack(target, before);
  return late;
}

/** The first-level names of a generation that nobody changed. */
function* namesIn(target: Target, held: Held): FileSteps<readonly string[] | Trouble> {
  const root = yield* enterIntact(target, held);
  if (root === undefined) return { tampered: `${held.name} was removed or changed by somebody else` };
  if (isFailure(root)) return root;
  const present = yield* listAll(root);
  yield* close(root);
  return present;
}

/** Looks at what was published, and does it again if it is not what is there. */
function* insist(
  target: Target,
  held: Held,
  present: readonly string[],
  replaced: string[],
): FileSteps<Trouble | undefined> {
  const { directory } = target;
  for (let round = 1; ; round++) {
    const amiss = yield* findAmiss(target, held, present);
    if (amiss === undefined || isFailure(amiss) || round > ROUNDS) return amiss;
    if (!replaced.includes(amiss.tampered)) replaced.push(amiss.tampered);
    const active = yield* readLink(directory, DATA_LINK);
    const failure =
      (active === held.name ? undefined : yield* swapLink(directory, DATA_LINK, held.name)) ??
      (yield* linkKeys(directory, present, replaced));
    if (failure !== undefined) return failure;
  }
}

/** What somebody else changed of what a target shows; undefined if it shows this generation, and nothing in its place. */
export function* findAmiss(
  { directory }: Target,
  held: Held,
  present: readonly string[],
): FileSteps<Trouble | undefined> {
  for (const name of present) {
    const leads = yield* readLink(directory, name);
    if (leads !== keyTarget(name)) {
      if (isFailure(leads) && !isElse(leads)) return leads;
      return { tampered: `${textOfBytes(name)} is not the link that was put there` };
    }
  }
  const active = yield* readLink(directory, DATA_LINK);
  if (isFailure(active) && !isElse(active)) return active;
  if (active !== held.name) return { tampered: `${DATA_LINK} does not lead to ${held.name}` };
  const found = yield* inspect(directory, held.name);
  if (isFailure(found) && !isElse(found)) return found;
  if (isFailure(found) || found.identity !== held.identity)
    return { tampered: `${held.name} is not the directory that was made` };
  return undefined;
}

/** What readlink(2) and the like fail with where something else is. */
function isElse({ errno }: FileFailure): boolean {
  return ['ENOENT', 'EINVAL', 'ENOTDIR', 'ELOOP'].includes(errno);
}

/** As far as it goes: what is left is mended by the next publication, or when the target is opened again. */
function* goBack(target: Target, before: string | undefined): FileSteps<void> {
  const { directory, generations } = target;
  if (before === undefined) {
    yield* clearWay(directory, DATA_LINK);
    yield* linkKeys(directory, [], []);
    return;
  }
  const gone = yield* renameOver(directory, BACK_LINK, DATA_LINK);
  if (gone !== undefined) yield* swapLink(directory, DATA_LINK, before);
  const held = [...generations.values()].find(({ name }) => name === before);
  const present = held === undefined ? undefined : yield* namesIn(target, held);
  if (present === undefined || isFailure(present) || 'tampered' in present) return;
  yield* linkKeys(directory, present, []);
}

/** Has a link lead elsewhere, by one atomic rename. */
export function* swapLink(
  directory: Directory,
  name: keyof typeof TEMPORARY,
  leads: string,
): FileSteps<FileFailure | undefined> {
  const from = TEMPORARY[name];
  const failure = (yield* link(directory, leads, from)) ?? (yield* renameOver(directory, from, name));
  if (failure !== undefined) yield* removeFile(directory, from);
  return failure;
}

/** Makes a link at a name, whatever was left or put there. */
function* link(directory: Directory, leads: string, name: string): FileSteps<FileFailure | undefined> {
  const failure = yield* makeLink(directory, name, leads);
  if (failure?.errno !== 'EEXIST') return failure;
  return (yield* clearWay(directory, name)) ?? (yield* makeLink(directory, name, leads));
}

/**
 * Has exactly the first-level names of a generation be seen in the target: new ones first. What is in their way is
 * replaced; of other names only links of the stage are removed: what somebody else put there stays.
 */
export function* linkKeys(
  directory: Directory,
  present: readonly string[],
  replaced: string[],
): FileSteps<FileFailure | undefined> {
  for (const name of present) {
    const leads = yield* readLink(directory, name);
    if (leads === keyTarget(name)) continue;
    if (isFailure(leads) && !isElse(leads)) return leads;
    if (!isFailure(leads) || leads.errno !== 'ENOENT')
      replaced.push(`${textOfBytes(joinPath(directory.path, name))} was in the way of a key`);
    const failure = yield* link(directory, keyTarget(name), name);
    if (failure !== undefined) return failure;
  }
  const wanted = new Set(present);
  for (let anew = true; ; anew = false) {
    const some = yield* listSome(directory, anew);
    if (isFailure(some)) return some;
    if (some.length === 0) return undefined;
    for (const name of some) {
      if (isApart(name) || wanted.has(name)) continue;
      if ((yield* readLink(directory, name)) !== keyTarget(name)) continue;
      const failure = yield* removeFile(directory, name);
      if (failure !== undefined) return failure;
    }
  }
}
