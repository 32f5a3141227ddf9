import type { Reading } from '../files/reading.ts';
import type { Copy, Watched } from '../state/observed.ts';

/* Generations that are copied file by file when the link leads to them already, as by Kata's agent: no atomic write. */

/**
 * Such a generation counts once it was found the same for so long, ms: longer than it takes to copy a file, or to be kept
 * from it for a moment.
 */
const COPY_REST = 100;

/** Whether a reading may have found only the part of a generation that was copied so far; `copied`: volumes of a copier. */
export function isBeingCopied(
  { known, copy }: Watched,
  reading: Reading,
  copied: ReadonlySet<string>,
  at: number,
): boolean {
  if (reading.status !== 'read' || reading.volume === undefined) return false;
  const { root, generation } = reading.volume;
  if (!copied.has(root)) return false;
  const { digest } = reading.known;
  const taken = known?.volume?.generation ?? generation;
  if (known?.digest === digest && taken === generation) return false;
  return copy === undefined || !isSame(copy, digest, generation) || at - copy.since < COPY_REST;
}

/** What a reading found of a volume, and since when readings find that. */
export function copyOf({ copy }: Watched, reading: Reading, at: number): Copy | undefined {
  if (reading.status !== 'read' || reading.volume === undefined) return undefined;
  const { digest } = reading.known;
  const { generation } = reading.volume;
  return copy !== undefined && isSame(copy, digest, generation) ? copy : { digest, generation, since: at };
}

function isSame(copy: Copy, digest: string, generation: string): boolean {
  return copy.digest === digest && copy.generation === generation;
}
