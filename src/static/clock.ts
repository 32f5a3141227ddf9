import type { TimerName } from '../core/state/event.ts';
import type { Clock } from '../core/state/ports.ts';
import type { Loop } from './loop.ts';

/** The Clock port, with what the loop needs of it. */
export type LoopClock = Clock & {
  /** Runs the timers that are due; answers the milliseconds until the next one, if there is one. */
  due(): number | undefined;
};

/** `elapsed` is called when a timer is due. */
export function createClock(loop: Loop, elapsed: (timer: TimerName) => void): LoopClock {
  const deadlines = new Map<TimerName, number>();

  function next(): [TimerName, number] | undefined {
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
    due() {
      if (deadlines.size === 0) return undefined;
      const now = native.now();
      for (let first = next(); first !== undefined; first = next()) {
        const [timer, deadline] = first;
        if (deadline > now) return deadline - now;
        deadlines.delete(timer);
        elapsed(timer);
      }
      return undefined;
    },
  };
}
