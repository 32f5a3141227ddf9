import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import type { Rehup } from '../support/rehup.ts';
import { AT_ONCE_PLAIN, eachWithDirectory, followed } from '../support/volume.ts';

/** Specification 4.3 on the built executable: what does not count costs next to nothing, and hides nothing. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

const WRITES = 200;
const PERIOD = 5;

/** Events are taken ten times a second in a burst that lasts: this is three times as often, and some for its beginning. */
const PER_SECOND = 30;
const BEGINNING = 80;

function wakeUps(run: Rehup): number {
  const status = readFileSync(`/proc/${run.pid()}/status`, 'latin1');
  return Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1]);
}

/** How often `run` was woken while `file` was written, and how often that may be. */
async function woken(run: Rehup, file: string): Promise<{ readonly times: number; readonly most: number }> {
  const before = wakeUps(run);
  const began = performance.now();
  for (let written = 0; written < WRITES; written++) {
    appendFileSync(file, 'a line\n');
    await wait(PERIOD);
  }
  const seconds = (performance.now() - began) / 1_000;
  return { times: wakeUps(run) - before, most: BEGINNING + PER_SECOND * seconds };
}

const SITUATIONS = {
  'a log that is ignored': (file: string) => ({
    watched: directory.path,
    file,
    ignore: ['--ignore', '*.log'],
  }),
  'a neighbour of a watched file': (file: string) => ({ watched: file, file, ignore: [] }),
} as const;

describe('what does not count', () => {
  for (const [name, situation] of Object.entries(SITUATIONS)) {
    test(`wakes no one up each time, and holds up no change: ${name}`, async () => {
      const noisy = join(directory.path, 'busy.log');
      const { watched, file, ignore } = situation(join(directory.path, 'file'));
      writeFileSync(file, '0');
      writeFileSync(noisy, '');
      const run = await followed(watched, file, { options: [...ignore, ...AT_ONCE_PLAIN] });
      const { times, most } = await woken(run, noisy);
      expect(times).toBeLessThan(most);
      const change = woken(run, noisy);
      writeFileSync(file, '1');
      await run.said('SIGHUP 1');
      await change;
      writeFileSync(file, '2');
      await run.said('SIGHUP 2');
    });
  }
});
