import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect } from 'vitest';
import { type FleetLock, fleetLock, type Kind } from '../support/fleet-lock.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { type Rehup, rehup, witness } from '../support/rehup.ts';
import { AT_ONCE, eachWithDirectory, ends, writtenVolume } from '../support/volume.ts';

/** Specification 5.2 on the built executable: slots of a fleet, with a server that answers as each of the public ones does. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

const QUICK = ['--min-interval', '0', '--verify', '50ms', '--poll', '0'];

const servers: FleetLock[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

async function server(kind: Kind = 'heathcliff26', slots = 1): Promise<FleetLock> {
  const made = await fleetLock(kind, slots);
  servers.push(made);
  return made;
}

/** A replica that is signalled, of the group `web`. */
async function replica(lock: FleetLock, options: readonly string[] = [], name = 'web-1'): Promise<Rehup> {
  const words = ['-w', here(name), '--on-change', 'HUP', '--fleet-lock', lock.url, '--fleet-group', 'web'];
  const run = rehup([...words, '--fleet-id', name, ...QUICK, ...options, ...witness('/dev/null')]);
  await run.said('start');
  // What an earlier life might have held was given back.
  await lock.until(() => lock.asked.some(({ id, what }) => id === name && what === 'unlock'));
  return run;
}

/** What the server was asked by a replica, in order, without what it refused. */
function granted(lock: FleetLock, name = 'web-1'): readonly string[] {
  return lock.asked.filter(({ id, status }) => id === name && status === 200).map(({ what }) => what);
}

