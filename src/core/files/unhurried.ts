import type { FileSteps, Pause } from './files.ts';

/* What is done to lists that others make as long as they like: with pauses, in which everything else goes on. */

export const PAUSE: Pause = { op: 'pause' };

/** So many items are gone through between two pauses: each takes some microseconds in a small engine. */
const ITEMS = 128;

/** Whether there is to be a pause before the item at an index. */
export function isPause(index: number): boolean {
  return index % ITEMS === ITEMS - 1;
}

/** Does something to each item. */
export function* unhurried<Item>(items: Iterable<Item>, each: (item: Item) => void): FileSteps<void> {
  let index = 0;
  for (const item of items) {
    if (isPause(index++)) yield PAUSE;
    each(item);
  }
}

/** So many strings are sorted at once. */
const SORTED_AT_ONCE = 512;

/** Strings in the order of their bytes. */
export function* sortedStrings(strings: Iterable<string>): FileSteps<string[]> {
  let runs: string[][] = [];
  let run: string[] = [];
  let index = 0;
  for (const string of strings) {
    if (isPause(index++)) yield PAUSE;
    if (run.length === SORTED_AT_ONCE) {
      runs.push(run);
      run = [];
    }
    run.push(string);
  }
  runs.push(run);
  for (const unsorted of runs) {
    if (unsorted.length > ITEMS) yield PAUSE;
    unsorted.sort();
  }
  while (runs.length > 1) {
    const merged: string[][] = [];
    for (let index = 0; index < runs.length; index += 2) {
      const both = yield* merge(runs[index] ?? [], runs[index + 1] ?? []);
      merged.push(both);
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

function* merge(one: readonly string[], other: readonly string[]): FileSteps<string[]> {
  const merged: string[] = [];
  let [left, right] = [0, 0];
  for (;;) {
    if (isPause(merged.length)) yield PAUSE;
    const [first, second] = [one[left], other[right]];
    if (first !== undefined && (second === undefined || first <= second)) {
      merged.push(first);
      left += 1;
    } else if (second !== undefined) {
      merged.push(second);
      right += 1;
    } else return merged;
  }
}
