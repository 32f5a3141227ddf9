import { type Content, digestStrings } from '../files/content.ts';
import type { FileDigest, FileSteps } from '../files/files.ts';
import type { Reading } from '../files/reading.ts';
import { limitText } from '../files/tree.ts';
import { textOfBytes } from '../text/bytes.ts';
import { joinPath } from '../text/path.ts';
import { shortage } from '../text/shortage.ts';
import type { WatchBaseline } from './baseline.ts';
import type { Sight } from './probe.ts';

/* One reading of a watch beside what it held when it was read first. */

/** Of more files than these there is one digest: what changed is then told by the watch alone. */
const MOST_FILES = 1_000;

const FILE_DIGITS = 32;

/** The baseline that a reading makes; undefined where it makes none. */
export function* baselineOf(
  path: string,
  reading: Reading,
  key: string,
): FileSteps<WatchBaseline | undefined> {
  if (reading.status === 'missing' && reading.expected) {
    const isVolume = reading.volume !== undefined;
    const digest = yield* digestStrings([key, ''], false);
    return { path, digest, empty: true, volume: undefined, isVolume, nested: [], files: [] };
  }
  if (reading.status !== 'read' || reading.moving) return undefined;
  const { content, known } = reading;
  const empty = isEmpty(content);
  return {
    path,
    digest: yield* digestStrings([key, empty ? '' : content.digest], false),
    empty,
    volume: known.volume,
    isVolume: reading.volume !== undefined,
    nested: [...(known.nested?.keys() ?? [])],
    files: content.files.size > MOST_FILES ? undefined : yield* fileDigests(content, key),
  };
}

/** Names of directories alone are nothing that an application could read. */
function isEmpty({ files }: Content): boolean {
  for (const { second } of files.values()) if (second === undefined) return false;
  return true;
}

function* fileDigests(content: Content, key: string): FileSteps<(readonly [string, string])[]> {
  const digests: (readonly [string, string])[] = [];
  for (const [path, file] of content.files) digests.push([path, yield* fileDigest(path, file, key)]);
  return digests;
}

function* fileDigest(path: string, { size, digest, second }: FileDigest, key: string): FileSteps<string> {
  const keyed = yield* digestStrings([key, path, String(size), digest, second ?? ''], false);
  return keyed.slice(0, FILE_DIGITS);
}

/** What a reading shows of a watch that has a baseline: vanished is not new, and unreadable is not empty (4.5, 4.6). */
export function* compare(
  before: WatchBaseline,
  reading: Reading,
  key: string,
  allowEmpty: boolean,
): FileSteps<Sight> {
  if (reading.status === 'unchanged') return { kind: 'same' };
  if (reading.status !== 'read' || reading.moving) return unreadable(before.path, reading, before.empty);
  const { content } = reading;
  const empty = isEmpty(content);
  if (empty && !before.empty) {
    const gone = before.isVolume && reading.volume === undefined;
    return gone || !allowEmpty ? lost(before.path) : { kind: 'changed', paths: [textOfBytes(before.path)] };
  }
  if (before.isVolume && reading.volume === undefined) return lost(before.path);
  const digest = yield* digestStrings([key, empty ? '' : content.digest], false);
  if (digest === before.digest) return { kind: 'same' };
  if (before.files === undefined || content.files.size > MOST_FILES)
    return { kind: 'changed', paths: [textOfBytes(before.path)] };
  return differing(before, before.files, yield* fileDigests(content, key));
}

/** The files that differ, but for those of a volume below the watch that vanished as a whole. */
function differing(
  { path, nested }: WatchBaseline,
  before: readonly (readonly [string, string])[],
  now: readonly (readonly [string, string])[],
): Sight {
  const [old, fresh] = [new Map(before), new Map(now)];
  const names = [...new Set([...old.keys(), ...fresh.keys()])].sort();
  const differ = names.filter((name) => old.get(name) !== fresh.get(name));
  const vanished = nested.filter((name) => !now.some(([file]) => file.startsWith(`${name}/`)));
  const counted = differ.filter((name) => !vanished.some((volume) => name.startsWith(`${volume}/`)));
  const [below] = vanished;
  if (counted.length === 0 && below !== undefined) return lost(joinPath(path, below));
  const paths = counted.map((name) => textOfBytes(joinPath(path, name)));
  return { kind: 'changed', paths: paths.length === 0 ? [textOfBytes(path)] : paths };
}

function lost(path: string): Sight {
  return {
    kind: 'unknown',
    reason: `${textOfBytes(path)} is not there, or empty; its last state counts`,
  };
}

/** Why a reading tells nothing. `expected`: whether nothing was there before either. */
export function unreadable(path: string, reading: Reading, expected: boolean): Sight {
  const name = textOfBytes(path);
  const unknown = (reason: string): Sight => ({ kind: 'unknown', reason });
  switch (reading.status) {
    case 'unchanged':
      return { kind: 'same' };
    case 'read':
      return unknown(`${name} is being written`);
    case 'missing':
      return expected ? { kind: 'same' } : lost(path);
    case 'too-large':
      return unknown(`${name} has more than ${limitText(reading)}; watch less, or use --ignore`);
    case 'unreadable': {
      const help = shortage(reading.errno) ?? 'make it readable to this user, or leave it out with --ignore';
      return unknown(`${textOfBytes(reading.path)} can't be read (${reading.errno}); ${help}`);
    }
    default:
      return reading satisfies never;
  }
}

/** What a watch is frozen by, if it is: a change of it will never be seen. */
export function frozen(path: string, { frozen: mounts = [] }: Reading): readonly Sight[] {
  return mounts.length === 0
    ? []
    : [
        {
          kind: 'unknown',
          reason: `${textOfBytes(path)} is mounted by subPath, or its volume is gone: it never changes; mount the whole volume`,
        },
      ];
}
