import type { FileAnswer, FileRequest, FileSteps, Files } from './files/files.ts';
import type { Drive } from './jobs/conversation.ts';
import type { Clock } from './state/ports.ts';
import type { Stopwatch } from './stopwatch.ts';

/** Work on files is interrupted when a step has taken this long, to let in what happened meanwhile, ms. */
const SLICE = 5;

/** Who answers the requests: the Files port, or a session of `files/remote`, which may answer later. */
export type Answering = {
  perform(request: FileRequest, later: (answer: FileAnswer) => void): FileAnswer | undefined;
};

/**
 * What leads an algorithm over files to its end, in slices, and tells what came of it.
 *
 * @param isOver whether nothing is to be done any more
 * @param stopwatch measures the slices
 */
export function createDrive(
  answering: Answering,
  clock: Pick<Clock, 'now' | 'soon'>,
  isOver: () => boolean,
  stopwatch?: Stopwatch,
): Drive {
  return function drive<Value>(steps: FileSteps<Value>, told: (value: Value) => void): void {
    let answer: FileAnswer | undefined;
    function resume(given: FileAnswer): void {
      answer = given;
      timedSlice();
    }
    function slice(): void {
      const until = (stopwatch?.since() ?? clock.now()) + SLICE;
      while (!isOver()) {
        const next = answer === undefined ? steps.next() : steps.next(answer);
        if (next.done === true) {
          told(next.value);
          return;
        }
        answer = next.value.op === 'pause' ? next.value : answering.perform(next.value, resume);
        if (answer === undefined) return;
        if (clock.now() >= until) {
          clock.soon(timedSlice);
          return;
        }
      }
    }
    function timedSlice(): void {
      if (stopwatch === undefined) slice();
      else stopwatch.timed('files', slice);
    }
    timedSlice();
  };
}

/** Leads an algorithm over files to its end at once, where nothing else is to be done meanwhile. */
export function drivenAtOnce<Value>(files: Files, steps: FileSteps<Value>): Value {
  let next = steps.next();
  while (next.done !== true)
    next = steps.next(next.value.op === 'pause' ? next.value : files.perform(next.value));
  return next.value;
}
