import type { FileAnswer, FileSteps, Files } from './files/files.ts';
import type { Drive } from './jobs/conversation.ts';
import type { Clock } from './state/ports.ts';

/** Work on files is interrupted after this long to let in what happened meanwhile, ms. */
const SLICE = 5;

/**
 * What leads an algorithm over files to its end, in slices, and tells what came of it.
 *
 * @param isOver whether nothing is to be done any more
 */
export function createDrive(files: Files, clock: Clock, isOver: () => boolean): Drive {
  return function drive<Value>(steps: FileSteps<Value>, told: (value: Value) => void): void {
    let answer: FileAnswer | undefined;
    function slice(): void {
      const until = clock.now() + SLICE;
      while (!isOver()) {
        const next = answer === undefined ? steps.next() : steps.next(answer);
        if (next.done === true) {
          told(next.value);
          return;
        }
        answer = files.perform(next.value);
        if (clock.now() >= until) {
          clock.soon(slice);
          return;
        }
      }
    }
    slice();
  };
}
