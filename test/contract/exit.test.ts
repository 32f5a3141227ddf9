import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { type Capability, PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { childrenOf, IN_TIME, REHUP_BIN, type Rehup, rehup } from '../support/rehup.ts';
import { eachWithDirectory } from '../support/volume.ts';

/** Specification 2.4 and the policies of section 1: how the child ends, and what rehup makes of it. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

/** Core dumps into the working directory: core(5). */
const CORE_DUMPS: Capability = {
  prefix: /^[^|/]/.test(readFileSync('/proc/sys/kernel/core_pattern', 'utf8')) ? [] : undefined,
  remedy: 'core dumps that go into the working directory (kernel.core_pattern)',
};

function codeOf(words: readonly string[]): number | null {
  const [program = '', ...prefix] = PID_NAMESPACE.prefix ?? [];
  return spawnSync(program, [...prefix, REHUP_BIN, '--log-level', 'silent', ...words], {
    cwd: directory.path,
  }).status;
}

const ROOT: Capability = {
  prefix: process.getuid?.() === 0 ? [] : undefined,
  remedy: 'the rights of root, to limit another user',
};

const SOAK = process.env['REHUP_SOAK'] === '1';

/** All of them where time is no matter; else the ends, the middle and those that mean something. */
const CODES = SOAK
  ? Array.from({ length: 256 }, (_, code) => code)
  : [0, 1, 2, 3, 63, 64, 124, 125, 126, 127, 128, 129, 130, 137, 143, 254, 255];

/** Those whose default is to end the process: signal(7). */
const FATAL = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 25, 26, 27, 29, 30, 31],
  ...(SOAK ? Array.from({ length: 31 }, (_, index) => 34 + index) : [34, 50, 64]),
];

/** Those whose default is a core dump as well, which waitid(2) tells apart. */
const DUMPING = [3, 4, 5, 6, 7, 8, 11, 24, 25, 31];

describe('the exit code', () => {
  test('is the child’s, whichever it is', () => {
    for (const code of CODES) expect(codeOf(['sh', '-c', `exit ${code}`])).toBe(code);
  });

  test('is 128+n for every signal that ends a process', () => {
    for (const signal of FATAL) expect(codeOf(['sh', '-c', `kill -${signal} $$`])).toBe(128 + signal);
  });

  needing(PID_NAMESPACE, CORE_DUMPS)('is 128+n with a core dump as well', () => {
    for (const signal of DUMPING) {
      expect(codeOf(['sh', '-c', `ulimit -c unlimited; kill -${signal} $$`])).toBe(128 + signal);
      const dumps = readdirSync(directory.path);
      expect(dumps).toHaveLength(1);
      for (const name of dumps) rmSync(join(directory.path, name));
    }
  });

  test('is what --map-exit says, for a code, for a signal and after a stop', async () => {
    const maps = ['--map-exit', '3:0', '--map-exit', '143:0', '--map-exit', '137:1'];
    expect(codeOf([...maps, 'sh', '-c', 'exit 3'])).toBe(0);
    expect(codeOf([...maps, 'sh', '-c', 'exit 4'])).toBe(4);
    expect(codeOf([...maps, 'sh', '-c', 'kill -9 $$'])).toBe(1);
    const stopped = rehup([...maps, 'sh', '-c', 'echo ready; exec sleep 60']);
    await stopped.said('ready');
    await stopped.logged('child.started');
    stopped.signal('SIGTERM');
    expect(await stopped.ended).toBe(0);
    // No code of a child.
    expect(codeOf(['--map-exit', '127:0', '/nothing'])).toBe(127);
  });
});

