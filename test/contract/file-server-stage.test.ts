import { chmodSync, copyFileSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect } from 'vitest';
import { endServers, FILE_SERVERS, fileServer, localFile, SOON } from '../support/file-servers.ts';
import { amongMountsOf, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { script } from '../support/processes.ts';
import { disposeAll, PATIENCE, rehup, witness } from '../support/rehup.ts';
import { SILENT } from '../support/victims.ts';
import { eachWithDirectory } from '../support/volume.ts';

/** Specification 2.9, where a file server stops answering below a stage, a program, a check, or a new mount. */

const test = needing(PID_NAMESPACE, FILE_SERVERS);
const directory = eachWithDirectory();
const at = (...names: readonly string[]) => join(directory.path, ...names);

afterEach(async () => {
  await disposeAll();
  await endServers();
});

describe('a stage', () => {
  test('is published from a file server, and its silence keeps nobody else', async () => {
    const server = await fileServer('holding', at('served'));
    const file = localFile(directory.path);
    const watches = ['--stage', `${server.path}=${at('target')}`, '-w', `${at('local')}=USR1`];
    const run = rehup(['--on-change', 'HUP', ...watches, ...SOON, ...witness(file, 'exit=7')]);
    await run.said('start');
    await run.logged('stage.remote');
    expect(readFileSync(at('target', 'key'), 'utf8')).toContain('one');
    await server.put('two');
    await run.said('SIGHUP first');
    expect(readFileSync(at('target', 'key'), 'utf8')).toContain('two');
    await server.falls();
    writeFileSync(at('local', 'file'), 'second');
    await run.said('SIGUSR1 second');
    run.signal('SIGTERM');
    await run.said('SIGTERM second');
    await server.rises();
    expect(await run.ended).toBe(7);
  });

  test('in whose target one is mounted on a name is published beside that, which nobody touches', async () => {
    const server = await fileServer('deaf', at('served'));
    const file = localFile(directory.path);
    mkdirSync(at('local', 'sub'));
    writeFileSync(at('local', 'sub', 'a'), 'one');
    const target = at('target');
    const words = ['--stage', `${at('local')}=${target}`, '--on-change', 'HUP', ...SOON];
    const run = rehup([...words, ...witness(file, 'exit=7')]);
    await run.said('start');
    await server.falls();
    amongMountsOf(run.pid(), `mount --bind '${server.path}' '${target}/..rehup_1/sub'`);
    expect((await run.logged('stage.failed')).msg).toMatch(/\.\.rehup_1.* \(EBUSY\)/);
    run.signal('SIGUSR2');
    await run.said('SIGUSR2 first');
    writeFileSync(at('local', 'file'), 'second');
    await run.said('SIGHUP second');
    await expect.poll(() => readFileSync(join(target, 'file'), 'utf8'), { timeout: PATIENCE }).toBe('second');
    // What is mounted keeps its place, and a third generation is made all the same.
    writeFileSync(at('local', 'file'), 'third');
    await run.said('SIGHUP third');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(7);
    await server.rises();
  });

  test('is published onto a file server, and a stop does not wait for that', async () => {
    const server = await fileServer('deaf', at('served'));
    const file = localFile(directory.path);
    const target = join(server.path, 'target');
    const words = [
      '--stage',
      `${at('local')}=${target}`,
      '--on-change',
      'HUP',
      ...SOON,
      ...witness(file, 'exit=7'),
    ];
    const run = rehup(words);
    await run.said('start');
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('first');
    writeFileSync(at('local', 'file'), 'second');
    await run.said('SIGHUP second');
    expect(readFileSync(join(target, 'file'), 'utf8')).toBe('second');
    // Whose request the server has read when it falls can't be killed, and is waited for by the kernel.
    const leadsTo = (name: string) => readlinkSync(join(target, name));
    await expect.poll(() => leadsTo('..good') === leadsTo('..data'), { timeout: PATIENCE }).toBe(true);
    await server.falls();
    writeFileSync(at('local', 'file'), 'third');
    const { reason } = await run.logged('reload.failed');
    expect(reason).toContain('ETIMEDOUT');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(7);
    await server.rises();
  });
});

describe('a program', () => {
  test('that does not answer is waited for 5 s, and not by a stop', async () => {
    const server = await fileServer('deaf', at('served'));
    const program = script(`${server.path}-source/program`, 'echo up; read line');
    expect(program).toBeTruthy();
    const served = join(server.path, 'program');
    const up = rehup(SOON.concat('--', served), { prefix: [] });
    expect(await up.said('up')).toBe('up');
    await server.falls();
    const stopped = rehup([served], { prefix: [] });
    await stopped.logged('rehup.subreaper');
    stopped.signal('SIGTERM');
    expect(await stopped.ended).toBe(143);
    const run = rehup([served], { prefix: [] });
    expect(await run.ended).toBe(125);
    expect((await run.logged('child.start_failed'))['errno']).toBe('ETIMEDOUT');
    await server.rises();
  });

  test('on PATH behind a server that does not answer is found', async () => {
    const server = await fileServer('deaf', at('served'));
    await server.falls();
    // Set last of all, since whatever starts rehup would look there as well, and wait.
    const prefix = [...(PID_NAMESPACE.prefix ?? []), 'env', `PATH=${server.path}:${process.env['PATH']}`];
    const run = rehup(['--', 'sh', '-c', 'echo up; exit 3'], { prefix });
    await run.said('up');
    expect(await run.ended).toBe(3);
    await server.rises();
  });

  test('of a check that does not answer says nothing about the content', async () => {
    const server = await fileServer('deaf', at('served'));
    script(`${server.path}-source/check`, 'exit 0');
    const file = localFile(directory.path);
    const check = ['--check', join(server.path, 'check')];
    const run = rehup([
      '-w',
      at('local'),
      '--on-change',
      'HUP',
      ...check,
      ...SOON,
      ...witness(file, 'exit=7'),
    ]);
    await run.said('start');
    await server.falls();
    writeFileSync(at('local', 'file'), 'second');
    expect((await run.logged('reload.failed'))['reason']).toContain('ETIMEDOUT');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(7);
    await server.rises();
  });
});

test('a server that is mounted below a watch later on is told from then on', async () => {
  const file = localFile(directory.path);
  mkdirSync(at('local', 'later'));
  // Its own copy, since another namespace has another view of what is mounted where.
  copyFileSync(SILENT, at('silent'));
  chmodSync(at('silent'), 0o755);
  const run = rehup(['-w', at('local'), '--on-change', 'HUP', ...SOON, ...witness(file, 'exit=7')]);
  await run.said('start');
  const control = at('control');
  const told = at('told');
  const serve = `mkfifo '${control}'; (exec '${at('silent')}' '${at('local', 'later')}' <'${control}' >'${told}' 2>&1) & exec 9>'${control}'; sleep 1000 & sleep 1`;
  amongMountsOf(run.pid(), `(${serve}) >/dev/null 2>&1 </dev/null`);
  await run.said('SIGHUP');
  await run.logged('watch.polled');
  writeFileSync(control, 'hold\n');
  await run.logged('watch.failed');
  run.signal('SIGUSR2');
  await run.said('SIGUSR2');
  run.signal('SIGTERM');
  await run.said('SIGTERM');
  writeFileSync(control, 'answer\n');
  expect(await run.ended).toBe(7);
});
