/** At most so many requests a second, those that matter most first. */
export type Limiter = {
  /** When its turn has come. */
  turn(isUrgent: boolean): Promise<void>;
  waiting(): number;
};

const SECOND = 1000;

export function createLimiter(perSecond: number): Limiter {
  const urgent: (() => void)[] = [];
  const others: (() => void)[] = [];
  // What was not used is kept for a second.
  let tokens = perSecond;
  let filledAt = performance.now();
  let timer: NodeJS.Timeout | undefined;

  function serve(): void {
    timer = undefined;
    const now = performance.now();
    tokens = Math.min(perSecond, tokens + ((now - filledAt) / SECOND) * perSecond);
    filledAt = now;
    while (tokens >= 1) {
      const next = urgent.shift() ?? others.shift();
      if (next === undefined) return;
      tokens -= 1;
      next();
    }
    if (urgent.length + others.length > 0)
      timer = setTimeout(serve, Math.ceil(((1 - tokens) / perSecond) * SECOND));
  }

  return {
    turn(isUrgent) {
      return new Promise((resolve) => {
        (isUrgent ? urgent : others).push(resolve);
        if (timer === undefined) serve();
      });
    },
    waiting: () => urgent.length + others.length,
  };
}