describe('a slot', () => {
  for (const kind of ['airlock', 'heathcliff26'] as const) {
    test(`of ${kind} is asked for, waited for, held until the content is applied, and given back`, async () => {
      const lock = await server(kind);
      const volume = writtenVolume(here('web-1'), { k: '1' });
      const run = await replica(lock);
      lock.lock('web-2');
      volume.write({ k: '2' });
      const held = await run.logged('reload.held');
      expect(held).toMatchObject({ reason: 'fleet-lock', level: 'info' });
      expect(held['value']).toMatch(
        kind === 'airlock' ? /currently full \(500\)/ : /currently locked \(423\)/,
      );
      lock.unlock('web-2');
      await run.logged('fleet.granted');
      await run.said('SIGHUP');
      await run.logged('reload.applied');
      await run.logged('fleet.returned');
      expect(lock.holders()).toEqual([]);
      expect(granted(lock)).toEqual(['unlock', 'lock', 'unlock']);
      const [request] = lock.raw;
      expect(request?.fields).toMatchObject({ 'fleet-lock-protocol': 'true' });
      expect(request?.body).toBe('{"client_params":{"id":"web-1","group":"web"}}');
      await ends(run);
    });
  }

  test('of poseidon is never given back, and what the server says is told', async () => {
    const lock = await server('poseidon');
    const volume = writtenVolume(here('web-1'), { k: '1' });
    const run = await replica(lock);
    volume.write({ k: '2' });
    expect(await run.logged('fleet.not_returned')).toMatchObject({
      level: 'warn',
      value: 'error uncordoning node (500)',
    });
    expect(lock.holders()).toEqual(['web-1']);
    await ends(run);
  });

  test('that is reserved while a node is drained is not yet there', async () => {
    const lock = await server('heathcliff26');
    const volume = writtenVolume(here('web-1'), { k: '1' });
    const run = await replica(lock);
    lock.draining = true;
    volume.write({ k: '2' });
    expect((await run.logged('reload.held'))['value']).toMatch(/not yet drained \(202\)/);
    expect(run.output.filter((line) => line.startsWith('SIGHUP'))).toEqual([]);
    lock.draining = false;
    await run.logged('reload.applied');
    await ends(run);
  });

  test('is kept when the content fails, and its holder goes first when it is mended', async () => {
    const lock = await server();
    const volume = writtenVolume(here('web-1'), { k: '1' });
    mkdirSync(here('target'));
    // It says itself that it serves: however slow this machine is, bad content is not taken for good.
    writeFileSync(
      here('app'),
      `#!/bin/sh\ngrep -q bad ${here('target')}/k && exit 3\necho >&3\nexec sleep 1000\n`,
    );
    chmodSync(here('app'), 0o755);
    const words = ['--stage', `${here('web-1')}=${here('target')}`, '--fleet-lock', lock.url];
    const more = ['--fleet-group', 'web', '--fleet-id', 'web-1', '--ready', 'notify-fd:3', ...AT_ONCE];
    const run = rehup([...words, ...more, here('app')]);
    await lock.until(() => lock.asked.length > 0);
    volume.write({ k: 'bad' });
    await run.logged('reload.rolled_back');
    expect(lock.holders()).toEqual(['web-1']);
    volume.write({ k: '3' });
    await run.logged('fleet.returned');
    expect(granted(lock)).toEqual(['unlock', 'lock', 'unlock']);
    volume.write({ k: 'bad' });
    await run.logged('reload.rolled_back', 2);
    run.signal('SIGTERM');
    await run.ended;
    expect(run.log().map(({ event }) => event)).toContain('fleet.kept');
    expect(lock.holders()).toEqual(['web-1']);
  });

  test('is given back by a stop, beside that of the child', async () => {
    const lock = await server();
    const volume = writtenVolume(here('web-1'), { k: '1' });
    const run = await replica(lock, ['--on-change', 'exec:sleep 1000']);
    volume.write({ k: '2' });
    await run.logged('fleet.granted');
    await ends(run);
    expect(granted(lock)).toEqual(['unlock', 'lock', 'unlock']);
  });

  test('is asked for with a token that is read anew, and its content is told nowhere', async () => {
    const lock = await server();
    const volume = writtenVolume(here('web-1'), { k: '1' });
    writeFileSync(here('token'), 'first-secret\n');
    const run = await replica(lock, ['--fleet-token', here('token')]);
    writeFileSync(here('token'), 'second-secret');
    volume.write({ k: '2' });
    await run.logged('fleet.returned');
    expect(lock.raw.map(({ fields }) => fields.authorization)).toEqual([
      'Bearer first-secret',
      'Bearer second-secret',
      'Bearer second-secret',
    ]);
    writeFileSync(here('token'), 'two\r\nX-Words: 1');
    volume.write({ k: '3' });
    expect((await run.logged('reload.held'))['value']).toMatch(
      /the token .* is empty, or more than one word/,
    );
    await ends(run);
    expect(run.errors()).not.toMatch(/secret|X-Words/);
  });

  test('is done without after --fleet-timeout, and by rehup reload --no-fleet-lock', async () => {
    const lock = await server();
    const volume = writtenVolume(here('web-1'), { k: '1' });
    const run = await replica(lock, ['--fleet-timeout', '300ms']);
    lock.lock('web-2');
    volume.write({ k: '2' });
    expect(await run.logged('fleet.timeout')).toMatchObject({ level: 'warn' });
    await run.logged('reload.applied');
    expect(lock.holders()).toEqual(['web-2']);
    await ends(run);
  });

  test('whose server comes back is asked for again, and a stop does not wait for one that is silent', async () => {
    const lock = await server();
    const volume = writtenVolume(here('web-1'), { k: '1' });
    const run = await replica(lock);
    await lock.stop();
    volume.write({ k: '2' });
    expect(await run.logged('reload.held')).toMatchObject({ level: 'warn', value: 'refused (ECONNREFUSED)' });
    await lock.start();
    await run.logged('fleet.returned');
    lock.delay = undefined;
    volume.write({ k: '3' });
    await run.logged('config.changed', 2);
    run.signal('SIGTERM');
    expect(await run.ended).toBe(0);
  });
});
