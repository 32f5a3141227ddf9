import { dirname } from 'node:path/posix';
import { importsOf, type Sources } from './imports.ts';

/** The rooms of the core from the ground up; a room imports only from rooms before it. The files at the top use them all. */
export const ROOMS: readonly string[] = [
  'text',
  'process',
  'files',
  'log',
  'staging',
  'state',
  'jobs',
  'probe',
  'observation',
  'readiness',
  'fleet',
  'gate',
  'reload',
  'supervision',
  'sidecar',
  'report',
  'server',
];

/** No file is longer, and no room fuller: one that is has become two. */
export const MOST_LINES = 300;
export const MOST_FILES = 15;

/** The room of a file of the core; undefined for what stands at the top. */
function roomOf(file: string): string | undefined {
  return /^src\/core\/([^/]+)\//.exec(file)?.[1];
}

/** Imports of the core that lead to a room above, and files in rooms that nobody listed. */
export function arrowsUp(sources: Sources): readonly string[] {
  const height = (file: string): number => {
    const room = roomOf(file);
    return room === undefined ? ROOMS.length : ROOMS.indexOf(room);
  };
  const core = [...sources].filter(([file]) => file.startsWith('src/core/'));
  const unlisted = core.filter(([file]) => height(file) < 0).map(([file]) => `${file}: in no room`);
  const up = core.flatMap(([file, text]) =>
    importsOf(file, text)
      .filter((imported) => imported.startsWith('src/core/') && height(imported) > height(file))
      .map((imported) => `${file} → ${imported}`),
  );
  return [...unlisted, ...up];
}

/** Files that import each other in a ring, the members of each ring in one line, sorted. */
export function rings(sources: Sources): readonly string[] {
  const arrows = new Map(
    [...sources].map(([file, text]) => [file, importsOf(file, text).filter((to) => sources.has(to))]),
  );
  const reached = new Map([...arrows.keys()].map((file) => [file, reachableFrom(arrows, file)]));
  const found = [...arrows.keys()]
    .filter((file) => reached.get(file)?.has(file) === true)
    .map((file) => [...(reached.get(file) ?? [])].filter((other) => reached.get(other)?.has(file) === true));
  return [...new Set(found.map((ring) => ring.sort().join(', ')))];
}

function reachableFrom(arrows: ReadonlyMap<string, readonly string[]>, start: string): ReadonlySet<string> {
  const reached = new Set<string>();
  const pending = [...(arrows.get(start) ?? [])];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    pending.push(...(arrows.get(next) ?? []));
  }
  return reached;
}

/** Files with more lines than fit on a few screens. */
export function tooLong(sources: Sources): readonly string[] {
  return [...sources].flatMap(([file, text]) => {
    const lines = text.split('\n').length - 1;
    return lines > MOST_LINES ? [`${file}: ${lines} lines`] : [];
  });
}

/** Folders with more files than one finds one's way in. */
export function tooFull(files: Iterable<string>): readonly string[] {
  const counts = new Map<string, number>();
  for (const file of files) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  return [...counts].flatMap(([folder, count]) => (count > MOST_FILES ? [`${folder}: ${count} files`] : []));
}