describe('--on-exit', () => {
  test('restart starts the child again, and --max-restarts ends that with its code', async () => {
    const options = ['--on-exit', 'restart', '--max-restarts', '2'];
    const self = rehup([...options, 'sh', '-c', 'echo "start $$"; exit 7']);
    expect(await self.ended).toBe(7);
    const starts = self.output.filter((line) => line.startsWith('start'));
    expect(new Set(starts).size).toBe(3);
    expect(
      self
        .log()
        .filter((line) => line.event === 'child.back_off')
        .map((line) => line['ms']),
    ).toEqual([1_000, 2_000]);
    expect(self.log().filter((line) => line.event === 'child.given_up')).toHaveLength(1);
  });

  test('restart-on-failure lets a child that succeeded end', async () => {
    expect(await rehup(['--on-exit', 'restart-on-failure', 'true']).ended).toBe(0);
  });

  test('restart-on-failure starts one that failed again', async () => {
    const self = rehup(['--on-exit', 'restart-on-failure', 'sh', '-c', 'echo start; exit 1']);
    await self.said('start', 2);
  });

  test('exit: what is left of the group is asked to stop, killed after the stop timeout, and waited for', async () => {
    const armed = join(directory.path, 'armed');
    const leaves = `sh -c 'trap "echo asked" TERM; : > ${armed}; while :; do sleep 0.01; done' &`;
    const script = `${leaves} until [ -e ${armed} ]; do sleep 0.02; done; exit 6`;
    const self = rehup(['--stop-timeout', IN_TIME, 'sh', '-c', script]);
    await self.logged('child.exited');
    await self.said('asked');
    await self.logged('child.killed');
    expect(await self.ended).toBe(6);
  });

  test('restart: the old group is gone before the new child is started', async () => {
    // The first leaves a process in the group that lives on until it is asked to stop, and then a while.
    const armed = join(directory.path, 'armed');
    const leaves = `sh -c 'trap "sleep 0.3; echo left; exit" TERM; echo armed; : > ${armed}; while :; do sleep 0.01; done' &`;
    const script = `rm -f ${armed}; echo start; ${leaves} until [ -e ${armed} ]; do sleep 0.02; done; exit 1`;
    const self = rehup(['--on-exit', 'restart', '--max-restarts', '1', 'sh', '-c', script]);
    expect(await self.ended).toBe(1);
    expect(self.output).toEqual(['start', 'armed', 'left', 'start', 'armed', 'left']);
  });

  test('restart: a stop while a restart is waited for ends it at once, with the code of the last child', async () => {
    const self = rehup(['--on-exit', 'restart', 'sh', '-c', 'echo start; exit 9']);
    await self.logged('child.back_off', 3);
    self.signal('SIGTERM');
    expect(await self.ended).toBe(9);
    expect(self.output).toHaveLength(3);
  });
});

describe('a child that goes to the background', () => {
  test('is reported, and ends rehup as any that exits', async () => {
    const away = join(directory.path, 'away');
    const leaves = `setsid sh -c ': > ${away}; exec sleep 60' & until [ -e ${away} ]; do sleep 0.02; done; exit 0`;
    const self = rehup(['sh', '-c', leaves]);
    expect(await self.ended).toBe(0);
    const { msg } = await self.logged('child.daemonized');
    expect(msg).toContain('run it in the foreground');
  });

  test('is told from one that leaves nothing', async () => {
    const self = rehup(['sh', '-c', 'sleep 0.1; exit 0']);
    expect(await self.ended).toBe(0);
    expect(self.log().map((line) => line.event)).toEqual(['child.started', 'child.exited']);
  });
});

describe('a restart for which there is no process left (EAGAIN)', () => {
  // The limit is one of a user who is not root, and who runs nothing else.
  const user = 64_000 + (process.pid % 1_000);
  const nobodyElse = ['setpriv', '--reuid', `${user}`, '--regid', `${user}`, '--clear-groups'];
  const prefix = [...(PID_NAMESPACE.prefix ?? []), ...nobodyElse];
  const options = ['--on-exit', 'restart', '--max-restarts', '1'];
  const child = ['sh', '-c', 'echo start; exec sleep 60'];

  /** Sets the soft limit of one that runs: prlimit(1). */
  function limitProcesses(pid: number, most: number): void {
    const [program = '', ...words] = [...nobodyElse, 'prlimit', '--pid', `${pid}`, `--nproc=${most}:`];
    expect(spawnSync(program, words).status).toBe(0);
  }

  async function withoutProcesses(): Promise<Rehup> {
    const self = rehup([...options, ...child], { prefix });
    await self.said('start');
    await self.logged('child.started');
    limitProcesses(self.pid(), 1);
    for (const pid of childrenOf(self.pid())) process.kill(pid, 'SIGKILL');
    return self;
  }

  needing(PID_NAMESPACE, ROOT)('is tried again, and succeeds when there is one', async () => {
    const self = await withoutProcesses();
    expect(await self.logged('child.start_failed')).toMatchObject({ errno: 'EAGAIN', attempt: 1 });
    limitProcesses(self.pid(), 500);
    await self.said('start', 2);
    self.signal('SIGTERM');
    expect(await self.ended).toBe(143);
  });

  needing(PID_NAMESPACE, ROOT)('is given up with 125 after the third time', async () => {
    const self = await withoutProcesses();
    expect(await self.ended).toBe(125);
    const attempts = self.log().filter((line) => line.event === 'child.start_failed');
    expect(attempts.map((line) => line['attempt'])).toEqual([1, 2, 3]);
  });
});
