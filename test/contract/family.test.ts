import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { NO_KILL, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { runs } from '../support/processes.ts';
import { childrenOf, IN_TIME, PATIENCE, type Rehup, rehup } from '../support/rehup.ts';
import { VICTIMS_IN_C, waiter } from '../support/victims.ts';
import { AT_ONCE, eachWithDirectory, ends, writtenVolume } from '../support/volume.ts';

/** Specification 2.4, 2.5 and 3: a child's group, and what left it, in stops and restarts. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

const newVolume = () => writtenVolume(here('volume'), { a: '0' });

/** Has a session of its own, as a container gives it, so that who enters from outside has another. */
const OWN_SESSION = [...(PID_NAMESPACE.prefix ?? []), 'setsid'];

function events(run: Rehup, pattern: RegExp): readonly string[] {
  return run
    .log()
    .map((line) => line.event)
    .filter((event) => pattern.test(event));
}

/** A process in a session of its own, which says `left`, and `bye` when it is asked to stop. */
const LEAVER = `trap "echo bye; exit" TERM; echo left $$; while :; do sleep 0.02; done`;
const STUBBORN = `trap "echo no" TERM; echo left $$; while :; do sleep 0.02; done`;

function script(name: string, text: string): string {
  writeFileSync(here(name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  return here(name);
}

describe('INT', () => {
  test('behind a shell that waits for its command ends both, as a terminal would', async () => {
    const run = rehup(['bash', '-c', 'echo ready; sleep 300; echo after']);
    await run.said('ready');
    await run.logged('child.started');
    await runs(run, 'sleep 300');
    run.signal('SIGINT');
    expect(await run.ended).toBe(130);
    expect(run.output).not.toContain('after');
  });

  test('as the stop signal restarts it without a SIGKILL', async () => {
    const volume = newVolume();
    const options = ['-w', volume.path, '--stop-signal', 'INT', ...AT_ONCE];
    const run = rehup([...options, 'bash', '-c', 'echo ready; sleep 300; echo after']);
    await run.said('ready');
    await run.logged('child.started');
    await runs(run, 'sleep 300');
    volume.write({ a: '1' });
    await run.said('ready', 2);
    await run.logged('reload.applied');
    expect(events(run, /killed/)).toEqual([]);
    await runs(run, 'sleep 300');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(130);
  });
});

test('CONT goes to the whole group, so that what a shell waits for in its trap can end', async () => {
  const shell =
    'sleep 300 & c=$!; trap "kill -TERM $c; wait $c; exit 5" TERM; kill -STOP $c; echo ready; wait';
  const run = rehup(['sh', '-c', shell]);
  await run.said('ready');
  await run.logged('child.started');
  run.signal('SIGTERM');
  expect(await run.ended).toBe(5);
});

needing(PID_NAMESPACE, VICTIMS_IN_C)('a child that left its group is stopped by itself', async () => {
  const run = rehup(['--signal-to', 'group', ...waiter('left')]);
  await run.said('start');
  run.signal('SIGTERM');
  expect(await run.ended).toBe(3);
  expect(run.output).toContain('took 15');
});

needing(PID_NAMESPACE, VICTIMS_IN_C)('a member whose main thread has ended is waited for', async () => {
  const shell = 'trap "exit 6" USR1; "$@" & while :; do sleep 0.02; done';
  const run = rehup(['sh', '-c', shell, 'sh', ...waiter('ended')]);
  await run.said('start');
  await run.logged('child.started');
  run.signal('SIGUSR1');
  // It is asked to stop when the shell has ended, and says so before rehup ends.
  expect(await run.ended).toBe(6);
  expect(run.output).toContain('took 15');
});

describe('what left the group of the child', () => {
  test('is asked to stop, waited for and named in a restart, before the new child is started', async () => {
    const volume = newVolume();
    const application = `setsid ${script('leaver', LEAVER)} & echo start; exec sleep 300`;
    const run = rehup(['-w', volume.path, ...AT_ONCE, 'sh', '-c', application], { prefix: OWN_SESSION });
    await run.said('left');
    await run.logged('child.started');
    volume.write({ a: '1' });
    await run.said('left', 2);
    await run.said('start', 2);
    const said = run.output.map((line) => line.split(' ')[0]);
    expect(said.indexOf('bye')).toBeLessThan(said.lastIndexOf('start'));
    // A `sleep` that it begins between two looks comes to light later, and has a line of its own.
    expect(new Set(events(run, /leftovers|killed/))).toEqual(new Set(['child.leftovers']));
    const left = (await run.said('left')).split(' ')[1];
    expect((await run.logged('child.leftovers')).msg).toMatch(new RegExp(`leaver ${left}\\b`));
    await ends(run);
  });

  test('is killed when the stop timeout is over', async () => {
    const volume = newVolume();
    const application = `setsid ${script('stubborn', STUBBORN)} & echo start; exec sleep 300`;
    // In which it says so on a busy machine too.
    const options = ['-w', volume.path, ...AT_ONCE, '--stop-timeout', IN_TIME];
    const run = rehup([...options, 'sh', '-c', application], { prefix: OWN_SESSION });
    await run.said('left');
    await run.logged('child.started');
    volume.write({ a: '1' });
    await run.said('left', 2);
    expect(run.output).toContain('no');
    expect((await run.logged('child.killed')).msg).toMatch(/stubborn/);
    await ends(run);
  });

  test('is sent the stop signal at the end of rehup, which does not wait for it', async () => {
    const application = `setsid ${script('stubborn', `${STUBBORN.replace('echo no', `: > ${here('told')}; exit`)}`)} & echo start; exec sleep 300`;
    const run = rehup(['sh', '-c', application], { prefix: [] });
    await run.said('left');
    await run.logged('child.started');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(143);
    // A `sleep` that it begins between two looks has a line of its own.
    expect(new Set(events(run, /leftovers|killed/))).toEqual(new Set(['child.leftovers']));
    await expect.poll(() => existsSync(here('told')), { timeout: PATIENCE }).toBe(true);
  });

  test('is not what entered from outside, nor what that has left behind', async () => {
    const volume = newVolume();
    const run = rehup(['-w', volume.path, ...AT_ONCE, 'sh', '-c', 'echo start; exec sleep 300'], {
      prefix: OWN_SESSION,
    });
    await run.said('start');
    await run.logged('child.started');
    const user =
      PID_NAMESPACE.prefix?.includes('--user') === true ? ['--user', '--preserve-credentials'] : [];
    const inside = 'sleep 301 & (sleep 302 & ); exec sleep 303';
    const words = ['--target', `${run.pid()}`, ...user, '--mount', '--pid', 'sh', '-c', inside];
    const entered = spawn('nsenter', words, { stdio: 'ignore' });
    // What it started in between has been left to rehup.
    await expect
      .poll(() => childrenOf(run.pid()).map(commandOf), { timeout: PATIENCE })
      .toContain('sleep 302');
    const orphans = childrenOf(run.pid()).filter((pid) => commandOf(pid) === 'sleep 302');
    volume.write({ a: '1' });
    await run.said('start', 2);
    await run.logged('reload.applied');
    expect(events(run, /leftovers|killed/)).toEqual([]);
    expect(orphans.map(commandOf)).toEqual(['sleep 302']);
    expect(entered.exitCode).toBeNull();
    await ends(run);
  });

  test('is not what was there before rehup and left its group since', async () => {
    const moves = `(until [ -e ${here('go')} ]; do sleep 0.02; done; exec setsid sh -c ': > ${here('moved')}; exec sleep 304') & exec "$@"`;
    const prefix = [...(PID_NAMESPACE.prefix ?? []), 'sh', '-c', moves, 'sh'];
    const child = `: > ${here('go')}; until [ -e ${here('moved')} ]; do sleep 0.02; done`;
    const run = rehup(['sh', '-c', child], { prefix });
    expect(await run.ended).toBe(0);
    expect(events(run, /daemonized|leftovers/)).toEqual([]);
  });

  test('is not what was there before rehup, which makes no daemon of its child', async () => {
    const before = ['sh', '-c', 'setsid sleep 304 & exec "$@"', 'sh'];
    const prefix = [...(PID_NAMESPACE.prefix ?? []), ...before];
    const run = rehup(['sh', '-c', 'exit 0'], { prefix });
    expect(await run.ended).toBe(0);
    expect(events(run, /daemonized|leftovers/)).toEqual([]);
  });
});

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

describe('what a stop waits for', () => {
  test('is named after a second, and sent TERM if it ignores the stop signal when half of the time is over', async () => {
    const options = ['--stop-signal', 'QUIT', '--stop-timeout', IN_TIME];
    // What runs in the background ignores QUIT from the moment that it can say so.
    const run = rehup([...options, 'sh', '-c', '{ echo ready; exec sleep 305; } & wait']);
    await run.said('ready');
    await run.logged('child.started');
    await runs(run, 'sleep 305');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(131);
    expect((await run.logged('stop.waiting')).msg).toMatch(/sleep \d+/);
    expect((await run.logged('stop.ignored')).msg).toMatch(/SIGQUIT is ignored by sleep \d+/);
  });

  test('is left to itself if it takes the signal and needs its time', async () => {
    const draining = `trap "sleep 2; echo drained; exit 4" QUIT; trap "echo term; exit 9" TERM; echo ready; while :; do sleep 0.02; done`;
    const options = ['--stop-signal', 'QUIT', '--stop-timeout', '1s'];
    const run = rehup([...options, 'sh', '-c', draining]);
    await run.said('ready');
    await run.logged('child.started');
    run.signal('SIGTERM');
    expect(await run.ended).toBe(4);
    expect(run.output).not.toContain('term');
  });
});

describe('an application that rehup may not signal', () => {
  needing(NO_KILL)('makes a restart fail, is told, and the next change and a stop are tried', async () => {
    const volume = newVolume();
    const user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const application = 'echo start; exec sleep 300';
    const options = ['-w', volume.path, ...AT_ONCE, '--stop-timeout', '300ms'];
    const run = rehup([...options, ...user, 'sh', '-c', application], { prefix: NO_KILL.prefix ?? [] });
    await run.said('start');
    await run.logged('child.started');
    volume.write({ a: '1' });
    expect((await run.logged('reload.failed'))['reason']).toMatch(/can't be stopped: SIGTERM: EPERM/);
    await run.logged('rehup.degraded');
    volume.write({ a: '2' });
    await run.logged('reload.failed', 2);
    expect(events(run, /killed/)).toEqual([]);
    run.signal('SIGTERM');
    await run.logged('stop.requested');
    await run.logged('signal.failed', 3);
    const [child = 0] = childrenOf(run.pid());
    process.kill(child, 'SIGKILL');
    expect(await run.ended).toBe(137);
  });
});
