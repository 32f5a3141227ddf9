/** epoll(7). */
export const READABLE = 0x1;

/** The one place that waits. */
export type Loop = {
  /** Calls `ready` each time a descriptor can be read. */
  onReadable(descriptor: number, ready: () => void): void;
  /** Runs something as soon as what has happened meanwhile has been delivered. */
  soon(task: () => void): void;
  /** Runs for ever; `turn` does what is due before each wait, and answers the milliseconds until there is more. */
  run(turn: () => number | undefined): never;
};

/** epoll_wait(2) takes the time as a 32-bit number; who waits longer waits again. */
const LONGEST = 2 ** 31 - 1;

export function createLoop(): Loop {
  const handlers = new Map<number, () => void>();
  let tasks: (() => void)[] = [];

  function wait(timeout: number): void {
    const ready = native.wait(timeout);
    for (let index = 0; index < ready.length; index += 2) handlers.get(ready[index] ?? -1)?.();
  }

  return {
    onReadable(descriptor, ready) {
      native.expect(descriptor, READABLE);
      handlers.set(descriptor, ready);
    },
    soon: (task) => void tasks.push(task),
    run(turn) {
      for (;;) {
        const now = tasks;
        tasks = [];
        for (const task of now) task();
        const delay = turn();
        if (tasks.length > 0) wait(0);
        // Rounded up, so that a timer that is waited for is due.
        else wait(delay === undefined ? -1 : Math.min(Math.ceil(delay), LONGEST));
      }
    },
  };
}
