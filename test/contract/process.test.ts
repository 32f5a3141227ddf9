import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readlinkSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { onlyTheChild } from '../support/processes.ts';
import { childrenOf, disposeAll, PATIENCE, REHUP_BIN, rehup, witness } from '../support/rehup.ts';

/** Specification 2: what the child is given, whose signals it gets, who is reaped, how it all ends. */

const test = needing(PID_NAMESPACE);

let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rehup-'));
});

afterAll(async () => {
  await disposeAll();
  rmSync(directory, { recursive: true });
});

/** Runs a command to its end under rehup as PID 1. */
function run(words: readonly string[], input: Parameters<typeof spawnSync>[2] = {}) {
  const [program = '', ...prefix] = PID_NAMESPACE.prefix ?? [];
  const { status, stdout, stderr } = spawnSync(
    program,
    [...prefix, REHUP_BIN, '--log-level', 'silent', ...words],
    {
      encoding: 'utf8',
      ...input,
    },
  );
  return { status, stdout: String(stdout), stderr: String(stderr) };
}

function script(name: string, text: string, mode = 0o755): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

describe('the exit code', () => {
  test('is that of the child', () => {
    for (const code of [0, 1, 2, 77, 124, 125, 126, 127, 128, 143, 254, 255]) {
      expect(run(['sh', '-c', `exit ${code}`]).status).toBe(code);
    }
  });

  test('is 128+n when signal n ended the child', () => {
    for (const [name, number] of Object.entries({ HUP: 1, KILL: 9, SEGV: 11, TERM: 15 })) {
      expect(run(['sh', '-c', `kill -${name} $$`]).status).toBe(128 + number);
    }
  });

  test('is 127 when the command, or its interpreter, is not there', () => {
    expect(run(['no-such-command']).status).toBe(127);
    expect(run(['/no/such/command']).status).toBe(127);
    expect(run([script('orphaned', '#!/no/such/interpreter\n')]).status).toBe(127);
  });

  test('is 126 when the command can not be executed', () => {
    expect(run(['/tmp']).status).toBe(126);
    expect(run([script('unmarked', '#!/bin/sh\n', 0o644)]).status).toBe(126);
    expect(run([script('headless', 'exit 0\n')]).status).toBe(126);
    expect(run([script('empty', '')]).status).toBe(126);
  });

  test('is 127 for an empty command', () => {
    expect(run(['--', '']).status).toBe(127);
  });
});

describe('the child', () => {
  test('gets the words, the environment, the directory and the umask as they were given', () => {
    const [program = '', ...prefix] = PID_NAMESPACE.prefix ?? [];
    const words = [
      'sh',
      '-c',
      'printf "%s|" "$@"; pwd; umask; echo "$ODD"',
      'sh',
      'a b',
      '',
      '--',
      '-w',
      '$x',
    ];
    const line = [
      'umask 027; exec "$@"',
      'sh',
      program,
      ...prefix,
      REHUP_BIN,
      '--log-level',
      'silent',
      ...words,
    ];
    const { stdout } = spawnSync('sh', ['-c', ...line], {
      encoding: 'utf8',
      cwd: directory,
      env: { PATH: process.env['PATH'], ODD: 'x=y\nz', REHUP_UNKNOWN: '1' },
    });
    expect(stdout).toBe(`a b||--|-w|$x|${directory}\n0027\nx=y\nz\n`);
  });

  test('has no blocked and no ignored signals, whatever rehup was given, and a group of its own', () => {
    const report = 'grep -E "^Sig(Blk|Ign)" /proc/self/status; cut -d" " -f1,5 /proc/$$/stat';
    const line = ['trap "" HUP USR1 PIPE; exec "$@"', 'sh', ...(PID_NAMESPACE.prefix ?? []), REHUP_BIN];
    const { stdout } = spawnSync('sh', ['-c', ...line, '--log-level', 'silent', 'sh', '-c', report], {
      encoding: 'utf8',
    });
    const [blocked, ignored, ids = ''] = stdout.split('\n');
    expect([blocked, ignored]).toEqual(['SigBlk:\t0000000000000000', 'SigIgn:\t0000000000000000']);
    const [pid, group] = ids.split(' ');
    expect(group).toBe(pid);
  });

  test('inherits no descriptors but 0 to 2', () => {
    const line = ['exec 7</dev/null; exec "$@"', 'sh', ...(PID_NAMESPACE.prefix ?? []), REHUP_BIN];
    const report = 'for f in /proc/self/fd/*; do basename $f; done';
    const words = [...line, '--log-level', 'silent', 'sh', '-c', report];
    const { stdout } = spawnSync('sh', ['-c', ...words], { encoding: 'utf8' });
    // The shell has the directory open while it lists it, as 3 or above; 7 is what was open before.
    const descriptors = stdout.trim().split('\n');
    expect(descriptors.slice(0, 3)).toEqual(['0', '1', '2']);
    expect(descriptors).not.toContain('7');
    expect(descriptors.length).toBeLessThanOrEqual(4);
  });

  test('shares its log pipe with rehup, which never changes the flags of it', async () => {
    const path = join(directory, 'flags');
    spawnSync('mkfifo', [path]);
    const shared = openSync(path, constants.O_RDWR);
    const reading = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const report = 'trap "grep flags /proc/self/fdinfo/2" USR1; echo ready; while :; do sleep 0.01; done';
    const self = rehup(['--log-format', 'pretty', 'sh', '-c', report], { stderr: shared });
    await self.said('ready');
    // What rehup logs has been written, so all that it loads for that has been loaded.
    await expect.poll(() => readSync(reading, Buffer.alloc(4096)), { timeout: PATIENCE }).toBeGreaterThan(0);
    self.signal('SIGUSR1');
    const flags = Number.parseInt((await self.said('flags')).split('\t')[1] ?? '', 8);
    expect(flags & constants.O_NONBLOCK).toBe(0);
    closeSync(shared);
    closeSync(reading);
  });

  test('has a stdin and a stdout with the flags that rehup was given', () => {
    const report = 'grep -h flags /proc/self/fdinfo/0 /proc/self/fdinfo/1 >&2';
    const [program = '', ...words] = [...(PID_NAMESPACE.prefix ?? []), REHUP_BIN, '--log-level', 'silent'];
    const piped = 'sleep 0.5 | { "$@"; echo; } | cat';
    const flags = (before: readonly string[]) =>
      spawnSync('sh', ['-c', piped, 'sh', ...before, 'sh', '-c', report], { encoding: 'utf8' }).stderr;
    expect(flags([program, ...words])).toBe(flags([]));
    expect(flags([])).toMatch(/^flags:\t\d+\nflags:\t\d+\n$/);
  });

  test('has stdout to itself', () => {
    const { stdout, stderr } = run(['--log-level', 'trace', '-w', directory, 'true']);
    expect(stdout).toBe('');
    expect(stderr).not.toBe('');
  });
});

