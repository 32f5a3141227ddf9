import type { Effect } from '../../src/core/state/effect.ts';
import type { TimerName } from '../../src/core/state/event.ts';

/** Sets or clears a timer as asked: `timers` has when each elapses, ms. */
export function keepTimer(
  timers: Map<TimerName, number>,
  effect: Extract<Effect, { type: 'set-timer' | 'clear-timer' }>,
  now: number,
): undefined {
  if (effect.type === 'set-timer') timers.set(effect.timer, now + effect.delay);
  else timers.delete(effect.timer);
}
