import { joinPath } from '../text/path.ts';
import { digestStrings, type FileDigest, type FileSteps } from './files.ts';

/** What a watch holds: the files that the application can see, by path relative to the watch ('' for a file watched by name). */
export type Content = {
  /** SHA-256 over the sorted (path, size, digest of content) of all files: times, modes and owners don't count. */
  readonly digest: string;
  readonly files: ReadonlyMap<string, FileDigest>;
  /** Whether any of it lies in memory, as Secrets do: its digests are keyed. */
  readonly keyed: boolean;
  /**
   * What the files hold, by the same paths, as byte strings; there where a reading was asked to capture it. Of a file that
   * is longer than an environment variable may be, one byte more than that.
   */
  readonly texts?: ReadonlyMap<string, string>;
};

export function* contentOf(files: ReadonlyMap<string, FileDigest>, keyed: boolean): FileSteps<Content> {
  const sorted = [...files].sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
  const strings = sorted.flatMap(([path, file]) => [path, String(file.size), file.digest]);
  return { digest: yield* digestStrings(strings, keyed), files: new Map(sorted), keyed };
}

/** The content of each watch, by the watch's path. */
export type Snapshot = ReadonlyMap<string, Content>;

export function sameSnapshot(one: Snapshot, other: Snapshot): boolean {
  return (
    one.size === other.size && [...one].every(([path, content]) => other.get(path)?.digest === content.digest)
  );
}

/** The absolute paths of the files that were added, removed or changed from one snapshot to another, sorted. */
export function changedPaths(from: Snapshot, to: Snapshot): readonly string[] {
  const changed = new Set<string>();
  for (const watch of new Set([...from.keys(), ...to.keys()])) {
    const before = from.get(watch);
    const after = to.get(watch);
    if (before?.digest === after?.digest) continue;
    for (const path of new Set([...(before?.files.keys() ?? []), ...(after?.files.keys() ?? [])])) {
      if (before?.files.get(path)?.digest !== after?.files.get(path)?.digest)
        changed.add(joinPath(watch, path));
    }
  }
  return [...changed].sort();
}
