import type { Reading } from '../files/reading.ts';
import type { Observation, Watched } from '../state/observed.ts';
import { copyOf, isBeingCopied } from './copier.ts';
import { isVolumeGone } from './watched.ts';

/* Who is seen at work, and how long that is waited for. */

/** A kubelet volume whose links and generation differ is waited for no longer than this (specification 4.2), ms. */
export const VOLUME_PATIENCE = 1_000;
/** Plain files that never rest are taken as they are after this (specification 1, `--settle`), ms. */
const PLAIN_PATIENCE = 10_000;
/** What can't be read for a moment, as an editor's temporary file, is no error before this, ms. */
const UNREADABLE_PATIENCE = 1_000;

/**
 * Those of the watches looked at, by index, whose writer was seen at work and is waited for. What is known of them stays: a
 * restless one is in nobody's way but its own. All watches on one volume wait together, since they are told of one generation.
 */
export function pendingOf(
  { watched: all, copied, looking }: Observation,
  readings: readonly Reading[],
  preparing: boolean,
  at: number,
): ReadonlySet<number> {
  const roots = new Set<string>();
  const pending = new Set<number>();
  for (const [order, index] of looking.entries()) {
    const [reading, watched] = [readings[order], all[index]];
    if (reading === undefined || watched === undefined) continue;
    const copying = isBeingCopied(watched, reading, copied, at);
    if (!copying && !isAtWork(watched, reading)) continue;
    const found = rootsOf(reading);
    const own =
      found.length > 0 ? found : watched.volume === undefined ? watched.nested : [watched.volume.root];
    const moving = reading.status === 'read' && reading.moving;
    const patience = patienceFor(reading, own.length > 0, preparing);
    if (!moving && !copying && at - atWorkSince(watched, reading, at) >= patience) continue;
    pending.add(index);
    for (const root of own) roots.add(root);
  }
  if (roots.size === 0) return pending;
  for (const [order, index] of looking.entries()) {
    const reading = readings[order];
    if (reading !== undefined && rootsOf(reading).some((root) => roots.has(root))) pending.add(index);
  }
  return pending;
}

/** Nobody waits for a start because of a file that is written all the time. */
function patienceFor(reading: Reading, isVolume: boolean, preparing: boolean): number {
  if (reading.status === 'unreadable') return UNREADABLE_PATIENCE;
  return isVolume || preparing ? VOLUME_PATIENCE : PLAIN_PATIENCE;
}

/** The volumes that a reading is of. */
function rootsOf(reading: Reading): readonly string[] {
  if (reading.status !== 'read') return [];
  const { volume, nested = [] } = reading;
  return volume === undefined ? nested : [volume.root, ...nested];
}

/** Whether a reading shows a writer at work: it is not settled, can't be read any more, or is no volume where one was. */
export function isAtWork(watched: Watched, reading: Reading): boolean {
  // A file server that does not answer was waited for long enough.
  if (reading.status === 'unreadable')
    return watched.content !== undefined && watched.trouble === undefined && reading.errno !== 'ETIMEDOUT';
  return (reading.status === 'read' && !reading.settled) || isVolumeGone(watched, reading);
}

/** When a writer that is at work began, which is anew if it left what was taken as it is and now writes a generation. */
function atWorkSince({ copy, volume, unsettledSince }: Watched, reading: Reading, at: number): number {
  const found = reading.status === 'read' ? reading.volume : undefined;
  const writes = found !== undefined && volume !== undefined && found.generation !== volume.generation;
  return writes && copy === undefined ? at : (unsettledSince ?? at);
}

/** While a writer is at work only the places of a reading count: events from them tell when it is done. */
export function waiting(
  watched: Watched,
  reading: Reading,
  copied: ReadonlySet<string>,
  at: number,
): Watched {
  const isThere = reading.status === 'read' || reading.status === 'missing';
  const places = isThere ? reading.places : watched.places;
  const volume = (reading.status === 'read' ? reading.volume : undefined) ?? watched.volume;
  const copy = copyOf(watched, reading, at);
  // A copier that goes on is waited for from then on.
  const goesOn = copied.has(volume?.root ?? '') && copy !== watched.copy;
  const unsettledSince = goesOn ? at : atWorkSince(watched, reading, at);
  return { ...watched, places, volume, unsettledSince, copy };
}
