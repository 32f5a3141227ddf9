import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { basename, join } from 'node:path';
import { afterEach, describe, expect } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { heldCheck } from '../support/held-check.ts';
import type { Volume } from '../support/kubelet.ts';
import { NOBODY, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { PATIENCE, type Rehup, type RehupOptions, rehup } from '../support/rehup.ts';
import { VICTIMS_IN_C, waiter } from '../support/victims.ts';
import { AT_ONCE, eachWithDirectory, writtenVolume } from '../support/volume.ts';

/** Specification 7, `rehup sidecar`, on the built executable: the application is no child of it. */

const test = needing(PID_NAMESPACE, NOBODY);
const directory = eachWithDirectory();
const others: ChildProcess[] = [];
const servers: Server[] = [];

afterEach(() => {
  // With all that it has started.
  for (const { pid = 0 } of others.splice(0)) kill(-pid);
  for (const server of servers.splice(0)) server.close();
});

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Ended by itself.
  }
}

/** bash under a name of its own, so that nothing else on the machine is meant. */
function newProgram(): string {
  // The kernel keeps 15 bytes of it.
  const path = join(directory.path, `app${basename(directory.path).slice(-6)}`);
  if (!existsSync(path)) copyFileSync('/bin/bash', path);
  chmodSync(path, 0o755);
  return path;
}

type Application = { readonly lines: () => readonly string[]; readonly child: ChildProcess };

function started(program: string, script: string): Promise<Application> {
  return running([program, '-c', script, program]);
}

async function running([program = '', ...words]: readonly string[], first = 'ready'): Promise<Application> {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  others.push(child);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  const lines = () => text.split('\n').filter((line) => line !== '');
  await expect.poll(() => lines()[0]?.split(' ')[0], { timeout: PATIENCE }).toBe(first);
  return { lines, child };
}

/** With a child of the same name, which is to be left alone. */
const TAKES = `trap 'echo hup' HUP; (trap 'echo child' HUP; while :; do read -t 0.1 <> <(:); done) & 
  echo ready; while :; do read -t 0.1 <> <(:); done`;

function newVolume(): Volume {
  chmodSync(directory.path, 0o755);
  return writtenVolume(join(directory.path, 'volume'), { key: 'one' });
}

async function sidecar(
  volume: Volume,
  action: string,
  more: readonly string[] = [],
  options: RehupOptions = {},
): Promise<Rehup> {
  const words = [
    'sidecar',
    '-w',
    volume.path,
    '--on-change',
    action,
    '--listen',
    `127.0.0.1:${await freePort()}`,
  ];
  return rehup([...words, ...AT_ONCE, ...more], { prefix: [], ...options });
}

describe('SIGNAL:NAME', () => {
  test('is sent once for a change, to who has the name and not to its children, and a stop ends the sidecar alone', async () => {
    const program = newProgram();
    const app = await started(program, TAKES);
    const volume = newVolume();
    const self = await sidecar(volume, `SIGHUP:${basename(program)}`);
    await self.logged('sidecar.started');
    volume.write({ key: 'two' });
    await self.logged('reload.applied');
    // Two that wait to be handled are one.
    await expect.poll(app.lines, { timeout: PATIENCE }).toContain('hup');
    volume.write({ key: 'three' });
    await self.logged('reload.applied', 2);
    await expect.poll(app.lines, { timeout: PATIENCE }).toEqual(['ready', 'hup', 'hup']);
    self.signal('SIGTERM');
    expect(await self.ended).toBe(0);
    expect(app.child.exitCode).toBeNull();
    expect(self.log().filter(({ event }) => event === 'rehup.internal_error')).toEqual([]);
  });

  test('is sent for what changed while the first check ran: the application may have read what was there before', async () => {
    const program = newProgram();
    const app = await started(program, TAKES);
    const volume = newVolume();
    const check = heldCheck(directory.path);
    const self = await sidecar(volume, `SIGHUP:${basename(program)}`, check.words);
    await check.begun(1);
    volume.write({ key: 'two' });
    await check.begun(2);
    check.pass();
    await self.logged('reload.applied');
    await expect.poll(app.lines, { timeout: PATIENCE }).toEqual(['ready', 'hup']);
    self.signal('SIGTERM');
    expect(await self.ended).toBe(0);
  });

  needing(PID_NAMESPACE, VICTIMS_IN_C)('is for no thread that has the name', async () => {
    const name = `t${basename(directory.path).slice(-6)}`;
    const app = await running(waiter('named', name), 'start');
    const volume = newVolume();
    const self = await sidecar(volume, `SIGHUP:${name}`);
    await self.logged('sidecar.started');
    volume.write({ key: 'two' });
    expect(await self.logged('reload.failed')).toMatchObject({ reason: `no process is called ${name}` });
    expect(app.lines()).toHaveLength(1);
  });

  test('to nobody of that name is stale, and told when there is one', async () => {
    const program = newProgram();
    const volume = newVolume();
    const self = await sidecar(volume, `SIGHUP:${basename(program)}`);
    await self.logged('sidecar.started');
    volume.write({ key: 'two' });
    expect(await self.logged('reload.failed')).toMatchObject({
      reason: `no process is called ${basename(program)}`,
    });
    await self.logged('rehup.degraded');
    const app = await started(program, TAKES);
    await self.logged('reload.applied');
    await self.logged('rehup.recovered');
    await expect.poll(app.lines, { timeout: PATIENCE }).toContain('hup');
  });

  test('is not sent to who would die of it, unless it is to be in any case', async () => {
    const program = newProgram();
    // It has the name as what it was started as, and another one for the kernel.
    const app = await started(program, 'echo ready; exec -a "$0" sleep 600');
    const comm = () => readFileSync(`/proc/${app.child.pid}/comm`, 'utf8').trim();
    await expect.poll(comm, { timeout: PATIENCE }).toBe('sleep');
    const volume = newVolume();
    const self = await sidecar(volume, `SIGHUP:${basename(program)}`);
    await self.logged('sidecar.started');
    volume.write({ key: 'two' });
    expect(await self.logged('reload.failed')).toMatchObject({
      reason: expect.stringContaining('does not take SIGHUP (uncaught); use SIGHUP!:'),
    });
    expect(app.child.signalCode).toBeNull();
    const forced = await sidecar(volume, `SIGHUP!:${basename(program)}`);
    await forced.logged('sidecar.started');
    const died = new Promise((resolve) => app.child.on('exit', (_, signal) => resolve(signal)));
    volume.write({ key: 'three' });
    expect(await died).toBe('SIGHUP');
  });

  test("to another user's process is refused, and says so", async () => {
    const program = newProgram();
    const app = await started(program, TAKES);
    const volume = newVolume();
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const self = await sidecar(volume, `SIGHUP:${basename(program)}`, [], { prefix: nobody });
    await self.logged('sidecar.started');
    volume.write({ key: 'two' });
    expect(await self.logged('reload.failed')).toMatchObject({ reason: expect.stringContaining('EPERM') });
    expect(app.lines()).toEqual(['ready']);
  });

  test('in a pod without a shared process namespace says what is missing', async () => {
    const volume = newVolume();
    const self = await sidecar(volume, 'SIGHUP:app', [], { prefix: PID_NAMESPACE.prefix ?? [] });
    await self.logged('sidecar.started');
    volume.write({ key: 'two' });
    expect(await self.logged('reload.failed')).toMatchObject({
      reason: expect.stringContaining('shareProcessNamespace: true'),
    });
  });
});

