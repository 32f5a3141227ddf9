import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { IS_NODE } from './rehup.ts';

/** How long nothing happens at rest, ms. */
const WINDOW = 3_000;

/** So many windows: what wakes up now and then does so in each of them, what a neighbour does once does not. */
const WINDOWS = 10;

/** Wake-ups in a window that are none of rehup's: Node's collector of garbage has threads of its own. */
const FOREIGN = IS_NODE ? 5 : 0;

/** Voluntary context switches of all threads: proc_pid_status(5). */
function wakeUpsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
    const status = readFileSync(`/proc/${pid}/task/${task}/status`, 'utf8');
    return sum + Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1]);
  }, 0);
}

/**
 * Expects that a process comes to rest: that there is a while in which it never wakes up. The first may have the last of
 * what went before, or of what others do in directories above those that are watched.
 */
export async function expectRest(pid: number): Promise<void> {
  const found: number[] = [];
  for (let window = 0; window < WINDOWS; window++) {
    const before = wakeUpsOf(pid);
    await new Promise((resolve) => setTimeout(resolve, WINDOW));
    const woken = wakeUpsOf(pid) - before;
    if (woken <= FOREIGN) return;
    found.push(woken);
  }
  expect(found, 'wake-ups in each window').toEqual([]);
}
