import { beginDigest, digestOf, endDigest, type FileDigest, type FileSteps } from './files.ts';
import { isPause, PAUSE, sortedStrings } from './unhurried.ts';

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
  /** How many bytes the texts have, if that is more than is kept: then none is. */
  readonly tooMuch?: number;
};

export const NO_CONTENT: Content = { digest: '', files: new Map(), keyed: false, texts: new Map() };

/** Strings are digested in pieces of about so many bytes. */
const DIGESTED_AT_ONCE = 4 * 1024;

export function* contentOf(files: ReadonlyMap<string, FileDigest>, keyed: boolean): FileSteps<Content> {
  const paths = yield* sortedStrings(files.keys());
  const sorted = new Map<string, FileDigest>();
  let digest: number | undefined;
  let piece = '';
  let index = 0;
  for (const path of paths) {
    if (isPause(index++)) yield PAUSE;
    const file = files.get(path);
    if (file === undefined) continue;
    sorted.set(path, file);
    piece += measured(path) + measured(String(file.size)) + measured(file.digest);
    if (piece.length < DIGESTED_AT_ONCE) continue;
    digest ??= yield* beginDigest(keyed);
    yield { op: 'digest-bytes', digest, bytes: piece };
    piece = '';
  }
  return { digest: yield* ended(digest, piece, keyed), files: sorted, keyed };
}

/** Ends a digest with the last piece; most are of one piece, and were not begun. */
function* ended(digest: number | undefined, piece: string, keyed: boolean): FileSteps<string> {
  if (digest === undefined) return yield* digestOf(piece, keyed);
  if (piece !== '') yield { op: 'digest-bytes', digest, bytes: piece };
  return yield* endDigest(digest);
}

/** A byte string with its length before it, so that no two sequences of them look alike. */
function measured(bytes: string): string {
  return `${bytes.length}:${bytes}`;
}

/**
 * The most that is kept of a tree with the names of its files, bytes: as much as execve(2) takes of arguments and
 * environment (6 MiB, three quarters of the largest limit of the stack that counts).
 */
export const MOST_CAPTURED_IN_ALL = 6 * 1024 * 1024;

/** What was captured of the files of a tree, if it is not too much. */
export function captured(
  texts: ReadonlyMap<string, string>,
  bytes: number,
): Pick<Content, 'texts' | 'tooMuch'> {
  return bytes > MOST_CAPTURED_IN_ALL ? { texts, tooMuch: bytes } : { texts };
}

/** The digest of a sequence of byte strings, as {@link contentOf} digests those of all files. */
export function* digestStrings(strings: Iterable<string>, keyed: boolean): FileSteps<string> {
  let digest: number | undefined;
  let piece = '';
  for (const bytes of strings) {
    piece += measured(bytes);
    if (piece.length < DIGESTED_AT_ONCE) continue;
    digest ??= yield* beginDigest(keyed);
    yield { op: 'digest-bytes', digest, bytes: piece };
    piece = '';
  }
  return yield* ended(digest, piece, keyed);
}