describe('a webhook', () => {
  test('is posted once for a change that passes the check, and again until it is answered', async () => {
    const volume = newVolume();
    const asked: string[] = [];
    const server = createServer(({ method, url }, response) => {
      asked.push(`${method} ${url}`);
      response.statusCode = asked.length === 1 ? 200 : 204;
      response.end();
    });
    servers.push(server);
    const listening = await freePort();
    await new Promise<void>((resolve) => server.listen(listening, '127.0.0.1', resolve));
    const check = ['--check', 'sh -c "! grep bad {dir}/key"'];
    const self = await sidecar(volume, `http://127.0.0.1:${listening}/-/reload`, check);
    await self.logged('sidecar.started');
    volume.write({ key: 'bad' });
    await self.logged('reload.rejected');
    volume.write({ key: 'two' });
    await self.logged('reload.applied');
    expect(asked).toEqual(['POST /-/reload']);
    server.close();
    server.closeAllConnections();
    volume.write({ key: 'three' });
    await self.logged('reload.failed');
    await new Promise<void>((resolve) => server.listen(listening, '127.0.0.1', resolve));
    await self.logged('reload.applied', 2);
    expect(asked).toEqual(['POST /-/reload', 'POST /-/reload']);
  });

  test('has the status, the metrics and the probes of run', async () => {
    const volume = newVolume();
    const at = await freePort();
    const self = await sidecar(volume, 'http://127.0.0.1:9/', ['--listen', `127.0.0.1:${at}`]);
    await self.logged('sidecar.started');
    const get = async (path: string) => {
      const response = await fetch(`http://127.0.0.1:${at}${path}`);
      return [response.status, await response.text()] as const;
    };
    expect(await get('/livez')).toEqual([200, expect.anything()]);
    await expect.poll(() => get('/readyz'), { timeout: PATIENCE }).toEqual([200, expect.anything()]);
    const [, status] = await get('/status');
    expect(JSON.parse(status)).toMatchObject({
      child: { phase: 'running', program: 'another container', pid: null },
      watches: [{ path: volume.path, action: 'http://127.0.0.1:9/' }],
    });
    expect((await get('/metrics'))[1]).toContain('rehup_config_pending');
    expect((await get('/'))[0]).toBe(200);
  });
});

test.each([
  [[], '--on-change: what is a change to do?'],
  [['-w', '/etc'], '--watch /etc: what is a change to do? add =ACTION, or use --on-change ACTION'],
  [['-w', '/etc=HUP:app', '-w', '/usr'], '--watch /usr: what is a change to do?'],
  [['--on-change', 'HUP:app'], 'no --watch to look at'],
  [['-w', '/etc', '--on-change', 'restart'], '--on-change restart: not an action of a sidecar'],
  [['-w', '/etc=HUP', '--on-change', 'HUP:app'], '--watch /etc=HUP: not an action of a sidecar'],
  [['-w', '/etc', '--on-change', 'HUP:app', 'app'], 'app: a sidecar runs no COMMAND'],
  [['-w', '/etc', '--on-change', 'HUP:app', '--stage', '/a=/b'], '--stage'],
  [['-w', '/etc', '--on-change', 'HUP:app', '--ready', 'notify'], '--ready notify: only a child'],
])('bad usage is one line: %j', async (words, line) => {
  const self = rehup(['sidecar', ...words], { prefix: [] });
  expect(await self.ended).toBe(125);
  expect(self.plain()).toEqual([expect.stringContaining(line)]);
});
