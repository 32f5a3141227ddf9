import type { TimerName } from '../core/state/event.ts';
import type { Clock } from '../core/state/ports.ts';
import type { Loop, Timers } from './loop.ts';

/** The Clock port, with its timers for the loop; `elapsed` is called when one is due. */
export function createClock(
  loop: Loop,
  elapsed: (timer: TimerName) => void,
): Clock & { readonly timers: Timers } {
  const deadlines = new Map<TimerName, number>();

  function earliest(): [TimerName, number] | undefined {
    let first: [TimerName, number] | undefined;
    for (const entry of deadlines) if (first === undefined || entry[1] < first[1]) first = entry;
    return first;
  }

  return {
    now: () => native.now(),
    wall: () => Math.floor(native.time()),
    processorTime: () => native.processorTime(),
    setTimer: (timer, delay) => void deadlines.set(timer, native.now() + delay),
    clearTimer: (timer) => void deadlines.delete(timer),
    soon: loop.soon,
    timers: {
      next: () => earliest()?.[1],
      run(at) {
        for (let first = earliest(); first !== undefined && first[1] <= at; first = earliest()) {
          deadlines.delete(first[0]);
          elapsed(first[0]);
        }
      },
    },
  };
}
