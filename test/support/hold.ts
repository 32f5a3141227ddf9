import type { Occurrence } from '../../src/core/state/event.ts';

/** What lies between a test's kernel and the engine, which may want no hints for a while: they are kept until it does. */
export function createHold(deliver: (hint: Occurrence) => void) {
  let held: Occurrence[] | undefined;
  return {
    tell(hint: Occurrence): void {
      if (held === undefined) deliver(hint);
      else held.push(hint);
    },
    pause(): void {
      held ??= [];
    },
    resume(): void {
      const told = held ?? [];
      held = undefined;
      for (const hint of told) deliver(hint);
    },
  };
}
