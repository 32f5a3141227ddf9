import { chmodSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { type Call, callNative, gave, result, STATIC_HOST, threw } from '../support/native.ts';
import { needing } from '../support/needing.ts';
import { eachWithDirectory } from '../support/volume.ts';

/** The functions of the C host that concern processes, signals, events and sockets. */

const test = needing(STATIC_HOST);
const temporary = eachWithDirectory();

const SHELL = '/bin/sh';
const ENVIRONMENT = [`PATH=${process.env['PATH']}`];

describe('processes', () => {
  const shell = (script: string, ...stdio: readonly unknown[]): Call => {
    const [stdin = -1, stdout = -1, stderr = -1] = stdio;
    return ['spawn', SHELL, ['sh', '-c', script], ENVIRONMENT, null, false, stdin, stdout, stderr];
  };

  /** Calls after which all children that were started have ended, if it was one. */
  const ended: readonly Call[] = [['openSignals'], ['expect', result(0), 1]];

  test('write into pipes, of which the end is kept', () => {
    const values = gave(
      ...ended,
      ['pipe'],
      shell('echo to out; echo to err >&2; exit 3', -1, result(2, 1), result(2, 1)),
      ['close', result(2, 1)],
      ['wait', 10_000],
      ['readTail', result(2, 0), 4],
      ['readTail', result(2, 0), 4],
      ['reap', 10],
    );
    expect(values.slice(6)).toEqual(['err\n', '', [values[3], 1, 3]]);
  });

  test('are told by how they ended, each once', () => {
    const once = (script: string) =>
      gave(...ended, shell(script), ['wait', 10_000], ['reap', 10], ['reap', 10]);
    const [, , first, , exited, none] = once('exit 300');
    expect([exited, none]).toEqual([[first, 1, 300 & 0xff], []]);
    const [, , second, , killed] = once('kill -SEGV $$');
    expect(killed).toEqual([second, 0, 11]);
  });

  test('that can not be started leave their errno, and nothing to reap', () => {
    const file = join(temporary.path, 'file');
    writeFileSync(file, 'no program');
    const start = (program: string, words: readonly string[] = ['x'], cwd: string | null = null): Call => [
      'spawn',
      program,
      words,
      ENVIRONMENT,
      cwd,
      false,
      -1,
      -1,
      -1,
    ];
    const long = join(temporary.path, 'long');
    writeFileSync(long, 'x'.repeat(65_000));
    const executable = join(temporary.path, 'executable');
    writeFileSync(executable, 'no program');
    chmodSync(executable, 0o755);
    const outcomes = callNative([
      start(join(temporary.path, 'nothing')),
      start(file),
      start(executable),
      start(SHELL, ['sh'], join(temporary.path, 'nowhere')),
      start(SHELL, ['a\0b']),
      ['open', long],
      ['read', result(5), 65_000],
      // Two megabytes are more than a quarter of the usual stack, which is the limit of execve(2).
      ['spawn', SHELL, Array.from({ length: 40 }, () => result(6)), [], null, false, -1, -1, -1],
      ['reap', 10],
    ]);
    expect(outcomes.map((outcome) => outcome.threw)).toEqual([
      { call: 'execve', errno: 'ENOENT' },
      { call: 'execve', errno: 'EACCES' },
      { call: 'execve', errno: 'ENOEXEC' },
      { call: 'chdir', errno: 'ENOENT' },
      { call: 'execve', errno: 'EINVAL' },
      undefined,
      undefined,
      { call: 'execve', errno: 'E2BIG' },
      undefined,
    ]);
    expect(outcomes.at(-1)?.gave).toEqual([]);
  });

  test('that are not there can not be signalled', () => {
    expect(threw(['kill', 2 ** 22 + 1, 0])).toEqual({ call: 'kill', errno: 'ESRCH' });
    expect(threw(['kill', 1, 65])).toEqual({ call: 'kill', errno: 'EINVAL' });
  });
});

describe('signals', () => {
  test('are all kept from the start on, in any number, the real-time ones counted', () => {
    const script = ['SEGV', 'TERM', 'PIPE', '34', '34', '64'].map((name) => `kill -${name} $PPID`).join('; ');
    const values = gave(
      ['openSignals'],
      ['pipe'],
      ['spawn', SHELL, ['sh', '-c', script], ENVIRONMENT, null, false, -1, result(1, 1), -1],
      ['close', result(1, 1)],
      // The end of the pipe is that of the shell.
      ['expect', result(1, 0), 1],
      ['wait', 10_000],
      ['takeSignals', result(0)],
    );
    const came = (values[6] as readonly number[]).filter((signal) => signal !== 17);
    expect(came.sort((one, other) => one - other)).toEqual([11, 13, 15, 34, 34, 64]);
  });

  test('that came before the first instruction are kept if they could be', () => {
    // Blocked by who starts it, a signal stays pending over exec.
    const early = ['env', '--block-signal=TERM', SHELL, '-c', 'kill -TERM $$; exec "$0" "$1"'];
    const [, came] = callNative([['openSignals'], ['takeSignals', result(0)]], early);
    expect(came?.gave).toEqual([15]);
  });

  test('that our own writes raise are no one’s', () => {
    const [, , broken, , came] = callNative([
      ['pipe'],
      ['close', result(0, 0)],
      ['print', result(0, 1), 'x'],
      ['openSignals'],
      ['takeSignals', result(3)],
    ]);
    expect(broken?.threw).toEqual({ call: 'write', errno: 'EPIPE' });
    expect(came?.gave).toEqual([]);
  });
});

describe('events', () => {
  test('tell of changes in a directory by the number of its watch', () => {
    const other = join(temporary.path, 'other');
    mkdirSync(other);
    const [, watch, same, second, , hints, none] = gave(
      ['openNotifier'],
      ['watchDirectory', result(0), temporary.path],
      ['watchDirectory', result(0), `${other}/..`],
      ['watchDirectory', result(0), other],
      ['create', 0, join(other, 'new'), 0o600],
      ['takeHints', result(0)],
      ['takeHints', result(0)],
    );
    expect(same).toBe(watch);
    // IN_CREATE; the file is still open for writing.
    expect(hints).toEqual([second, 0x100, 'new']);
    expect(none).toEqual([]);
  });

  test('end with the directory, and with the watch', () => {
    const gone = join(temporary.path, 'gone');
    mkdirSync(gone);
    const [, watch, , hints, kept, , ignored] = gave(
      ['openNotifier'],
      ['watchDirectory', result(0), gone],
      ['rmdir', 0, gone],
      ['takeHints', result(0)],
      ['watchDirectory', result(0), temporary.path],
      ['unwatch', result(0), result(4)],
      ['takeHints', result(0)],
    );
    expect(hints).toEqual([watch, 0x400, '', watch, 0x8000, '']);
    expect(ignored).toEqual([kept, 0x8000, '']);
    expect(threw(['openNotifier'], ['unwatch', result(0), 1])).toEqual({
      call: 'inotify_rm_watch',
      errno: 'EINVAL',
    });
    writeFileSync(join(temporary.path, 'file'), '');
    const file: Call = ['watchDirectory', result(0), join(temporary.path, 'file')];
    expect(threw(['openNotifier'], file)).toEqual({ call: 'inotify_add_watch', errno: 'ENOTDIR' });
  });

  test('are waited for no longer than asked', () => {
    const calls: readonly Call[] = [['pipe'], ['expect', result(0, 0), 1], ['now'], ['wait', 50], ['now']];
    const [, , before, ready, after] = gave(...calls);
    expect(ready).toEqual([]);
    expect(Number(after) - Number(before)).toBeGreaterThanOrEqual(50);
    const [time] = gave(['time']) as [number];
    expect(Math.abs(time - Date.now())).toBeLessThan(60_000);
  });
});

describe('sockets', () => {
  for (const address of ['127.0.0.1', '::1']) {
    test(`carry bytes over ${address}, and never make one wait`, () => {
      const values = gave(
        ['listenTcp', address, 0],
        ['port', result(0)],
        ['connect', address, result(1)],
        ['expect', result(2), 4],
        ['wait', 1_000],
        ['connected', result(2)],
        ['accept', result(0)],
        ['send', result(2), 'GET \xff\0'],
        ['read', result(6), 100],
        ['close', result(2)],
        ['read', result(6), 100],
      );
      expect(values.slice(7)).toEqual([6, 'GET \xff\0', 0, '']);
      const waiting = callNative([
        ['listenTcp', address, 0],
        ['accept', result(0)],
        ['port', result(0)],
        ['connect', address, result(2)],
        ['read', result(3), 10],
      ]);
      expect(waiting[1]?.threw).toEqual({ call: 'accept4', errno: 'EAGAIN' });
      expect(waiting[4]?.threw).toEqual({ call: 'read', errno: 'EAGAIN' });
    });
  }

  test('at a path are their owner’s alone', () => {
    const path = join(temporary.path, 'socket');
    gave(['listenUnix', path]);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(threw(['listenUnix', path])).toEqual({ call: 'bind', errno: 'EADDRINUSE' });
    const long = join(temporary.path, 'x'.repeat(120));
    expect(threw(['listenUnix', long])).toEqual({ call: 'bind', errno: 'ENAMETOOLONG' });
  });

  test('tell of addresses that are none, and of peers that are not there', () => {
    expect(threw(['connect', 'localhost', 80])).toEqual({ call: 'connect', errno: 'EINVAL' });
    expect(threw(['connect', '127.0.0.1', 70_000])).toEqual({ call: 'connect', errno: 'EINVAL' });
    const refused = threw(
      ['listenTcp', '127.0.0.1', 0],
      ['port', result(0)],
      ['close', result(0)],
      ['connect', '127.0.0.1', result(1)],
      ['expect', result(3), 4],
      ['wait', 1_000],
      ['connected', result(3)],
    );
    expect(refused).toEqual({ call: 'connect', errno: 'ECONNREFUSED' });
    expect(threw(['listenTcp', '127.0.0.1', 0], ['port', result(0)], ['send', result(0), 'x'])).toEqual({
      call: 'send',
      errno: 'EPIPE',
    });
  });
});
