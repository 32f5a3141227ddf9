import { describe, expect, test } from 'vitest';
import { isDescendant, parseStat } from '../../../src/core/process/proc.ts';

describe('a stat file', () => {
  const text = (state: string, threads: number) =>
    `77 (odd) name (x) ${state} 5 76 70 0 -1 0 0 0 0 0 0 0 0 0 20 0 ${threads} 0 4711 0 0\n`;

  test('tells of a process whose name holds anything', () => {
    expect(parseStat(text('S', 1))).toEqual({
      pid: 77,
      name: 'odd) name (x',
      parent: 5,
      group: 76,
      session: 70,
      started: '4711',
      alive: true,
    });
  });

  test.each([
    ['a zombie', 'Z', 1, false],
    ['what is being taken away', 'X', 0, false],
    ['one whose main thread has ended, with another that lives', 'Z', 2, true],
    ['a stopped one', 'T', 1, true],
  ])('and whether it lives: %s', (_, state, threads, alive) => {
    expect(parseStat(text(state, threads))?.alive).toBe(alive);
  });

  test('that is none tells nothing', () => {
    for (const bad of ['', '77', '77 (app) S 1 2']) expect(parseStat(bad)).toBeUndefined();
  });
});

describe('descent', () => {
  /** Stats of processes by their parents. */
  const stats = (parents: Readonly<Record<number, number>>) => (pid: number) => {
    const parent = parents[pid];
    return parent === undefined ? undefined : `${pid} (a) b) S ${parent} 1 1 0 -1`;
  };

  test.each([
    ['a child', { 7: 1 }, true],
    ['a child of a child', { 7: 6, 6: 5, 5: 1 }, true],
    ['one that came from outside', { 7: 6, 6: 0 }, false],
    ['one that has ended', {}, false],
    ['one whose parent has ended', { 7: 6 }, false],
    ['a ring that /proc can not show', { 7: 6, 6: 7 }, false],
  ])('%s', (_, parents, descends) => {
    expect(isDescendant(7, 1, stats(parents))).toBe(descends);
  });

  test('is no one’s own, nor that of what has no number here', () => {
    expect(isDescendant(1, 1, stats({ 1: 0 }))).toBe(false);
    expect(isDescendant(0, 1, stats({ 0: 1 }))).toBe(false);
    expect(isDescendant(Number.NaN, 1, stats({}))).toBe(false);
  });

  test('is looked for in so many generations and no more', () => {
    let asked = 0;
    const deep = (pid: number) => {
      asked += 1;
      return stats({ [pid]: pid + 1 })(pid);
    };
    expect(isDescendant(7, 1, deep)).toBe(false);
    expect(asked).toBe(64);
  });
});
