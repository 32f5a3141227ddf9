import { afterEach, expect } from 'vitest';
import { type FleetLock, fleetLock } from '../support/fleet-lock.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { STATIC_EXECUTABLE } from '../support/rehup.ts';
import { mostAtOnce, replicas } from '../support/replicas.ts';
import { eachWithDirectory } from '../support/volume.ts';

/** Specification 5.2 with many replicas: a bad content stops at as many of them as there are slots. */

const test = needing(PID_NAMESPACE, STATIC_EXECUTABLE);
const directory = eachWithDirectory();
const SOAK = process.env['REHUP_SOAK'] === '1';

/** Replicas, slots, and within how many ms their kubelets write a change. */
const FLEETS = SOAK
  ? ([
      [50, 1, 5_000],
      [50, 3, 5_000],
      [50, 10, 5_000],
    ] as const)
  : ([[6, 3, 300]] as const);

const LIMIT = SOAK ? 20 * 60_000 : 120_000;

const servers: FleetLock[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

for (const [count, slots, within] of FLEETS) {
  test(
    `of ${count} replicas with ${slots} slots as many meet bad content, and good content reaches all`,
    async () => {
      const lock = await fleetLock('heathcliff26', slots);
      servers.push(lock);
      const fleet = replicas(directory.path, count, lock);
      const { all } = fleet;
      const figures: string[] = [];

      /** Waits until each replica's application runs on this content and nobody holds a slot. */
      async function reached(content: string): Promise<void> {
        const on = () =>
          new Set(fleet.starts().flatMap((one) => (one.content === content ? [one.name] : [])));
        await lock.until(() => on().size === count && lock.holders().length === 0);
      }
      async function rolled(content: string, nth: number): Promise<void> {
        const since = Date.now();
        await fleet.write(content, within);
        await reached(content);
        // The server may know of an end before its line was read.
        await Promise.all(all.map(({ run }) => run.logged('reload.applied', nth)));
        const most = mostAtOnce(all, fleet.starts(), content);
        figures.push(`${content}: ${((Date.now() - since) / 1_000).toFixed(1)} s, ${most} at once`);
        expect(most).toBeLessThanOrEqual(slots);
      }

      // What earlier lives held is given back before anything is asked for.
      await lock.until(() => new Set(lock.asked.map(({ id }) => id)).size === count);
      await rolled('2', 1);

      const sinceBad = lock.asked.length;
      const sinceWrite = Date.now();
      await fleet.write('bad', within);
      // Each replica has a slot or was refused one.
      await lock.until(
        () =>
          new Set(lock.asked.slice(sinceBad).flatMap(({ id, what }) => (what === 'lock' ? [id] : [])))
            .size === count,
      );
      const holders = lock.holders();
      const held = all.filter(({ name }) => holders.includes(name));
      await Promise.all(held.map(({ run }) => run.logged('reload.rolled_back')));
      if (SOAK) await pause(30_000);
      const met = fleet.starts().filter(({ content }) => content === 'bad');
      expect(new Set(met.map(({ name }) => name))).toEqual(new Set(holders));
      expect(met).toHaveLength(slots);
      figures.push(`bad: ${met.length} met it within ${((Date.now() - sinceWrite) / 1_000).toFixed(1)} s`);

      await rolled('3', 2);
      // Nobody else is told before a holder is done.
      const third = fleet.starts().filter(({ content }) => content === '3');
      expect(holders).toContain([...third].sort((one, other) => one.at - other.at)[0]?.name);

      if (SOAK) {
        const write = fleet.write('4', within);
        await pause(3_000);
        await lock.stop();
        await pause(3_000);
        await lock.start();
        lock.delay = 1_500;
        const [killed] = all.filter(({ name }) => lock.holders().includes(name));
        await write;
        if (killed !== undefined) {
          await killed.run.dispose();
          fleet.again(killed);
        }
        await pause(10_000);
        lock.delay = 0;
        const since = Date.now();
        await reached('4');
        figures.push(`4, in spite of all: ${((Date.now() - since) / 1_000).toFixed(1)} s more`);
      }
      console.log(`${count} replicas, ${slots} slots: ${figures.join('; ')}`);
      for (const { run } of all)
        expect(run.log().filter(({ event }) => event === 'rehup.internal_error')).toEqual([]);
    },
    LIMIT,
  );
}
