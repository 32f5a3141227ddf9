import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';

/** The script of the controller: in the executable an asset, in the npm package a file beside the one this is in. */
export const CONTROLLER_SCRIPT = 'controller.cjs';

/**
 * The heap of the worker, MiB; for 5,000 workloads and 10,000 objects it takes a tenth of this. V8's flags, which this
 * process was started with, come before a worker's `resourceLimits` (Heap::ConfigureHeap), and those of a heap that is
 * made later can still be changed. With few young objects, what favours size, and a collection when all was listed, it takes
 * 119 MB of which 65 are its own, and 130 MB while all are taken in (`npm run bench:controller`).
 */
const HEAP_FLAGS = [
  '--max-old-space-size=512',
  '--max-semi-space-size=1',
  '--optimize-for-size',
  '--expose-gc',
] as const;

/** A second request to stop does not wait for the Lease to be given back, nor does anybody this long; ms. */
const STOP_LIMIT = 5000;

/**
 * Runs `rehup controller` in a worker with a heap of its own size; this process has a small one.
 *
 * @param ended told its exit code
 * @param failed told an error that nobody expected
 * @returns what asks it to stop
 */
export function startController(
  given: object,
  ended: (code: number) => void,
  failed: (error: unknown) => void,
): () => void {
  const script = isSea()
    ? getAsset(CONTROLLER_SCRIPT, 'utf8')
    : readFileSync(join(__dirname, CONTROLLER_SCRIPT), 'utf8');
  for (const flag of HEAP_FLAGS) setFlagsFromString(flag);
  // Its streams are not piped into those of this process, which has none: it writes to the descriptors themselves.
  const streams = { stdin: false, stdout: true, stderr: true } as const;
  const worker = new Worker(script, { eval: true, workerData: given, ...streams });
  worker.on('error', failed);
  worker.on('exit', ended);
  let isAsked = false;
  return () => {
    if (isAsked) return ended(0);
    isAsked = true;
    worker.postMessage('stop');
    setTimeout(ended, STOP_LIMIT, 0);
  };
}
