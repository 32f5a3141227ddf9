/**
 * How long the engine keeps everything else waiting: no step may take longer than 50 ms (specification 4.9). Measured by
 * clocks that are there anyhow, so that it wakes up nobody.
 */
export type Stopwatch = {
  /** Runs something that nothing can interrupt. What runs within it is a part of it, and names it more exactly. */
  timed(what: string, act: () => void): void;
  /** Says more exactly what is running. */
  doing(what: string): void;
  /** When what is running began, on the clock on the wall; undefined if nothing is. */
  since(): number | undefined;
  longest(): Longest;
};

/** What ran without a break, and how long, ms. */
export type Step = { readonly ms: number; readonly what: string };

/**
 * The longest steps so far: by the clock on the wall, which runs on while others have the processor or a disk is waited
 * for, and by the processor's time alone.
 */
export type Longest = { readonly wall: Step; readonly processor: Step };

/** A step that is longer than this is too long, ms. */
export const MOST_MS = 50;

const NOTHING: Step = { ms: 0, what: 'nothing' };

/** @param tooLong is told whenever a step is longer than it may be and than all before it, by the clock on the wall */
export function createStopwatch(
  clock: { now(): number; processorTime(): number },
  tooLong: (longest: Longest) => void,
): Stopwatch {
  let longest: Longest = { wall: NOTHING, processor: NOTHING };
  let running: string | undefined;
  let since: number | undefined;

  function finish(what: string, wall: number, processor: number): void {
    if (processor > longest.processor.ms) longest = { ...longest, processor: { ms: processor, what } };
    if (wall <= longest.wall.ms) return;
    longest = { ...longest, wall: { ms: wall, what } };
    if (wall > MOST_MS) tooLong(longest);
  }

  return {
    timed(what, act) {
      const outermost = running === undefined;
      running = what;
      if (!outermost) {
        act();
        return;
      }
      const start = clock.now();
      const spent = clock.processorTime();
      since = start;
      act();
      finish(running, clock.now() - start, clock.processorTime() - spent);
      running = undefined;
      since = undefined;
    },
    doing(what) {
      if (running !== undefined) running = what;
    },
    since: () => since,
    longest: () => longest,
  };
}
