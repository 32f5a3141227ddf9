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

/** Lets only some of what is done go on at once, in the order in which they came. */
export type Turns = <Value>(act: () => Promise<Value>) => Promise<Value>;

/** @param longest what has not come to its end by then holds up nobody any more, ms */
export function createTurns(abreast: number, longest: number): Turns {
  const waiting: (() => void)[] = [];
  let going = 0;
  return async (act) => {
    if (going >= abreast) await new Promise<void>((resolve) => waiting.push(resolve));
    else going += 1;
    let isOver = false;
    const over = () => {
      if (isOver) return;
      isOver = true;
      // Its place is the next one's.
      const next = waiting.shift();
      if (next === undefined) going -= 1;
      else next();
    };
    const timer = setTimeout(over, longest);
    try {
      return await act();
    } finally {
      clearTimeout(timer);
      over();
    }
  };
}