describe('rehup itself', () => {
  test('works from / while the child works where it was started', async () => {
    const self = rehup(['sh', '-c', 'echo ready; exec sleep 60'], { cwd: directory });
    await self.said('ready');
    expect(readlinkSync(`/proc/${self.pid()}/cwd`)).toBe('/');
    const [child = 0] = childrenOf(self.pid());
    expect(readlinkSync(`/proc/${child}/cwd`)).toBe(directory);
    self.signal('SIGTERM');
    expect(await self.ended).toBe(143);
  });

  test('reaps orphans, however many die at once, and keeps the child’s own code', async () => {
    const self = rehup([...witness('/dev/null', 'orphans=100', 'exit=5')]);
    await self.said('start');
    await onlyTheChild(self);
    self.signal('SIGTERM');
    expect(await self.ended).toBe(5);
  });

  test('that is not PID 1 says so once, adopts the orphans of its child, and reaps them', async () => {
    const self = rehup([...witness('/dev/null', 'orphans=50', 'exit=5')], { prefix: [] });
    await self.said('start');
    await self.logged('rehup.subreaper');
    await onlyTheChild(self);
    self.signal('SIGTERM');
    expect(await self.ended).toBe(5);
    expect(self.log().filter((line) => line.event === 'rehup.subreaper')).toHaveLength(1);
  });

  test('that is not PID 1 is the new parent of orphans', async () => {
    // The orphan waits until the shell that started it has ended.
    const orphan =
      'while [ "$(cut -d" " -f4 /proc/$$/stat)" = "$1" ]; do sleep 0.01; done; cut -d" " -f4 /proc/$$/stat';
    const parent = `sh -c '${orphan}' sh $$ & exit 0`;
    const self = rehup(['sh', '-c', `sh -c "$0"; exec sleep 60`, parent], { prefix: [] });
    expect(await self.said('')).toBe(String(self.pid()));
    self.signal('SIGTERM');
    expect(await self.ended).toBe(143);
  });

  test('is not held up by a log that nobody reads', async () => {
    // The pipe is held open for reading by the processes themselves, and never read.
    const unread = ['sh', '-c', 'mkfifo "$0" && exec 3<>"$0" && exec "$@" 2>"$0"', join(directory, 'unread')];
    const prefix = [...unread, ...(PID_NAMESPACE.prefix ?? [])];
    const self = rehup(['--log-level', 'trace', ...witness('/dev/null', 'exit=3')], { prefix });
    await self.said('start');
    const linesThatFillAPipe = 1_500;
    for (let count = 1; count <= linesThatFillAPipe; count++) {
      self.signal('SIGUSR1');
      await self.said('SIGUSR1', count);
    }
    self.signal('SIGTERM');
    expect(await self.ended).toBe(3);
  });
});
