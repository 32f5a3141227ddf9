import { clearWay, renameOver } from '../files/below/clearing.ts';
import {
  changeMode,
  createIn,
  type Directory,
  inspectOpen,
  openIn,
  removeFile,
  sync,
  writeTo,
} from '../files/below/handles.ts';
import { digestStrings } from '../files/content.ts';
import { type FileFailure, type FileSteps, isFailure } from '../files/files.ts';
import { RECORD, RECORD_TEMPORARY } from '../files/layout.ts';

/**
 * What is remembered of a target over restarts of the container, in a file of it that nobody else may read or write
 * (mode 0600); there only if there is anything to remember.
 */
export type StageRecord = {
  /** With which {@link StageRecord.failed} is keyed; nothing else is. */
  readonly key: string;
  /** The identities, without device, of generations that their mode and owner do not show to be this user's. */
  readonly generations: readonly string[];
  /** The keyed digest of the content that failed last. */
  readonly failed: string | undefined;
};

export const NO_RECORD: StageRecord = { key: '', generations: [], failed: undefined };

/** The first line, which tells other versions that they don't know it. */
const HEAD = 'rehup stage 1';
const MODE = 0o600;
const PERMISSIONS = 0o777;

/** The longest that is read, bytes. */
const MOST = 16 * 1024;

/** Generations that are remembered: the active, the good, and one in the making; and some of which a crash left any. */
const MOST_GENERATIONS = 16;

/** The record of a target; none if it is not of this user's making. */
export function* readRecord(directory: Directory, user: number): FileSteps<StageRecord> {
  const file = yield* openIn(directory, RECORD);
  if (isFailure(file)) return NO_RECORD;
  const found = yield* inspectOpen(file, RECORD);
  let text = '';
  if (
    !isFailure(found) &&
    found.kind === 'file' &&
    found.owner === user &&
    (found.mode & PERMISSIONS) === MODE
  ) {
    for (;;) {
      const read = yield { op: 'read', file };
      if (read.op !== 'read' || read.value === '' || text.length > MOST) break;
      text += read.value;
    }
  }
  yield { op: 'close', file };
  return parsed(text);
}

function parsed(text: string): StageRecord {
  const [head, ...lines] = text.split('\n');
  if (head !== HEAD) return NO_RECORD;
  const values = (word: string) =>
    lines.flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
  const [key = ''] = values('key');
  const [failed] = values('failed');
  return { key, generations: values('generation').slice(-MOST_GENERATIONS), failed };
}

/** Has a record outlive this process; one with nothing in it is removed. */
export function* writeRecord(directory: Directory, record: StageRecord): FileSteps<FileFailure | undefined> {
  if (record.generations.length === 0 && record.failed === undefined)
    return yield* removeFile(directory, RECORD);
  const text = [
    HEAD,
    `key ${record.key}`,
    ...record.generations.slice(-MOST_GENERATIONS).map((identity) => `generation ${identity}`),
    ...(record.failed === undefined ? [] : [`failed ${record.failed}`]),
    '',
  ].join('\n');
  const cleared = yield* clearWay(directory, RECORD_TEMPORARY);
  if (cleared !== undefined) return cleared;
  const file = yield* createIn(directory, RECORD_TEMPORARY, MODE);
  if (isFailure(file)) return file;
  const failure =
    (yield* changeMode(file, RECORD_TEMPORARY, MODE)) ??
    (yield* writeTo(file, RECORD_TEMPORARY, text)) ??
    (yield* sync(file, RECORD_TEMPORARY));
  yield { op: 'close', file };
  const late = failure ?? (yield* renameOver(directory, RECORD_TEMPORARY, RECORD));
  if (late === undefined) return undefined;
  yield* removeFile(directory, RECORD_TEMPORARY);
  return late;
}

/** A record that has a key, one more generation, and of the others those that are still held. */
export function* withGeneration(
  record: StageRecord,
  held: readonly string[],
  identity: string,
): FileSteps<StageRecord> {
  const generations = [...record.generations.filter((one) => held.includes(one)), identity];
  return { ...(yield* withKey(record)), generations };
}

/** A record that has a key: one that nobody can guess, as the key of this process's digests. */
export function* withKey(record: StageRecord): FileSteps<StageRecord> {
  return record.key === '' ? { ...record, key: yield* digestStrings([HEAD], true) } : record;
}
