import { expect, test } from 'vitest';
import { quietAfter } from '../../../src/core/observation/asking.ts';
import { initialState } from '../../../src/core/state/initial.ts';
import { settings } from '../../support/given.ts';

/** How close together looks are that events lead to: what is written without end must not keep a core busy. */

const START = initialState(settings()).observation;

/** Looks of so many milliseconds, each as soon as it may be; the part of the time that they take, and the longest pause. */
function flatOut(took: number, count: number) {
  let observation = START;
  let at = 0;
  let longest = 0;
  for (let look = 0; look < count; look++) {
    const began = at;
    at += took;
    observation = { ...observation, began, ...quietAfter({ ...observation, began }, at) };
    longest = Math.max(longest, observation.quietUntil - at);
    at = observation.quietUntil;
  }
  return { part: (took * count) / at, longest };
}

test('one look, or a burst of them, is followed by the next at once', () => {
  for (const took of [0, 0.5, 3]) expect(flatOut(took, 20).longest).toBeLessThan(took * 0.1 + 0.001);
});

test.each([0.5, 2, 12])('looks of %d ms without end take a small part of the time', (took) => {
  const { part, longest } = flatOut(took, 10_000);
  expect(part).toBeLessThan(0.07);
  expect(longest).toBeLessThanOrEqual(250);
});

test('long ones take a fifth of it, and the pauses stay in proportion', () => {
  const { part, longest } = flatOut(400, 1_000);
  expect(part).toBeLessThan(0.21);
  expect(longest).toBeLessThanOrEqual(1_600);
});

test('a rest makes up for what was taken', () => {
  const busy = { ...START, began: 0, ended: 0, taken: 0 };
  const after = { ...busy, ...quietAfter(busy, 90) };
  expect(after.taken).toBe(90);
  const later = { ...after, began: 10_000 };
  expect(quietAfter(later, 10_010).taken).toBe(10);
});
