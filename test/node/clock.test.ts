import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createClock } from '../../src/node/clock.ts';

/** A Node host that the machine keeps waiting: a child that dies in time is never verified. */

const DELAY = 50;

test('what happened before a timer was due is told before it', async () => {
  const heard: string[] = [];
  await new Promise<void>((over) => {
    const clock = createClock((timer) => {
      heard.push(timer);
      over();
    });
    const child = spawn('/bin/true', { stdio: 'ignore' });
    child.on('exit', () => heard.push('exited'));
    while (!readFileSync(`/proc/${child.pid}/stat`, 'utf8').includes(') Z '));
    clock.setTimer('verify-start', DELAY);
    const due = clock.now() + DELAY;
    while (clock.now() <= due);
  });
  expect(heard).toEqual(['exited', 'verify-start']);
});

test('a timer that is cleared, or set anew, when it is due already is not told', async () => {
  const heard: string[] = [];
  const clock = createClock((timer) => void heard.push(timer));
  clock.setTimer('poll', 0);
  clock.setTimer('settle', 1);
  const due = clock.now() + DELAY;
  while (clock.now() <= due);
  // Between the timers of a turn and what is done immediately.
  setTimeout(() => clock.clearTimer('poll'), 0);
  setTimeout(() => clock.setTimer('settle', DELAY), 0);
  await expect.poll(() => heard, { timeout: 60_000 }).toEqual(['settle']);
});
