import { inspect, readLink, sync } from '../files/below/handles.ts';
import { type FileFailure, type FileSteps, isFailure } from '../files/files.ts';
import { generationNumber } from '../files/layout.ts';
import { type Reading, type ReadingRequest, readWatches } from '../files/reading.ts';
import { limitText } from '../files/tree.ts';
import { DATA_LINK } from '../files/volume.ts';
import { textOfBytes } from '../text/bytes.ts';
import type { PathPredicate } from '../text/glob.ts';
import { joinPath } from '../text/path.ts';
import { type Copying, type CopyTrouble, copyingInto } from './copying.ts';
import { hasFailed } from './failing.ts';
import { failedOn } from './failures.ts';
import { withGeneration, writeRecord } from './record.ts';
import { removeUnused } from './retention.ts';
import type { Generation, Stage, StageResult } from './stage.ts';
import { isOwn, type Target, withoutDevice } from './target.ts';

/** A copy of one source that is being made. */
type Making = {
  readonly target: Target;
  readonly request: ReadingRequest;
  readonly copying: Copying;
};

type Failed = Extract<StageResult, { op: 'failed' }>;

/** What is to be copied into which target. */
export type Copy = { readonly target: Target; readonly request: ReadingRequest };

/**
 * Copies sources into new generations of their targets: all in one look, as watches are read. What a look before left in
 * the targets and nobody saw is removed first, and what could not be made whole is removed again.
 */
export function* prepareGenerations(copies: readonly Copy[], ignore: PathPredicate): FileSteps<StageResult> {
  for (const { target } of copies) {
    target.pending = undefined;
    yield* removeUnused(target);
  }
  const result = yield* copyAll(copies, ignore);
  if (result.op !== 'prepared') return result;
  for (const [index, { target }] of copies.entries()) target.pending = result.generations[index]?.name;
  return result;
}

/** Copies sources into new generations, beside all that is there. */
export function* copyAll(copies: readonly Copy[], ignore: PathPredicate): FileSteps<StageResult> {
  const makings: Making[] = [];
  for (const { target, request } of copies) {
    const active = yield* readLink(target.directory, DATA_LINK);
    const after = isFailure(active) || generationNumber(active) === undefined ? undefined : active;
    makings.push({ target, request, copying: copyingInto(target, after) });
  }
  const result = yield* makeAll(makings, ignore);
  for (const { copying } of makings) yield* copying.end(result.op !== 'failed');
  return result;
}

function* makeAll(makings: readonly Making[], ignore: PathPredicate): FileSteps<StageResult> {
  const requests = makings.map(({ request: { path, known }, copying }) =>
    known === undefined ? { path, copy: copying } : { path, known: { digest: known.digest }, copy: copying },
  );
  const readings = yield* readWatches(requests, ignore);
  const generations: Generation[] = [];
  const done: (() => void)[] = [];
  let failedBefore = false;
  for (const [index, making] of makings.entries()) {
    const { target, copying } = making;
    const { stage } = target.place;
    const content = judge(making, readings[index]);
    if ('op' in content) return content;
    const trouble = yield* copying.finish();
    if (trouble !== undefined) return troubled(stage, trouble);
    const held = copying.held(content);
    const failure =
      (yield* sync(target.directory.handle, stage.target)) ??
      (yield* remember(target, held.name, held.identity));
    if (failure !== undefined) return troubled(stage, { kind: 'failed', ...failure });
    failedBefore ||= yield* hasFailed(target, held);
    generations.push({ name: held.name, content });
    done.push(() => target.generations.set(held.name, held));
  }
  for (const add of done) add();
  const ownersKept = makings.every(({ copying }) => copying.ownersKept());
  return { op: 'prepared', generations, ownersKept, failedBefore };
}

/** Has the next life know a generation for one of this user's, where its owner and mode don't tell. */
function* remember(target: Target, name: string, identity: string): FileSteps<FileFailure | undefined> {
  const found = yield* inspect(target.directory, name);
  // Exchanged by somebody: that is seen when it is published.
  if (isFailure(found) || found.identity !== identity || isOwn(found, target.user)) return undefined;
  const held = [...target.generations.values()].map((one) => withoutDevice(one.identity));
  const record = yield* withGeneration(target.record, held, withoutDevice(identity));
  const failure = yield* writeRecord(target.directory, record);
  if (failure === undefined) target.record = record;
  return failure;
}

/** What was copied, or why that is of no use. */
function judge(
  { target, request, copying }: Making,
  reading: Reading | undefined,
): Generation['content'] | Failed {
  const { stage } = target.place;
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
