import { type FileFailure, type FileSteps, isFailure, status } from '../files/files.ts';
import { findVolume } from '../files/volume.ts';
import { textOfBytes } from '../text/bytes.ts';
import { joinPath, parentPath } from '../text/path.ts';
import { callOf, memoryOf, remedy } from './failures.ts';
import type { Stage } from './stage.ts';

/** Where the source and the target of a stage really lie. */
export type Place = {
  readonly stage: Stage;
  readonly sourceThere: boolean;
  /** What the target was when it was looked at; undefined if it is to be made. */
  readonly targetIdentity: string | undefined;
  readonly targetInMemory: boolean;
  /** Whether the digests of the source are keyed. */
  readonly keyed: boolean;
};

export type Misplaced = { readonly stage: Stage; readonly text: string };

/** The identities of a directory and of those that it lies in; of the nearest one that is there, if it is not. */
type Way = { readonly there: boolean; readonly identities: readonly string[] };

type Ways = { readonly stage: Stage; readonly source: Way; readonly target: Way };

/** Looks where all stages lie, and refuses what would have one write into what another one reads. Changes nothing. */
export function* findPlaces(stages: readonly Stage[]): FileSteps<readonly Place[] | Misplaced> {
  const ways: Ways[] = [];
  for (const stage of stages) {
    const source = yield* findWay(stage.source);
    if (isFailure(source)) return { stage, text: failedText(source, sourceRemedy(source.errno)) };
    if (source === 'file')
      return { stage, text: `${textOfBytes(stage.source)} is no directory; name its directory` };
    const target = yield* findWay(stage.target);
    if (isFailure(target)) return { stage, text: failedText(target, remedy(target.errno)) };
    if (target === 'file') return { stage, text: `${textOfBytes(stage.target)} is no directory; name one` };
    if (!target.there && !(yield* isDirectory(parentPath(stage.target)))) {
      const text = 'neither the target nor its directory is there; mount an emptyDir there';
      return { stage, text };
    }
    ways.push({ stage, source, target });
  }
  const text = firstConflict(ways);
  if (text !== undefined) return text;
  const places: Place[] = [];
  for (const { stage, source, target } of ways) {
    const targetInMemory = yield* memoryOf(target.there ? stage.target : parentPath(stage.target));
    if (isFailure(targetInMemory)) {
      return { stage, text: failedText(targetInMemory, remedy(targetInMemory.errno)) };
    }
    const volume = yield* findVolume(stage.source);
    const root = volume === undefined || isFailure(volume) ? stage.source : volume.root;
    const sourceInMemory = yield* memoryOf(root);
    // Where it is not known, that is seen when something is copied.
    if (sourceInMemory === true && !targetInMemory) {
      const where = `${textOfBytes(stage.source)} lies in memory and ${textOfBytes(stage.target)} does not`;
      const text = `${where}, and a Secret must not reach a disk; mount an emptyDir with medium: Memory there`;
      return { stage, text };
    }
    // A source that is not there may have been a Secret, unless its copy lies on a disk.
    const keyed = source.there ? sourceInMemory !== false : targetInMemory;
    const targetIdentity = target.there ? target.identities[0] : undefined;
    places.push({ stage, sourceThere: source.there, targetIdentity, targetInMemory, keyed });
  }
  return places;
}

function sourceRemedy(errno: string): string {
  return errno === 'ETIMEDOUT' ? 'its file server does not answer' : 'make it one that this user may read';
}

function failedText({ failed, path, errno }: FileFailure, help: string): string {
  return `${callOf(failed)} of ${textOfBytes(path)} failed (${errno}); ${help}`;
}

function firstConflict(ways: readonly Ways[]): Misplaced | undefined {
  for (const [index, one] of ways.entries()) {
    const { stage, target } = one;
    for (const other of ways) {
      const words = conflict(one, other);
      if (words !== undefined) return { stage, text: `${words}; name directories that are apart` };
    }
    for (const other of ways.slice(0, index)) {
      if (liesIn(target, other.target) || liesIn(other.target, target) || sameMissing(one, other)) {
        const paths = `${textOfBytes(stage.target)} and ${textOfBytes(other.stage.target)}`;
        return {
          stage,
          text: `the targets ${paths} are the same or lie in each other; name directories that are apart`,
        };
      }
    }
  }
  return undefined;
}

/** How the target of one stage and the source of the same or another one are in each other's way. */
function conflict({ stage, target }: Ways, { stage: other, source }: Ways): string | undefined {
  const [to, from] = [textOfBytes(stage.target), textOfBytes(other.source)];
  const below = liesIn(target, source);
  const above = liesIn(source, target);
  if (below && above) return `the target ${to} is the source ${from}`;
  if (below) return `the target ${to} lies in the source ${from}`;
  return above ? `the source ${from} lies in the target ${to}` : undefined;
}

/** Whether one directory is another one, which is there, or lies in it. */
function liesIn(one: Way, other: Way): boolean {
  const identity = other.identities[0];
  return other.there && identity !== undefined && one.identities.includes(identity);
}

/** Whether two targets that are to be made are the same. */
function sameMissing({ stage: one, target }: Ways, { stage: two, target: other }: Ways): boolean {
  const name = (path: string) => path.slice(path.lastIndexOf('/'));
  return (
    !target.there &&
    !other.there &&
    target.identities[0] === other.identities[0] &&
    name(one.target) === name(two.target)
  );
}

/** The way from a path up to the root, by real directories: links are followed and `..` is that of the file system. */
function* findWay(path: string): FileSteps<Way | 'file' | FileFailure> {
  let from = path;
  let found = yield* status(from, true);
  while (isFailure(found) && found.errno === 'ENOENT' && from !== '/') {
    from = parentPath(from);
    found = yield* status(from, true);
  }
  if (isFailure(found)) return found;
  if (found.kind !== 'directory') return 'file';
  const identities = [found.identity];
  for (let up = joinPath(from, '..'); ; up = joinPath(up, '..')) {
    const parent = yield* status(up, true);
    if (isFailure(parent)) return parent;
    // The root is its own parent.
    if (parent.identity === identities.at(-1)) break;
    identities.push(parent.identity);
  }
  return { there: from === path, identities };
}

function* isDirectory(path: string): FileSteps<boolean> {
  const found = yield* status(path, true);
  return !isFailure(found) && found.kind === 'directory';
}
