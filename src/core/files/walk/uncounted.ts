import { type FileFailure, type FileSteps, isFailure, liesInMemory, status } from '../files.ts';
import { isGone, MAX_BYTES, type Tree, type WalkOptions } from '../tree.ts';
import { uncountedNames } from '../volume.ts';

/**
 * Has the names of a volume that don't count be copied all the same, since the application may want them.
 *
 * @param name that of the volume relative to the watch, `''` for the watch itself
 */
export function* copyUncounted(
  tree: Tree,
  name: string,
  entries: ReadonlyMap<string, string>,
  { copy, keyed }: WalkOptions,
): FileSteps<FileFailure | undefined> {
  for (const child of copy === undefined ? [] : uncountedNames(entries)) {
    const path = entries.get(child);
    if (copy === undefined || path === undefined) continue;
    const found = yield* status(path, true);
    const source = { path, name: name === '' ? child : `${name}/${child}` };
    const failure = isFailure(found)
      ? found
      : yield* copy.file({ ...source, found, keyed: keyed || (yield* liesInMemory(path)) }, MAX_BYTES);
    if (!isFailure(failure)) continue;
    if (!isGone(failure)) return failure;
    tree.torn = true;
  }
  return undefined;
}
