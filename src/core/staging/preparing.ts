import {
  type FileFailure,
  type FileSteps,
  isFailure,
  names,
  readlink,
  syncDirectory,
} from '../files/files.ts';
import { nextGeneration } from '../files/layout.ts';
import { type Reading, type ReadingRequest, readWatches } from '../files/reading.ts';
import { removeTree } from '../files/removal.ts';
import { limitText } from '../files/tree.ts';
import { DATA_LINK } from '../files/volume.ts';
import { textOfBytes } from '../text/bytes.ts';
import type { PathPredicate } from '../text/glob.ts';
import { joinPath } from '../text/path.ts';
import { type Copying, type CopyTrouble, copyingInto } from './copying.ts';
import { failedOn, memoryOf } from './failures.ts';
import { removeUnused } from './retention.ts';
import type { Generation, Stage, StageCopy, StageResult } from './stage.ts';

/** A copy of one source that is being made. */
type Making = {
  readonly stage: Stage;
  readonly request: ReadingRequest;
  readonly name: string;
  readonly copying: Copying;
};

type Failed = Extract<StageResult, { op: 'failed' }>;

/**
 * Copies sources into new generations of their targets: all in one look, as watches are read. What a look before left in
 * the targets and nobody saw is removed first, and what could not be made whole is removed again.
 */
export function* prepareGenerations(
  copies: readonly StageCopy[],
  ignore: PathPredicate,
): FileSteps<StageResult> {
  const makings: Making[] = [];
  for (const copy of copies) {
    const making = yield* begin(copy);
    if (isFailure(making)) return failedOn(`stage in ${copy.stage.target}`, making);
    makings.push(making);
  }
  const result = yield* makeAll(makings, ignore);
  // As far as it goes: the next task on the target removes the rest.
  if (result.op === 'failed') {
    for (const { stage, name } of makings) yield* removeTree(joinPath(stage.target, name));
  }
  return result;
}

function* begin({ stage, request }: StageCopy): FileSteps<Making | FileFailure> {
  const failure = yield* removeUnused(stage.target);
  if (failure !== undefined) return failure;
  const active = yield* readlink(joinPath(stage.target, DATA_LINK));
  const found = yield* names(stage.target);
  if (isFailure(found)) return found;
  const name = nextGeneration(isFailure(active) ? undefined : active, found);
  const inMemory = yield* memoryOf(stage.target);
  if (isFailure(inMemory)) return inMemory;
  const copying = copyingInto(joinPath(stage.target, name), inMemory);
  return { stage, request, name, copying };
}

function* makeAll(makings: readonly Making[], ignore: PathPredicate): FileSteps<StageResult> {
  const requests = makings.map(({ request: { path, known }, copying }) =>
    known === undefined ? { path, copy: copying } : { path, known: { digest: known.digest }, copy: copying },
  );
  const readings = yield* readWatches(requests, ignore);
  const generations: Generation[] = [];
  for (const [index, making] of makings.entries()) {
    const content = judge(making, readings[index]);
    if ('op' in content) return content;
    const trouble = yield* making.copying.finish();
    if (trouble !== undefined) return troubled(making.stage, trouble);
    const failure = yield* syncDirectory(making.stage.target);
    if (failure !== undefined) return troubled(making.stage, { kind: 'failed', ...failure });
    generations.push({ name: making.name, content });
  }
  return { op: 'prepared', generations, ownersKept: makings.every(({ copying }) => copying.ownersKept()) };
}

/** What was copied, or why that is of no use. */
function judge(
  { stage, request, copying }: Making,
  reading: Reading | undefined,
): Generation['content'] | Failed {
  const trouble = copying.trouble();
  if (trouble !== undefined) return troubled(stage, trouble);
  const source = textOfBytes(stage.source);
  switch (reading?.status) {
    case 'read': {
      // What a look took as it is, for want of anything better, is taken here too.
      const taken = reading.settled || (!reading.moving && reading.content.digest === request.known?.digest);
      return taken ? reading.content : failed(`can't stage ${source}: it changes all the time`, false);
    }
    case 'missing':
      return failed(`can't stage ${source}: it is not there`, false);
    case 'unreadable':
      // Not a lasting one, though it may be: the next look has the word on that.
      return failedOn(`stage ${stage.source}`, reading, false);
    case 'too-large': {
      const limit = limitText(reading);
      return failed(`can't stage ${source}: more than ${limit}; leave something out with --ignore`, true);
    }
    default:
      throw new Error(`internal error: a copy of ${stage.source} was ${reading?.status}`);
  }
}

function troubled(stage: Stage, trouble: CopyTrouble): Failed {
  switch (trouble.kind) {
    case 'failed':
      return failedOn(`stage ${stage.source}`, trouble);
    case 'secret': {
      const file = textOfBytes(joinPath(stage.source, trouble.name));
      const target = textOfBytes(stage.target);
      return failed(
        `can't stage ${file}: it lies in memory and ${target} does not, and a Secret must not reach a disk; mount an emptyDir with medium: Memory there`,
        true,
      );
    }
    case 'hidden': {
      const file = textOfBytes(joinPath(stage.source, trouble.name));
      return failed(
        `can't stage ${file}: with the mode that it has this user could not read a copy (${trouble.errno}); give it a mode that lets its owner read`,
        true,
      );
    }
    default:
      return trouble satisfies never;
  }
}

function failed(reason: string, lasting: boolean): Failed {
  return { op: 'failed', reason, lasting };
}
