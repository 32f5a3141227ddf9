import { expect, test } from 'vitest';
import { createStopwatch, type Longest } from '../../src/core/stopwatch.ts';

/** The longest step (specification 4.9). */

function watched() {
  const now = { wall: 0, processor: 0 };
  const tooLong: Longest[] = [];
  const clock = { now: () => now.wall, processorTime: () => now.processor };
  const stopwatch = createStopwatch(clock, (longest) => void tooLong.push(longest));
  const takes =
    (wall: number, processor = 1) =>
    () => {
      now.wall += wall;
      now.processor += processor;
    };
  return { stopwatch, tooLong, takes };
}

test('the longest step is known by what ran last in it', () => {
  const { stopwatch, tooLong, takes } = watched();
  stopwatch.timed('one', takes(3));
  stopwatch.timed('two', () => {
    takes(4)();
    stopwatch.doing('hint');
  });
  stopwatch.timed('three', takes(2));
  stopwatch.doing('nothing');
  expect(stopwatch.longest().wall).toEqual({ ms: 4, what: 'hint' });
  expect(tooLong).toEqual([]);
});

test('what runs within a step is a part of it', () => {
  const { stopwatch, takes } = watched();
  stopwatch.timed('task', () => {
    stopwatch.timed('look', takes(10));
    stopwatch.timed('stage', takes(10, 3));
  });
  expect(stopwatch.longest()).toEqual({
    wall: { ms: 20, what: 'stage' },
    processor: { ms: 4, what: 'stage' },
  });
});

test('the one that took most of the processor need not be the longest by the clock', () => {
  const { stopwatch, takes } = watched();
  stopwatch.timed('busy', takes(5, 5));
  stopwatch.timed('kept waiting', takes(40, 2));
  const { wall, processor } = stopwatch.longest();
  expect([wall.what, processor.what]).toEqual(['kept waiting', 'busy']);
});

test('more than 50 ms is told, and again only when it is more', () => {
  const { stopwatch, tooLong, takes } = watched();
  for (const ms of [50, 51, 51, 49, 70, 60]) stopwatch.timed(`${ms}`, takes(ms));
  expect(tooLong.map(({ wall }) => wall)).toEqual([
    { ms: 51, what: '51' },
    { ms: 70, what: '70' },
  ]);
});
