import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { type Call, callNative, gave, result, STATIC_HOST, threw } from '../../support/native.ts';
import { needing } from '../../support/needing.ts';
import { eachWithDirectory } from '../../support/volume.ts';

/** The functions of the C host that concern processes, signals and events. */

const test = needing(STATIC_HOST);
const temporary = eachWithDirectory();

const SHELL = '/bin/sh';
const ENVIRONMENT = [`PATH=${process.env['PATH']}`];

const NO_GIFT = [-1, -1];

describe('processes', () => {
  const shell = (script: string, ...stdio: readonly unknown[]): Call => {
    const [stdin = -1, stdout = -1, stderr = -1] = stdio;
    return [
      'spawn',
      SHELL,
      ['sh', '-c', script],
      ENVIRONMENT,
      null,
      false,
      stdin,
      stdout,
      stderr,
      ...NO_GIFT,
    ];
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

  test('get a file in memory as descriptor 3, from its beginning, and else none', () => {
    const there = [3, 4, 5].map((number) => `[ -e /proc/$$/fd/${number} ] && echo ${number}`);
    const script = `cat <&3; ${there.join('; ')}; cat /proc/self/fd/3; echo end`;
    const started = (third: unknown): Call => {
      const words = [SHELL, ['sh', '-c', script], ENVIRONMENT, null, false, -1, result(2, 1), -1, third, 3];
      return ['spawn', ...words];
    };
    const values = gave(
      ...ended,
      ['pipe'],
      ['memoryFile'],
      ['store', result(3), 'one\n'],
      ['store', result(3), 'two \xff\n'],
      started(result(3)),
      ['wait', 10_000],
      ['reap', 10],
      ['takeSignals', result(0)],
      ['readTail', result(2, 0), 100],
      started(-1),
      ['wait', 10_000],
      ['reap', 10],
      ['readTail', result(2, 0), 1_000],
    );
    expect(values[10]).toBe('one\ntwo \xff\n3\none\ntwo \xff\nend\n');
    expect(values[14]).toBe('end\n');
  });

  test('are told by how they ended, each once', () => {
    const once = (script: string) =>
      gave(...ended, shell(script), ['wait', 10_000], ['reap', 10], ['reap', 10]);
    const [, , first, , exited, none] = once('exit 300');
    expect([exited, none]).toEqual([[first, 1, 300 & 0xff], []]);
    const [, , second, , killed] = once('kill -SEGV $$');
    expect(killed).toEqual([second, 0, 11]);
  });

  test('that are copies of rehup speak with it by a socket', () => {
    // The copy makes the calls that follow as well: each of the two sends, and reads what the other has sent.
    const [made, ...values] = gave(
      ['helper'],
      ['hasChildren'],
      ['send', result(0, 1), 'word'],
      ['expect', result(0, 1), 1],
      ['wait', 10_000],
      ['read', result(0, 1), 10],
    );
    expect(made).toEqual([expect.any(Number), expect.any(Number)]);
    expect((made as readonly number[])[0]).toBeGreaterThan(0);
    expect([values[0], values.at(-1)]).toEqual([true, 'word']);
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
      ...NO_GIFT,
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
      ['spawn', SHELL, Array.from({ length: 40 }, () => result(6)), [], null, false, -1, -1, -1, ...NO_GIFT],
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

test('the list of mounts tells when it has changed', () => {
  expect(gave(['open', '/proc/self/mountinfo'], ['hasChanged', result(0)]).at(1)).toBe(false);
});

describe('signals', () => {
  test('are all kept from the start on, in any number, the real-time ones counted', () => {
    const script = ['SEGV', 'TERM', 'PIPE', '34', '34', '64'].map((name) => `kill -${name} $PPID`).join('; ');
    const values = gave(
      ['openSignals'],
      ['pipe'],
      ['spawn', SHELL, ['sh', '-c', script], ENVIRONMENT, null, false, -1, result(1, 1), -1, ...NO_GIFT],
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
      ['watchPlace', result(0), temporary.path, 0x1000fc0],
      ['watchPlace', result(0), `${other}/..`, 0x1000fc0],
      ['watchPlace', result(0), other, 0x1000fc0],
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
      ['watchPlace', result(0), gone, 0x1000fc0],
      ['rmdir', 0, gone],
      ['takeHints', result(0)],
      ['watchPlace', result(0), temporary.path, 0x1000fc0],
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
    const file: Call = ['watchPlace', result(0), join(temporary.path, 'file'), 0x1000fc0];
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
