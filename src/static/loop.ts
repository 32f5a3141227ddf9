/** epoll(7). */
export const READABLE = 0x1;
export const WRITABLE = 0x4;
/** Told of once, until it is asked for anew. */
export const ONCE = 1 << 30;

/** What is to be done when its time has come. */
export type Timers = {
  /** When the first of them is due, on the clock of native.now(), if there is one. */
  next(): number | undefined;
  /** Runs those that were due at an instant. */
  run(at: number): void;
};

/** The one place that waits. */
export type Loop = {
  /** Calls `ready` each time a descriptor can be read. */
  onReadable(descriptor: number, ready: () => void): void;
  /** Calls `ready` each time one of these events, an error or an end is there, and nothing else for this descriptor. */
  on(descriptor: number, events: number, ready: () => void): void;
  /** Calls nothing for a descriptor until that is asked for anew. */
  hold(descriptor: number): void;
  /** Calls nothing any more for a descriptor, which is closed. */
  close(descriptor: number): void;
  /** Runs something as soon as what has happened meanwhile has been delivered. */
  soon(task: () => void): void;
  /**
   * Runs for ever. What had happened when a timer was due is delivered before it, however late that is.
   *
   * @param resting is called before each wait
   * @param timed is given all that runs, to measure it
   */
  run(timers: Timers, resting?: () => void, timed?: (what: string, act: () => void) => void): never;
};

/** epoll_wait(2) takes the time as a 32-bit number; who waits longer waits again. */
const LONGEST = 2 ** 31 - 1;

/** Once nothing has happened for so many milliseconds, the start is over, and the memory that it took is given back. */
const QUIET = 100;

/** The most that one epoll_wait(2) of native.wait() tells of, of which those that were told are the last the next time. */
const MOST = 16;

/** More descriptors than rehup has at a time, in turns of that many. */
const TURNS = 16;

export function createLoop(): Loop {
  const handlers = new Map<number, () => void>();
  let tasks: (() => void)[] = [];

  let rested = false;

  /** What is ready by then, -1 being never. */
  function poll(timeout: number): readonly number[] {
    if (rested || (timeout >= 0 && timeout <= QUIET)) return native.wait(timeout);
    const ready = native.wait(QUIET);
    if (ready.length > 0) return ready;
    rested = true;
    native.giveBackMemory();
    return native.wait(timeout < 0 ? timeout : timeout - QUIET);
  }

  /** Answers of how many descriptors something was delivered. */
  function wait(timeout: number, timed: (what: string, act: () => void) => void): number {
    const told = poll(timeout);
    if (told.length === 0) return 0;
    const ready = told.filter((_, index) => index % 2 === 0);
    const calls = ready.map((descriptor) => [descriptor, handlers.get(descriptor)] as const);
    // What one of them has closed may be open anew, as something else.
    for (const [descriptor, call] of calls) {
      if (call !== undefined && handlers.get(descriptor) === call) timed('a descriptor', call);
    }
    return ready.length;
  }

  function on(descriptor: number, events: number, ready: () => void): void {
    native.expect(descriptor, events);
    handlers.set(descriptor, ready);
  }

  return {
    onReadable: (descriptor, ready) => on(descriptor, READABLE, ready),
    on,
    hold(descriptor) {
      if (handlers.delete(descriptor)) native.expect(descriptor, 0);
    },
    close(descriptor) {
      // Closed as well where others hold the same open file, epoll(7) would go on to tell of it.
      if (handlers.delete(descriptor)) native.expect(descriptor, 0);
      native.close(descriptor);
    },
    soon: (task) => void tasks.push(task),
    run(timers, resting = () => {}, timed = (_, act) => act()) {
      for (;;) {
        const first = tasks;
        tasks = [];
        for (const task of first) timed('a task', task);
        let now = native.now();
        let next = timers.next();
        if (next !== undefined && next <= now) {
          for (let turn = 0; turn < TURNS && wait(0, timed) === MOST; turn++);
          const due = now;
          timed('what is due', () => timers.run(due));
          now = native.now();
          next = timers.next();
        }
        resting();
        if (tasks.length > 0) wait(0, timed);
        else if (next === undefined) wait(-1, timed);
        // Rounded up, so that a timer that is waited for is due.
        else wait(Math.min(Math.max(Math.ceil(next - now), 0), LONGEST), timed);
      }
    },
  };
}
