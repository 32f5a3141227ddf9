import type { TimerName } from '../core/state/event.ts';
import type { Clock } from '../core/state/ports.ts';

/**
 * The Clock port; `elapsed` is called when a timer is due. What had happened by then is delivered before it, however late
 * this is: libuv runs the timers of a turn, then looks what has happened, then runs what was to be done immediately.
 */
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
      const handle = setTimeout(() => setImmediate(due), delay);
      timers.set(timer, handle);
      function due(): void {
        if (timers.get(timer) !== handle) return;
        timers.delete(timer);
        elapsed(timer);
      }
    },
    clearTimer(timer) {
      clearTimeout(timers.get(timer));
      timers.delete(timer);
    },
    soon: (task) => void setImmediate(task),
  };
}
