import type { PlaceKind } from '../../src/core/files/places.ts';
import { type Reading, readWatches } from '../../src/core/files/reading.ts';
import { textOfBytes } from '../../src/core/text/bytes.ts';
import { type Between, drive } from './driver.ts';
import { ignoring } from './glob.ts';

/* One look at watches on the real file system, and what is asked of it. */

type ReadOptions = {
  readonly ignore?: readonly string[];
  readonly between?: Between;
  readonly known?: Reading;
};

export function read(
  paths: readonly string[],
  { ignore = [], between, known }: ReadOptions = {},
): readonly Reading[] {
  const requests = paths.map((path) => (known?.status === 'read' ? { path, known: known.known } : { path }));
  return drive(readWatches(requests, ignoring(ignore)), between);
}

export function readOne(path: string, options: ReadOptions = {}): Reading {
  const [reading] = read([path], options);
  if (reading === undefined) throw new Error('one reading for one watch');
  return reading;
}

export function names(reading: Reading): readonly string[] {
  return reading.status === 'read' ? [...reading.content.files.keys()].map(textOfBytes) : [];
}

export function digest(reading: Reading): string {
  if (reading.status !== 'read') throw new Error(`not read: ${JSON.stringify(reading)}`);
  return reading.content.digest;
}

/** The paths of the places of one kind, sorted. */
export function placesOf(reading: Reading, kind: PlaceKind): readonly string[] {
  if (!('places' in reading)) return [];
  return [...reading.places]
    .filter(([, place]) => place.kind === kind)
    .map(([path]) => textOfBytes(path))
    .sort();
}
