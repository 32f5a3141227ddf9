import { relativePath } from '../text/path.ts';

/** For each path the ones, by index, that lie with it below the same outermost one, itself included. */
export function overlapping(paths: readonly string[]): readonly (readonly number[])[] {
  const closed = (path: string) => (path.endsWith('/') ? path : `${path}/`);
  // What lies below a path follows it at once.
  const order = [...paths.keys()].sort((one, other) =>
    closed(paths[one] ?? '') < closed(paths[other] ?? '') ? -1 : 1,
  );
  const groups: number[][] = [];
  let outermost: string | undefined;
  let group: number[] = [];
  for (const index of order) {
    const path = paths[index] ?? '';
    if (outermost === undefined || relativePath(outermost, path) === undefined) {
      outermost = path;
      group = [];
    }
    group.push(index);
    groups[index] = group;
  }
  return groups;
}
