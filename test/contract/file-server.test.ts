import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect } from 'vitest';
import {
  endServers,
  FILE_SERVERS,
  type FileServer,
  fileServer,
  KINDS,
  localFile,
  SOON,
} from '../support/file-servers.ts';
import { amongMountsOf, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { childrenOf, disposeAll, IS_NODE, PATIENCE, type Rehup, rehup, witness } from '../support/rehup.ts';
import { eachWithDirectory } from '../support/volume.ts';

/** Specification 2.9: a file server that stops answering holds up looking at its watch, and nothing besides. */

const test = needing(PID_NAMESPACE, FILE_SERVERS);
const directory = eachWithDirectory();
const at = (...names: readonly string[]) => join(directory.path, ...names);

afterEach(async () => {
  await disposeAll();
  await endServers();
});

/** The processes of rehup's own that wait for file servers. */
function helpersOf(run: Rehup): readonly number[] {
  return childrenOf(run.pid()).filter((pid) => {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    return command.startsWith(readFileSync(`/proc/${run.pid()}/cmdline`, 'latin1').split('\0')[0] ?? '?');
  });
}

/** Waits until the helper waits for the server. */
async function stuck(run: Rehup): Promise<void> {
  const waits = () =>
    helpersOf(run).some((pid) =>
      readdirSync(`/proc/${pid}/task`).some((task) =>
        // For an answer, or for a page of a file, where the server fell in the middle of a reading.
        /request_wait|folio_wait|wait_on_page/.test(readFileSync(`/proc/${pid}/task/${task}/wchan`, 'utf8')),
      ),
    );
  await expect
    .poll(waits, { timeout: PATIENCE })
    .toBe(true)
    .catch((cause: unknown) => {
      throw new Error(`no helper waits for the server:\n${run.errors()}`, { cause });
    });
}

const BOTH = Object.keys(KINDS) as readonly (keyof typeof KINDS)[];

describe.each(BOTH)('a server that is %s', (kind) => {
  let server: FileServer;

  async function watched(words: readonly string[], prefix?: readonly string[]): Promise<Rehup> {
    server = await fileServer(kind, at('served'));
    const file = localFile(directory.path);
    const run = rehup(
      [
        '-w',
        `${server.path}=SIGHUP`,
        '-w',
        `${at('local')}=SIGUSR1`,
        ...SOON,
        ...words,
        ...witness(file, 'exit=7'),
      ],
      prefix === undefined ? {} : { prefix },
    );
    await run.said('start');
    return run;
  }

  test('is looked at by polling, and its changes are told', async () => {
    const run = await watched([]);
    expect((await run.logged('watch.polled'))['servers']).toEqual([expect.stringContaining(server.path)]);
    await server.put('two');
    await run.said('SIGHUP first');
    expect(run.log().filter(({ event }) => event === 'watch.polled')).toHaveLength(1);
    expect(run.log().filter(({ event }) => event === 'watch.degraded')).toEqual([]);
  });

  test('is in nobody else’s way: signals, changes elsewhere, orphans, a stop', async () => {
    const run = await watched([]);
    await server.falls();
    await stuck(run);
    run.signal('SIGUSR2');
    await run.said('SIGUSR2 first');
    writeFileSync(at('local', 'file'), 'second');
    await run.said('SIGUSR1 second');
    amongMountsOf(run.pid(), '(sleep 0.05 &)');
    const others = () => childrenOf(run.pid()).length - helpersOf(run).length;
    await expect.poll(others, { timeout: PATIENCE }).toBe(1);
    run.signal('SIGTERM');
    await run.said('SIGTERM second');
    expect((await run.logged('child.exited'))['code']).toBe(7);
    // The kernel lets nobody die that waits for what was read already: the namespace ends with them.
    if (kind === 'holding') await server.rises();
    expect(await run.ended).toBe(7);
  });

  test('lets rehup end that is not PID 1, whoever still waits', async () => {
    const run = await watched([], []);
    await server.falls();
    await stuck(run);
    run.signal('SIGTERM');
    expect(await run.ended).toBe(7);
  });

  test('is told of after 10 s, asked by one helper, and picked up when it answers', async () => {
    const run = await watched([]);
    await server.falls();
    await stuck(run);
    const since = performance.now();
    const { msg } = await run.logged('watch.failed');
    expect(performance.now() - since).toBeGreaterThan(7_000);
    expect(msg).toContain('its file server does not answer');
    writeFileSync(at('local', 'file'), 'second');
    await run.said('SIGUSR1 second');
    expect(helpersOf(run)).toHaveLength(1);
    await server.rises();
    await run.logged('watch.recovered');
    await server.put('two');
    await run.said('SIGHUP second');
    expect(run.log().filter(({ event }) => event === 'watch.failed')).toHaveLength(1);
    expect(helpersOf(run)).toHaveLength(1);
  });

  test('does not keep a restart by another watch from starting the child', async () => {
    server = await fileServer(kind, at('served'));
    const file = localFile(directory.path);
    const run = rehup([
      '-w',
      `${server.path}=SIGHUP`,
      '-w',
      `${at('local')}=restart`,
      ...SOON,
      ...witness(file),
    ]);
    await run.said('start');
    await server.falls();
    await stuck(run);
    writeFileSync(at('local', 'file'), 'second');
    expect(await run.said('start', 2)).toContain('second');
    await server.rises();
  });

  test('that is silent at the start is bad usage after 5 s, and a stop ends rehup before', async () => {
    server = await fileServer(kind, at('served'));
    const file = localFile(directory.path);
    await server.falls();
    const words = ['-w', server.path, ...SOON, ...witness(file)];
    const stopped = rehup(words, { prefix: [] });
    await stuck(stopped);
    stopped.signal('SIGTERM');
    expect(await stopped.ended).toBe(143);
    for (const option of [
      ['-w', server.path],
      ['-w', join(server.path, 'key')],
      ['--env-dir', server.path],
      ['--stage', `${server.path}=${at('target')}`],
    ]) {
      const run = rehup([...option, ...SOON, ...witness(file)], { prefix: [] });
      expect(await run.ended).toBe(125);
      expect(run.errors()).toContain(server.path);
      expect(run.errors()).toContain('does not answer');
      expect(run.output).toEqual([]);
    }
  });
});

test('a helper holds nothing of rehup’s or the child’s, is not counted with the descendants, and ends with rehup', async () => {
  const server = await fileServer('deaf', at('served'));
  const file = localFile(directory.path);
  const run = rehup(['-w', server.path, ...SOON, ...witness(file)], { prefix: [] });
  await run.said('start');
  const [helper = 0, ...more] = helpersOf(run);
  expect(more).toEqual([]);
  const given = [1, 2].map((number) => readlinkSync(`/proc/${run.pid()}/fd/${number}`));
  const held = spawnSync('ls', ['-l', `/proc/${helper}/fd`], { encoding: 'utf8' }).stdout;
  for (const name of given) expect(held).not.toContain(name);
  if (!IS_NODE) expect(held.split('\n').filter((line) => line.includes('->'))).toHaveLength(4);
  const [, , , , group, session] = readFileSync(`/proc/${helper}/stat`, 'latin1')
    .replace(/\(.*\)/, 'x')
    .split(' ');
  expect([group, session]).toEqual([String(helper), String(helper)]);
  const [child = 0] = childrenOf(run.pid()).filter((pid) => pid !== helper);
  process.kill(run.pid(), 'SIGKILL');
  // It holds what the test reads to the end.
  process.kill(child, 'SIGKILL');
  await expect.poll(() => spawnSync('kill', ['-0', String(helper)]).status, { timeout: PATIENCE }).toBe(1);
});

test('a child that ends at once is not taken for one that left something behind', async () => {
  const server = await fileServer('deaf', at('served'));
  const run = rehup(['-w', server.path, ...SOON, '--', 'true']);
  expect(await run.ended).toBe(0);
  expect(run.log().map(({ event }) => event)).not.toContain('child.daemonized');
});

test('a helper that was killed has a successor, and leaves no zombie', async () => {
  const server = await fileServer('holding', at('served'));
  const file = localFile(directory.path);
  const run = rehup(['-w', `${server.path}=SIGHUP`, ...SOON, ...witness(file)]);
  await run.said('start');
  const [helper = 0] = helpersOf(run);
  process.kill(helper, 'SIGKILL');
  await server.put('two');
  await run.said('SIGHUP');
  await expect.poll(() => childrenOf(run.pid()).length, { timeout: PATIENCE }).toBe(2);
  expect(helpersOf(run)).not.toContain(helper);
});

test('where all is local there is no helper', async () => {
  const file = localFile(directory.path);
  const run = rehup(['-w', at('local'), ...SOON, ...witness(file)]);
  await run.said('start');
  expect(childrenOf(run.pid())).toHaveLength(1);
});
