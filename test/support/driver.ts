import type { FileAnswer, FileRequest, FileSteps, Files } from '../../src/core/files.ts';
import { createFiles } from '../../src/node/files.ts';

/** Between any two requests of an algorithm: may change the world, or answer in the file system's stead. */
export type Between = (request: FileRequest, count: number) => FileAnswer | undefined;

/** Requests after which an algorithm is taken for one that does not end. */
const TOO_MANY = 200_000;

const host = createFiles();

/** Leads a reading algorithm to its end on the real file system. */
export function drive<Value>(steps: FileSteps<Value>, between?: Between, files: Files = host): Value {
  let next = steps.next();
  for (let count = 0; next.done !== true; count++) {
    if (count > TOO_MANY) throw new Error(`no end after ${TOO_MANY} requests`);
    next = steps.next(between?.(next.value, count) ?? files.perform(next.value));
  }
  return next.value;
}
