import type { FileSteps, Generation } from '../files.ts';
import { emptyTree, type Tree, type WalkOptions } from '../tree.ts';
import { isApart, uncountedNames, type Volume } from '../volume.ts';

/* Most volumes hold a few small files and nothing else: such a one is read in one request. */

/** What lies at a path in a volume. */
export type Inside = {
  readonly tree: Tree;
  /** Whether the visible names and those of the generation are the same set (specification 4.2). */
  readonly complete: boolean;
  /** Whether all that is visible comes from the generation. */
  readonly pure: boolean;
  /** How many directories were met before anything was read. */
  readonly own: number;
};

/** Reads a generation at once; undefined where it holds anything that is to be looked at by itself. */
export function* readSmall(
  { root, generation }: Volume,
  { keyed, ignore, copy, capture, copied, points }: WalkOptions,
): FileSteps<Inside | undefined> {
  // What is copied, kept or mounted by itself is more than a digest.
  if (copy !== undefined || capture || copied) return undefined;
  for (const point of points) if (point !== root) return undefined;
  const answer = yield { op: 'generation', path: root, name: generation, keyed };
  const found = answer.op === 'generation' ? answer.value : undefined;
  if (found === undefined || (found.inMemory && !keyed)) return undefined;
  if (uncountedNames(found.files).length > 0) return undefined;
  return smallOf(found, ignore);
}

/** Undefined where something is visible that does not come from the generation. */
function smallOf({ visible, files }: Generation, ignore: WalkOptions['ignore']): Inside | undefined {
  const tree = emptyTree();
  let shown = 0;
  for (const name of visible) {
    if (isApart(name)) continue;
    const file = files.get(name);
    if (file === undefined) return undefined;
    shown += 1;
    if (!ignore(name)) tree.files.set(name, file);
  }
  let published = 0;
  for (const name of files.keys()) if (!isApart(name)) published += 1;
  return { tree, complete: shown === published, pure: true, own: 0 };
}
