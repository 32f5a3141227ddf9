import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { asks } from '../support/asks.ts';
import { listening, url } from '../support/listening.ts';
import { CURL, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { PATIENCE, type Rehup, rehup } from '../support/rehup.ts';
import { stopped } from '../support/telling.ts';
import { AT_ONCE, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 5 and 6: `rehup reload` in every state of a reload, with the outcome of the one that it asked for. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);
const make = (name: string) => writeFileSync(here(name), '');

const DEBUG = ['--log-level', 'debug'];
const newVolume = () => writtenVolume(here('volume'), { a: '0' });
const reload = () => asks(['reload', '--socket', here('socket')]);
const applied = (number: number) => ({ code: 0, stdout: `reload ${number} applied\n`, stderr: '' });

/** A shell that waits until there is a file of this name, as a command. */
const until = (name: string) => `while [ ! -e ${here(name)} ]; do sleep 0.02; done`;

async function running(options: readonly string[], application: string): Promise<Rehup> {
  const words = ['--socket', here('socket'), ...AT_ONCE, ...options, 'sh', '-c', application];
  const run = rehup(words);
  await run.said('start');
  await run.logged('child.started');
  return run;
}

describe('rehup reload', () => {
  test.for([
    ['settles', ['--settle', '1h']],
    ['is splayed', ['--splay', '1h']],
  ] as const)('while a change %s: at once', async ([, options]) => {
    const volume = newVolume();
    const one = await listening(directory.path, ['-w', volume.path, '--on-change', 'HUP', ...options]);
    volume.write({ a: '1' });
    await one.run.logged('config.changed');
    expect(await reload()).toEqual(applied(1));
    await one.run.said('SIGHUP');
    await stopped(one.run);
  });

  test('while a change is held by --min-interval: at once', async () => {
    const volume = newVolume();
    const options = ['-w', volume.path, '--on-change', 'HUP', '--min-interval', '1h'];
    const one = await listening(directory.path, options);
    expect(await reload()).toEqual(applied(1));
    // Two that wait to be handled are one.
    await one.run.said('SIGHUP');
    volume.write({ a: '1' });
    await one.run.logged('config.changed');
    expect(await reload()).toEqual(applied(2));
    await one.run.said('SIGHUP', 2);
    await stopped(one.run);
  });

  test('while a check runs: after that, with the outcome of its own check', async () => {
    const volume = newVolume();
    const check = `sh -c '[ $(cat {dir}/a) = 0 ] && exit; ${until('go')}; exit 1'`;
    const one = await listening(directory.path, [
      ...DEBUG,
      '-w',
      volume.path,
      '--on-change',
      'HUP',
      '--check',
      check,
    ]);
    volume.write({ a: '1' });
    await one.run.logged('check.started', 2);
    const asked = reload();
    await one.run.logged('reload.requested');
    make('go');
    expect(await asked).toMatchObject({ code: 1, stdout: expect.stringMatching(/^reload 2 rejected: /) });
    await stopped(one.run);
  });

  test('while a reload is verified: with the outcome of the one that follows it', async () => {
    const volume = newVolume();
    make('serves');
    const ready = ['--ready', `exec:test -e ${here('serves')}`, '--ready-timeout', '1h'];
    const one = await listening(directory.path, ['-w', volume.path, '--on-change', 'HUP', ...ready]);
    // The start is good by then.
    const serves = async () => (await fetch(url(one, '/readyz'))).status;
    await expect.poll(serves, { timeout: PATIENCE }).toBe(200);
    rmSync(here('serves'));
    volume.write({ a: '1' });
    await one.run.said('SIGHUP');
    const asked = reload();
    await one.run.logged('reload.requested');
    make('serves');
    expect(await asked).toEqual(applied(2));
    await stopped(one.run);
  });

  test('while the child is stopped for a restart: after its start, by another', async () => {
    const volume = newVolume();
    const run = await running(
      ['-w', volume.path],
      `trap '${until('go')}; exit' TERM; echo start; while :; do sleep 0.02; done`,
    );
    volume.write({ a: '1' });
    await run.logged('reload.started');
    const asked = reload();
    await run.logged('reload.requested');
    make('go');
    expect(await asked).toEqual(applied(2));
    // The second one may be asked to stop before it can say anything.
    await run.logged('child.started', 3);
    run.signal('SIGTERM');
    await run.ended;
  });

  test('without a child: once there is one', async () => {
    const run = await running(
      ['--on-exit', 'restart'],
      `echo start; [ -e ${here('stays')} ] || exit 1; exec sleep 1000`,
    );
    await run.logged('child.exited');
    make('stays');
    expect(await reload()).toMatchObject({ code: 0 });
    run.signal('SIGTERM');
    expect(await run.ended).toBe(143);
  });

  test('by two at once: each is told how the one went that it asked for', async () => {
    const one = await listening(directory.path, ['--on-change', 'HUP']);
    const both = await Promise.all([reload(), reload()]);
    for (const { code, stdout } of both) {
      expect(code).toBe(0);
      expect(stdout).toMatch(/^reload [12] applied\n$/);
    }
    await stopped(one.run);
  });
});

needing(PID_NAMESPACE, CURL)('curl is a client of the socket and of the port', async () => {
  const one = await listening(directory.path, ['--on-change', 'HUP']);
  const curl = async (...words: readonly string[]) =>
    (await promisify(execFile)('curl', ['-sS', '--max-time', '60', ...words])).stdout;
  const socket = ['--unix-socket', one.socket];
  expect(JSON.parse(await curl(...socket, 'http://rehup/status'))).toMatchObject({ version: 1 });
  expect(JSON.parse(await curl(...socket, '-X', 'POST', 'http://rehup/reload'))).toEqual({
    reload: 1,
    outcome: 'applied',
    reason: null,
  });
  const head = await curl('--head', '-H', 'Connection: keep-alive', url(one, '/metrics'));
  expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(head).toMatch(/\r\nConnection: close\r\n/i);
  expect(head).toMatch(/\r\n\r\n$/);
  // Two addresses, one after the other: the second needs a connection of its own.
  expect(await curl(url(one, '/livez'), url(one, '/readyz'))).toMatch(
    /^rehup works\nthe application serves\n$/,
  );
  expect(await curl('-X', 'POST', '-o', '/dev/null', '-w', '%{http_code}', url(one, '/reload'))).toMatch(
    /^40[45]$/,
  );
  await stopped(one.run);
});
