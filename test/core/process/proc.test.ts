import { describe, expect, test } from 'vitest';
import { handlingOf, isDescendant } from '../../../src/core/process/proc.ts';

describe('what a process does with HUP', () => {
  const status = (caught: string, blocked: string) =>
    `Name:\tapp\nSigBlk:\t${blocked}\nSigIgn:\t0000000000000000\nSigCgt:\t${caught}\n`;
  const NONE = '0000000000000000';
  const HUP = '0000000000000001';
  const ALL = 'ffffffffffffffff';

  test.each([
    ['by its handler', status(HUP, NONE), 'caught'],
    ['by its handler, though it blocks it for now', status(HUP, ALL), 'caught'],
    ['not: it would end it', status(NONE, NONE), 'uncaught'],
    ['can not be told: it may take what it blocks without a handler', status(NONE, HUP), 'blocked'],
    ['can not be told: it is not in the text', 'Name:\tapp\n', undefined],
  ])('%s', (_, text, caught) => {
    expect(handlingOf(text, 1)).toBe(caught);
  });

  test('and the last real-time signal', () => {
    expect(handlingOf(status('8000000000000000', NONE), 64)).toBe('caught');
    expect(handlingOf(status('7fffffffffffffff', NONE), 64)).toBe('uncaught');
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
