import { close, effectiveUser, enterPath } from '../files/below/handles.ts';
import { readPrivate, writePrivate } from '../files/below/private.ts';
import { type FileSteps, isFailure } from '../files/files.ts';
import type { Kept } from '../state/child.ts';

/* What a sidecar keeps over its end in the directory of `--state`: a file of its own, mode 0600, as JSON of byte strings. */

const NAME = 'rehup-sidecar.json';

/** The first field, which tells other versions that they don't know it. */
const VERSION = 1;

/** What an earlier life kept; undefined if there is nothing that this program wrote. */
export function* recall(path: string): FileSteps<Kept | undefined> {
  const user = yield* effectiveUser();
  const directory = yield* enterPath(path);
  if (isFailure(directory)) return undefined;
  const text = yield* readPrivate(directory, NAME, isFailure(user) ? 0 : user);
  yield* close(directory);
  return text === undefined ? undefined : parsed(text);
}

/** Keeps it; the errno, where that can't be done. */
export function* keep(path: string, kept: Kept): FileSteps<string | undefined> {
  const directory = yield* enterPath(path);
  if (isFailure(directory)) return directory.errno;
  const failure = yield* writePrivate(directory, NAME, JSON.stringify({ version: VERSION, ...kept }));
  yield* close(directory);
  return failure?.errno;
}

function parsed(text: string): Kept | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const known = typeof value === 'object' && value !== null && 'version' in value;
    return known && value.version === VERSION ? (value as unknown as Kept) : undefined;
  } catch {
    return undefined;
  }
}
