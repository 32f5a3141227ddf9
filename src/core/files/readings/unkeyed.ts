import type { FileAnswer, FileSteps } from '../files.ts';

/**
 * Reads with plain digests, wherever it lies: they are compared with those of another process, and leave this one only
 * with a key that both have.
 */
export function* unkeyed<Value>(steps: FileSteps<Value>): FileSteps<Value> {
  let answer: FileAnswer | undefined;
  for (;;) {
    const next = answer === undefined ? steps.next() : steps.next(answer);
    if (next.done === true) return next.value;
    answer = next.value.op === 'memory' ? { op: 'memory', value: false } : yield next.value;
  }
}
