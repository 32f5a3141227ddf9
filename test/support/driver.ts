import type { FileAnswer, FileRequest, FileSteps, Files } from '../../src/core/files/files.ts';
import { createFiles } from '../../src/node/files.ts';

/** Between any two requests of an algorithm: may change the world, or answer in the file system's stead. */
export type Between = (request: FileRequest, count: number) => FileAnswer | undefined;

/** Has each volume be looked at piece by piece, as one that is not small. */
export function inPieces(request: FileRequest): FileAnswer | undefined {
  return request.op === 'generation' ? { op: 'generation', value: undefined } : undefined;
}

/** Requests after which an algorithm is taken for one that does not end. */
const TOO_MANY = 200_000;

const host = createFiles();

/**
 * Leads a reading algorithm to its end on the real file system. If `between` throws, that is the end of its process: what
 * was open is closed, as the kernel does it.
 *
 * @param open the handles that the process has open by now
 */
export function drive<Value>(
  steps: FileSteps<Value>,
  between?: Between,
  files: Files = host,
  open: Set<number> = new Set(),
): Value {
  const perform = (request: FileRequest): FileAnswer => {
    const answer = files.perform(request);
    if (answer.op === 'open' || answer.op === 'enter' || answer.op === 'create') open.add(answer.value);
    if (request.op === 'close') open.delete(request.file);
    return answer;
  };
  try {
    let next = steps.next();
    for (let count = 0; next.done !== true; count++) {
      if (count > TOO_MANY) throw new Error(`no end after ${TOO_MANY} requests`);
      const { value } = next;
      next = steps.next(value.op === 'pause' ? value : (between?.(value, count) ?? perform(value)));
    }
    return next.value;
  } catch (error) {
    closeAll(open, files);
    throw error;
  }
}

/** The end of a process. */
export function closeAll(open: Set<number>, files: Files = host): void {
  for (const file of open) files.perform({ op: 'close', file });
  open.clear();
}
