import type { TimerName } from '../core/state/event.ts';
import type { Clock } from '../core/state/ports.ts';

/** The Clock port; `elapsed` is called when a timer is due. */
export function createClock(elapsed: (timer: TimerName) => void): Clock {
  const timers = new Map<TimerName, NodeJS.Timeout>();
  return {
    // CLOCK_MONOTONIC, as sd_notify(3) has it: performance.now() begins with the process.
    now: () => Number(process.hrtime.bigint()) / 1e6,
    wall: () => Date.now(),
    processorTime() {
      const { user, system } = process.threadCpuUsage();
      return (user + system) / 1000;
    },
    setTimer(timer, delay) {
      clearTimeout(timers.get(timer));
      timers.set(
        timer,
        setTimeout(() => {
          timers.delete(timer);
          elapsed(timer);
        }, delay),
      );
    },
    clearTimer(timer) {
      clearTimeout(timers.get(timer));
      timers.delete(timer);
    },
    soon: (task) => void setImmediate(task),
  };
}
