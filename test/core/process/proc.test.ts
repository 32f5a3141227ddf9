import { describe, expect, test } from 'vitest';
import { handlingOf } from '../../../src/core/process/proc.ts';

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
