import type { Clock, Watcher } from '../state/ports.ts';

/** So many wake-ups in a row in vain are a burst. A kubelet makes two before each swap, which must not hold that up. */
const BURST = 12;

/** Those that are further apart than this are none, ms: longer than the longest rest. */
const APART = 200;

/**
 * How long a burst is left to gather, ms, and how long one that lasts. What counts and comes meanwhile is told as much
 * later, at most; where content is settled, that takes longer.
 */
const REST = 25;
const LONGEST_REST = 100;

/** Keeps events that don't count from waking rehup up each time. */
export type Noise = {
  /** Events came of which nothing counts. */
  inVain(): void;
  /** Some did count. */
  counted(): void;
  /** The timer `noise` is due. */
  due(): void;
};

/**
 * A log that is written beside the configuration, or a busy neighbour of a watched file, makes some hundred events a
 * second, and to be woken costs more than to look at a name: in a burst of them they are taken together.
 */
export function createNoise(clock: Pick<Clock, 'now' | 'setTimer'>, watcher: Watcher): Noise {
  let vain = 0;
  let rest = REST;
  let last = -Infinity;
  return {
    inVain() {
      const now = clock.now();
      vain = now - last <= APART ? vain + 1 : 1;
      last = now;
      if (vain < BURST) {
        rest = REST;
        return;
      }
      watcher.pause();
      clock.setTimer('noise', rest);
      rest = Math.min(2 * rest, LONGEST_REST);
    },
    counted() {
      vain = 0;
    },
    due: () => watcher.resume(),
  };
}
