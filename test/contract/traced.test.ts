import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { rehup } from '../support/rehup.ts';
import { traced, VICTIMS_IN_C } from '../support/victims.ts';
import { AT_ONCE, eachWithDirectory } from '../support/volume.ts';

/** A child that has itself traced by its parent stops at each signal, which is not its end. */

const test = needing(PID_NAMESPACE, VICTIMS_IN_C);
const directory = eachWithDirectory();

for (const way of ['itself', 'first'] as const) {
  test(`a child that asks to be traced (${way}) gets its signals, and ends with its own code`, async () => {
    const watched = join(directory.path, 'watched');
    writeFileSync(watched, 'one');
    const run = rehup(['-w', watched, '--on-change', 'HUP', ...AT_ONCE, ...traced(way)]);
    await run.said('start');
    writeFileSync(watched, 'two');
    await run.said('1');
    run.signal('SIGUSR1');
    await run.said('10');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(3);
    expect(run.log().filter(({ event }) => event === 'child.exited')).toHaveLength(1);
  });
}

test('one that dies of a signal then is told by it', async () => {
  const run = rehup(traced('dies'));
  expect(await run.ended).toBe(128 + 11);
  const { msg } = await run.logged('child.exited');
  expect(msg).toContain('SIGSEGV');
});
