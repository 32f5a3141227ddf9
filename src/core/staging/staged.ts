import { contentOf } from '../files/content.ts';
import {
  digestFile,
  type FileDigest,
  type FileFailure,
  type FileSteps,
  isFailure,
  liesInMemory,
  names,
  status,
} from '../files/files.ts';
import { joinPath } from '../text/path.ts';
import type { Place } from './placement.ts';
import type { Generation } from './stage.ts';

/**
 * Reads a generation of a stage so that its digest can be compared with those of the source: keyed is what is keyed
 * there, wherever the copy lies.
 */
export function* readStaged(
  place: Place,
  name: string | undefined,
): FileSteps<Generation | undefined | FileFailure> {
  if (name === undefined) return undefined;
  const root = joinPath(place.stage.target, name);
  const files = new Map<string, FileDigest>();
  const memory = new Map<string, boolean>();
  let anyKeyed = place.keyed;
  const pending = [''];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const path = joinPath(root, next);
    const found = yield* status(path, false);
    if (isFailure(found)) return found;
    if (found.kind === 'directory') {
      const children = yield* names(path);
      if (isFailure(children)) return children;
      for (const child of children) pending.push(next === '' ? child : `${next}/${child}`);
    } else if (found.kind === 'file') {
      const keyed = place.keyed || (yield* isKeyed(place, next, memory));
      const digest = yield* digestFile(path, keyed, Number.POSITIVE_INFINITY);
      if (isFailure(digest)) return digest;
      files.set(next, digest);
      anyKeyed ||= keyed;
    }
  }
  return { name, content: yield* contentOf(files, anyKeyed) };
}

/** Whether the source of a file lies in memory though its watch does not: a link may lead there. `memory`: by device. */
function* isKeyed(
  { stage, sourceThere }: Place,
  name: string,
  memory: Map<string, boolean>,
): FileSteps<boolean> {
  const found = sourceThere ? yield* status(joinPath(stage.source, name), true) : undefined;
  if (found === undefined || isFailure(found)) return false;
  const known = memory.get(found.device) ?? (yield* liesInMemory(joinPath(stage.source, name)));
  memory.set(found.device, known);
  return known;
}
