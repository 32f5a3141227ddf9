import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished } from 'vitest';
import { costOf } from '../../bench/running.ts';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import {
  disposeAll,
  REHUP_BIN,
  type RehupOptions,
  rehup,
  STATIC_EXECUTABLE,
  witness,
} from '../support/rehup.ts';
import { expectRest } from '../support/rest.ts';
import { writtenVolume } from '../support/volume.ts';

/** What only the static executable can do; docs/editions.md has the same as a table. */

const test = needing(STATIC_EXECUTABLE, PID_NAMESPACE);

const NAMESPACE = PID_NAMESPACE.prefix ?? [];

const directory = mkdtempSync(join(tmpdir(), 'rehup-static-'));

afterAll(async () => {
  await disposeAll();
  rmSync(directory, { recursive: true });
});

/** SEGV, BUS, FPE, ILL, TRAP, ABRT, SYS and PIPE. */
const SENT_BY_NOBODY_ELSE = [11, 7, 8, 4, 5, 6, 31, 13];

describe('the static executable', () => {
  test('forwards the fault signals and SIGPIPE, too', async () => {
    for (const signal of SENT_BY_NOBODY_ELSE) {
      const self = rehup(['sh', '-c', 'echo ready; exec sleep 60']);
      await self.said('ready');
      await self.logged('child.started');
      self.signal(signal);
      expect(await self.ended).toBe(128 + signal);
    }
  });

  test('keeps a stop that came before its first instruction, and then starts nothing', () => {
    // A signal that is blocked by who execs rehup is pending when it begins.
    const early = ['sh', '-c', 'kill -TERM $$; exec "$@"', 'sh'];
    const [program = '', ...words] = ['env', '--block-signal=TERM', ...NAMESPACE, ...early, REHUP_BIN];
    const { status, stdout } = spawnSync(program, [...words, 'sh', '-c', 'echo started'], {
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([143, '']);
  });

  test('loses no stop, however early it comes', async () => {
    for (let round = 0; round < 20; round++) {
      const early = ['sh', '-c', '(kill -TERM 1) & exec "$@"', 'sh'];
      const self = rehup(['sleep', '60'], { prefix: ['env', '--block-signal=TERM', ...NAMESPACE, ...early] });
      expect(await self.ended).toBe(143);
    }
  });

  test('at rest is one thread, small, and never wakes up but for the poll', async () => {
    // Not below /tmp, which is watched then too, and where other tests make and remove their own.
    const quiet = mkdtempSync(join(import.meta.dirname, '.rest-'));
    onTestFinished(() => rmSync(quiet, { recursive: true }));
    const volume = writtenVolume(join(quiet, 'volume'), { a: '1', b: '2', c: '3' });
    const child = ['sh', '-c', 'echo ready; exec sleep 60'];
    const self = rehup(['-w', volume.path, '--poll', '0', '--verify', '0', ...child]);
    await self.said('ready');
    await self.logged('child.started');
    const pid = self.pid();
    await expectRest(pid);
    const { threads, rss, anonymous } = costOf([pid]);
    expect(threads).toBe(1);
    // KiB: the conditions of issue 3.
    expect(rss).toBeLessThanOrEqual(2_500);
    expect(anonymous).toBeLessThanOrEqual(1_100);
  });

  test('has the code of its program in the page cache, where nothing can write to it', async () => {
    const self = rehup(['sh', '-c', 'echo ready; exec sleep 60']);
    await self.said('ready');
    const all = readFileSync(`/proc/${self.pid()}/smaps`, 'utf8');
    const [, code = ''] = /^(18000000-.*?VmFlags)/ms.exec(all) ?? [];
    expect(code).toMatch(/^\S+ r--p /);
    expect(code).toMatch(/^Anonymous: +0 kB$/m);
  });

  test('starts no process to find out where a command is not', () => {
    const [program = '', ...words] = [...NAMESPACE, REHUP_BIN];
    const env = { PATH: '/nowhere:/nowhere/else:/:/usr/bin:/bin' };
    const { stdout } = spawnSync(program, [...words, 'sh', '-c', 'echo $$'], { encoding: 'utf8', env });
    // rehup is 1.
    expect(stdout).toBe('2\n');
  });

  test('is not held up by a log that nobody reads, even where it can not open that anew', async () => {
    const unread = ['sh', '-c', 'mkfifo "$0" && exec 3<>"$0" && exec "$@" 2>"$0"', join(directory, 'unread')];
    const hidden = ['sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', 'sh'];
    await expectFreeOfItsLog([...unread, ...NAMESPACE, ...hidden]);
  });

  test('is not held up by a socket that nobody reads either', async () => {
    await expectFreeOfItsLog(['sh', '-c', 'exec "$@" 2>&0', 'sh', ...NAMESPACE], { unreadStdin: true });
  });
});

/** Logs more than any pipe or socket holds, and forwards and stops all the same. */
async function expectFreeOfItsLog(prefix: readonly string[], options: RehupOptions = {}): Promise<void> {
  const self = rehup(['--log-level', 'trace', ...witness('/dev/null', 'exit=3')], { prefix, ...options });
  await self.said('start');
  const linesThatFillIt = 3_000;
  for (let count = 1; count <= linesThatFillIt; count++) {
    self.signal('SIGUSR1');
    await self.said('SIGUSR1', count);
  }
  self.signal('SIGTERM');
  expect(await self.ended).toBe(3);
}
