import { afterEach, expect } from 'vitest';
import { type FleetLock, fleetLock } from '../support/fleet-lock.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { limitedMemory, MEMORY_GROUPS } from '../support/memory-group.ts';
import { needing } from '../support/needing.ts';
import { type Rehup, STATIC_EXECUTABLE } from '../support/rehup.ts';
import { mostAtOnce, replicas } from '../support/replicas.ts';
import { eachWithDirectory } from '../support/volume.ts';

/** Specification 5.2 with many replicas: a bad content stops at as many of them as there are slots. */

const SOAK = process.env['REHUP_SOAK'] === '1';
const test = needing(PID_NAMESPACE, STATIC_EXECUTABLE, ...(SOAK ? [MEMORY_GROUPS] : []));
const directory = eachWithDirectory();

/** What each replica may have in the soak, for what takes all that there is. */
const MEMORY = 16 * 2 ** 20;

/** Replicas, slots, and within how many ms their kubelets write a change. */
const FLEETS = SOAK
  ? ([
      [50, 1, 5_000],
      [50, 3, 5_000],
      [50, 10, 5_000],
    ] as const)
  : ([[6, 3, 300]] as const);

const LIMIT = SOAK ? 20 * 60_000 : 300_000;

const servers: FleetLock[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

const eventsOf = (run: Rehup, event: string) => run.log().filter((line) => line.event === event).length;

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

for (const [count, slots, within] of FLEETS) {
  test(
    `of ${count} replicas with ${slots} slots as many meet bad content, and good content reaches all`,
    async () => {
      const lock = await fleetLock('heathcliff26', slots);
      servers.push(lock);
      const limited = (name: string) => (SOAK ? limitedMemory(name, MEMORY) : []);
      const fleet = replicas(directory.path, count, lock, limited);
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

      /** Content is written while the server hears nobody, and then answers later than anybody waits. */
      async function cutOff(): Promise<void> {
        const write = fleet.write('5', within);
        lock.delay = undefined;
        await pause(8_000);
        // Longer than an answer is waited for: who was given a slot does not know it.
        lock.delay = 15_000;
        await pause(12_000);
        lock.delay = 0;
        await write;
      }
      /** A holder stands still for a while, and keeps its slot. */
      async function standStill(): Promise<void> {
        for (;;) {
          await lock.until(() => lock.holders().length > 0);
          const one = all.find(({ name }) => lock.holders().includes(name));
          one?.run.signal('SIGSTOP');
          await pause(300);
          const caught = one !== undefined && lock.holders().includes(one.name);
          if (caught) {
            await pause(5_000);
            expect(lock.holders()).toContain(one.name);
          }
          one?.run.signal('SIGCONT');
          if (caught) return;
        }
      }

      // What earlier lives held is given back before anything is asked for.
      await lock.until(() => new Set(lock.asked.map(({ id }) => id)).size === count);
      await rolled('2', 1);

      /** Writes content that no application stands: it meets as many of them as there are slots; who they are. */
      async function stopped(content: string): Promise<readonly string[]> {
        const [sinceAsked, since] = [lock.asked.length, Date.now()];
        const failed = new Map(all.map(({ name, run }) => [name, eventsOf(run, 'reload.rolled_back')]));
        await fleet.write(content, within);
        // Each replica has a slot or was refused one.
        const asking = () => lock.asked.slice(sinceAsked).filter(({ what }) => what === 'lock');
        await lock.until(() => new Set(asking().map(({ id }) => id)).size === count);
        const holders = lock.holders();
        const held = all.filter(({ name }) => holders.includes(name));
        await Promise.all(
          held.map(({ name, run }) => run.logged('reload.rolled_back', (failed.get(name) ?? 0) + 1)),
        );
        if (SOAK) await pause(30_000);
        const met = fleet.starts().filter((one) => one.content === content);
        expect(new Set(met.map(({ name }) => name))).toEqual(new Set(holders));
        expect(met).toHaveLength(slots);
        figures.push(
          `${content}: ${met.length} met it within ${((Date.now() - since) / 1_000).toFixed(1)} s`,
        );
        return holders;
      }

      const holders = await stopped('bad');

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

        const met = await stopped('oom');
        for (const { name, run } of all)
          if (met.includes(name)) expect(run.errors()).toMatch(/out of memory/);
        await cutOff();
        const more = Date.now();
        await standStill();
        await reached('5');
        figures.push(`5, in spite of more: ${((Date.now() - more) / 1_000).toFixed(1)} s more`);
        expect(mostAtOnce(all, fleet.starts(), '5')).toBeLessThanOrEqual(slots);
      }
      console.log(`${count} replicas, ${slots} slots: ${figures.join('; ')}`);
      for (const { run } of all)
        expect(run.log().filter(({ event }) => event === 'rehup.internal_error')).toEqual([]);
    },
    LIMIT,
  );
}
