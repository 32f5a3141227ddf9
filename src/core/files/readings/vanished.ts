import type { FileDigest } from '../files.ts';
import type { Known } from '../outcome.ts';
import type { Tree } from '../tree.ts';

/* Volumes below a watch: what vanished of them is not new (specification 4.5). */

/** What a reading found of the volumes below its watch. */
export type Nested = {
  /** By name, where each lies; those that vanished too. */
  readonly volumes: ReadonlyMap<string, string>;
  /** The names of those that vanished: their last state was put into the tree. */
  readonly vanished: readonly string[];
  /** Whether a writer is seen at work on one. */
  readonly settled: boolean;
};

/** Keeps the last state of each volume that lost all its files, or that is none any more, in the tree. */
export function keepVanished(tree: Tree, known: Known | undefined, allowEmpty: boolean): Nested {
  const volumes = new Map<string, string>();
  let settled = true;
  for (const [path, { name, complete }] of tree.volumes) {
    volumes.set(name, path);
    if (!complete) settled = false;
  }
  const vanished: string[] = [];
  for (const [name, path] of known?.nested ?? []) {
    if (volumes.has(name) && allowEmpty) continue;
    if ([...tree.files.keys()].some((file) => file.startsWith(`${name}/`))) continue;
    const lost = [...(known?.files ?? [])].filter(([file]) => file.startsWith(`${name}/`));
    if (lost.length === 0) continue;
    // Its writer may be at work.
    if (!volumes.has(name)) settled = false;
    volumes.set(name, path);
    vanished.push(name);
    for (const [file, digest] of lost) tree.files.set(file, digest);
  }
  keepSeconds(tree, known?.files ?? new Map(), new Set(vanished));
  return { volumes, vanished, settled };
}

/** What else such a volume is called is kept as well. */
function keepSeconds(
  tree: Tree,
  files: ReadonlyMap<string, FileDigest>,
  vanished: ReadonlySet<string>,
): void {
  if (vanished.size === 0) return;
  for (const [file, digest] of files)
    if (digest.second !== undefined && vanished.has(digest.second) && !tree.files.has(file))
      tree.files.set(file, digest);
}
