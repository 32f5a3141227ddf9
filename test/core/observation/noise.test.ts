import { beforeEach, describe, expect, test } from 'vitest';
import { createNoise, type Noise } from '../../../src/core/observation/noise.ts';

/** What is told while a log is written every 5 ms for as long. */
const SECOND = 1_000;
const PERIOD = 5;

let now: number;
let rests: number[];
let paused: boolean;
let due: number | undefined;
let noise: Noise;

beforeEach(() => {
  now = 0;
  rests = [];
  paused = false;
  due = undefined;
  const clock = {
    now: () => now,
    setTimer: (_name: string, delay: number) => {
      rests.push(delay);
      due = now + delay;
    },
  };
  noise = createNoise(clock, {
    watch: () => {},
    pause: () => {
      paused = true;
    },
    resume: () => {
      paused = false;
    },
  });
});

/** Events that don't count come each `period` until `until`; how many times that woke. */
function lasts(until: number, period: number): number {
  let woken = 0;
  let kept = false;
  for (; now < until; now += period) {
    if (due !== undefined && now >= due) {
      due = undefined;
      noise.due();
      if (kept) woken += 1;
      if (kept) noise.inVain();
      kept = false;
    }
    if (paused) kept = true;
    else {
      woken += 1;
      noise.inVain();
    }
  }
  return woken;
}

describe('events that do not count', () => {
  test('are taken together in a burst, and never later than a tenth of a second', () => {
    expect(lasts(10 * SECOND, PERIOD)).toBeLessThan(150);
    expect(rests.slice(0, 4)).toEqual([25, 50, 100, 100]);
    expect(Math.max(...rests)).toBe(100);
  });

  test('hold up nothing before there is a burst of them: a kubelet makes two before each swap', () => {
    for (let swap = 0; swap < 100; swap++) {
      noise.inVain();
      noise.inVain();
      noise.counted();
    }
    expect(rests).toEqual([]);
  });

  test('hold up nothing when they come seldom', () => {
    expect(lasts(60 * SECOND, 250)).toBe(240);
    expect(rests).toEqual([]);
  });

  test('that are over for a while begin with a short rest again', () => {
    lasts(SECOND, PERIOD);
    now += SECOND;
    noise.due();
    due = undefined;
    rests = [];
    lasts(now + SECOND, PERIOD);
    expect(rests[0]).toBe(25);
  });
});
