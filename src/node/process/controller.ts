import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { Worker } from 'node:worker_threads';

/** The script of the controller: in the executable an asset, in the npm package a file beside the one this is in. */
export const CONTROLLER_SCRIPT = 'controller.cjs';

/** For 5,000 workloads and 10,000 objects it needs a tenth of this; MiB. */
const HEAP = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 8 } as const;

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
  // Its streams are not piped into those of this process, which has none: it writes to the descriptors themselves.
  const streams = { stdin: false, stdout: true, stderr: true } as const;
  const worker = new Worker(script, { eval: true, workerData: given, resourceLimits: HEAP, ...streams });
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
