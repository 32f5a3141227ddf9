import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect } from 'vitest';
import { type Call, callNative, result, STATIC_HOST } from '../support/native.ts';
import { needing } from '../support/needing.ts';

/** Each function of the C host by itself, on real files, processes and sockets. */

const test = needing(STATIC_HOST);

const temporary = mkdtempSync(join(tmpdir(), 'rehup-native-'));
let directory = temporary;

beforeEach(() => {
  directory = mkdtempSync(join(temporary, 'test-'));
});

afterAll(() => rmSync(temporary, { recursive: true }));

/** What a list of calls gave; each must succeed. */
function gave(...calls: readonly Call[]): readonly unknown[] {
  return callNative(calls).map(({ gave: value, threw }, index) => {
    if (threw !== undefined) throw new Error(`${calls[index]?.[0]} threw ${JSON.stringify(threw)}`);
    return value;
  });
}

/** What the last of a list of calls threw. */
function threw(...calls: readonly Call[]): unknown {
  return callNative(calls).at(-1)?.threw;
}

const SHELL = '/bin/sh';

const latin1 = (bytes: Buffer) => bytes.toString('latin1');

describe('the engine', () => {
  test('can neither evaluate nor make a function of a text', () => {
    expect(threw(['eval'])).toMatch(/^TypeError: eval is not supported/);
    expect(threw(['Function'])).toMatch(/^TypeError: eval is not supported/);
  });

  test('ends a recursion without end by an exception', () => {
    expect(threw(['recursion'])).toMatch(/stack overflow/);
  });
});

describe('byte strings', () => {
  test('of every byte but 0 come back as they went', () => {
    const all = String.fromCharCode(...Array.from({ length: 255 }, (_, index) => index + 1));
    const name = all.replace('/', '').slice(0, 200);
    const [, , names, target] = gave(
      ['create', join(directory, name), 0o600],
      ['symlink', all, join(directory, 'link')],
      ['names', directory],
      ['readlink', join(directory, 'link')],
    );
    expect(names).toHaveLength(2);
    expect(names).toContain(name);
    expect(target).toBe(all);
    const bytes = readdirSync(Buffer.from(directory), { encoding: 'buffer' }).map(latin1);
    expect(bytes).toContain(name);
  });

  test('with a zero in them are no path, and with more than bytes are a bug', () => {
    expect(threw(['open', '/etc\0/passwd'])).toEqual({ call: 'open', errno: 'EINVAL' });
    expect(threw(['open', '/etc/☃'])).toBe('TypeError: a character above 255 in a byte string');
    expect(threw(['open', 7])).toBe('TypeError: not a byte string');
  });

  test('are what words and environment consist of, whatever is in them', () => {
    // The shell is given the program and its word, and adds what no JSON could carry.
    const script = `ODD="$(printf 'x\\377\\n=y')" exec "$0" "$1" "$(printf '\\200\\303(')" ''`;
    const [words, environment] = callNative([['words'], ['environment']], [SHELL, '-c', script]);
    expect(words?.gave).toEqual([expect.any(String), '\x80\xc3(', '']);
    expect(environment?.gave).toContain('ODD=x\xff\n=y');
  });
});

describe('files', () => {
  test('are told by kind, mode and owner, links followed or not', () => {
    writeFileSync(join(directory, 'file'), 'x');
    chmodSync(join(directory, 'file'), 0o640);
    symlinkSync('file', join(directory, 'link'));
    const [link, followed, folder, device] = gave(
      ['status', join(directory, 'link'), false],
      ['status', join(directory, 'link'), true],
      ['status', directory, true],
      ['status', '/dev/null', true],
    );
    const { dev, uid, gid } = lstatSync(directory);
    expect(link).toMatchObject({ kind: 'link' });
    expect(followed).toMatchObject({ kind: 'file', mode: 0o640, owner: uid, group: gid });
    expect(folder).toMatchObject({ kind: 'directory', device: `${dev >> 8}.${dev & 0xff}` });
    expect(device).toMatchObject({ kind: 'other' });
  });

  test('have another identity when they are replaced, and the same when they are renamed', () => {
    const identity = (name: string) =>
      (gave(['status', join(directory, name), false])[0] as { identity: string }).identity;
    writeFileSync(join(directory, 'a'), '');
    const first = identity('a');
    renameSync(join(directory, 'a'), join(directory, 'b'));
    expect(identity('b')).toBe(first);
    rmSync(join(directory, 'b'));
    // The inode number is free, and likely to be used again.
    writeFileSync(join(directory, 'b'), '');
    expect(identity('b')).not.toBe(first);
  });

  test('lie on the file system that statfs names', () => {
    const [memory, proc] = gave(['fileSystem', '/dev/shm'], ['fileSystem', '/proc']);
    expect(memory).toBe(0x01021994);
    expect(proc).toBe(0x9fa0);
  });

  test('that are not there, or are not what they should be, are errors by call and errno', () => {
    const nothing = join(directory, 'nothing');
    const file = join(directory, 'file');
    const loop = join(directory, 'loop');
    writeFileSync(file, '');
    symlinkSync(loop, loop);
    const calls: readonly Call[] = [
      ['readlink', nothing],
      ['readlink', file],
      ['names', nothing],
      ['names', file],
      ['status', join(file, 'below'), true],
      ['status', loop, true],
      ['fileSystem', nothing],
      ['open', nothing],
      ['open', `/${'x'.repeat(300)}`],
    ];
    expect(callNative(calls).map((outcome) => outcome.threw)).toEqual([
      { call: 'readlink', errno: 'ENOENT' },
      { call: 'readlink', errno: 'EINVAL' },
      { call: 'opendir', errno: 'ENOENT' },
      { call: 'opendir', errno: 'ENOTDIR' },
      { call: 'statx', errno: 'ENOTDIR' },
      { call: 'statx', errno: 'ELOOP' },
      { call: 'statfs', errno: 'ENOENT' },
      { call: 'open', errno: 'ENOENT' },
      { call: 'open', errno: 'ENAMETOOLONG' },
    ]);
  });

  test('that are FIFOs without a writer open at once', () => {
    const fifo = join(directory, 'fifo');
    spawnSync('mkfifo', [fifo]);
    expect(gave(['open', fifo], ['read', result(0), 10])[1]).toBe('');
  });
});

describe('a digest', () => {
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

  test('is that of SHA-256, of any length and however it is fed', () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(pieces, { minLength: 20, maxLength: 20 }), (all) => {
        const calls = all.flatMap((parts): readonly Call[] => [
          ['digest', false],
          ...parts.map((part): Call => ['digestBytes', 0, latin1(Buffer.from(part))]),
          ['digestEnd', 0],
        ]);
        const ends = gave(...calls).filter((value) => typeof value === 'string');
        expect(ends).toEqual(all.map((parts) => hash(Buffer.concat(parts))));
      }),
      { numRuns: 20 },
    );
  });

  test('of a file is fed with 64 KiB at a time', () => {
    const content = Buffer.alloc(150_000, 'content ');
    writeFileSync(join(directory, 'file'), content);
    const feed: Call = ['digestFile', result(1), result(0)];
    const values = gave(['open', join(directory, 'file')], ['digest', false], feed, feed, feed, feed, [
      'digestEnd',
      result(1),
    ]);
    expect(values.slice(2)).toEqual([65_536, 65_536, 150_000 - 131_072, 0, hash(content)]);
  });

  test('with a key is that of HMAC-SHA-256, of a key of this process alone', () => {
    const keyed: readonly Call[] = [
      ['digest', true],
      ['digestBytes', 0, 'secret'],
      ['digestEnd', 0],
    ];
    const [, , first, , , second] = gave(...keyed, ...keyed);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    expect(second).toBe(first);
    expect(first).not.toBe(hash(Buffer.from('secret')));
    expect(gave(...keyed)[2]).not.toBe(first);
  });

  test('that was ended, or never begun, is an error; as are too many', () => {
    expect(threw(['digest', false], ['digestEnd', 0], ['digestEnd', 0])).toEqual({
      call: 'digest',
      errno: 'EBADF',
    });
    expect(threw(['digestBytes', 99, 'x'])).toEqual({ call: 'digest', errno: 'EBADF' });
    const many = Array.from({ length: 5 }, (): Call => ['digest', false]);
    expect(threw(...many)).toEqual({ call: 'digest', errno: 'EMFILE' });
  });
});

describe('staging', () => {
  test('makes a volume as the kubelet does, with modes and owners', () => {
    const at = (name: string) => join(directory, name);
    writeFileSync(at('source'), Buffer.alloc(70_000, 'x'));
    gave(
      ['mkdir', at('..one'), 0o755],
      ['create', at('..one/key'), 0o600],
      ['open', at('source')],
      ['copy', result(2), result(1)],
      ['copy', result(2), result(1)],
      ['copy', result(2), result(1)],
      ['sync', result(1)],
      ['close', result(1)],
      ['chmod', at('..one/key'), 0o440],
      ['chown', at('..one/key'), -1, -1],
      ['symlink', '..one', at('..data_tmp')],
      ['rename', at('..data_tmp'), at('..data')],
      ['create', at('note'), 0o644],
      ['store', result(12), 'note \xe4\n'],
      ['mkdir', at('empty'), 0o700],
      ['rmdir', at('empty')],
      ['unlink', at('source')],
    );
    expect(readdirSync(directory).sort()).toEqual(['..data', '..one', 'note']);
    expect(readlinkSync(at('..data'))).toBe('..one');
    expect(readFileSync(at('..data/key'))).toHaveLength(70_000);
    expect(lstatSync(at('..one/key')).mode & 0o777).toBe(0o440);
    expect(latin1(readFileSync(at('note')))).toBe('note \xe4\n');
  });

  test('gives a file to another owner, if it may', () => {
    writeFileSync(join(directory, 'file'), '');
    const [{ threw: error } = {}] = callNative([['chown', join(directory, 'file'), 65_534, 65_533]]);
    const { uid, gid } = lstatSync(join(directory, 'file'));
    if (process.getuid?.() === 0) expect([uid, gid]).toEqual([65_534, 65_533]);
    else expect(error).toEqual({ call: 'lchown', errno: 'EPERM' });
  });

  test('tells what failed', () => {
    const at = (name: string) => join(directory, name);
    mkdirSync(at('full'));
    writeFileSync(at('full/file'), '');
    const calls: readonly Call[] = [
      ['mkdir', at('full'), 0o755],
      ['create', at('full/file'), 0o600],
      ['rmdir', at('full')],
      ['unlink', at('full')],
      ['rename', at('full'), at('full/below')],
      ['symlink', 'x', at('full')],
      ['chmod', at('nothing'), 0o600],
      ['open', '/dev/null'],
      ['store', result(7), 'x'],
      ['copy', 99, 98],
      ['sync', 99],
    ];
    expect(callNative(calls).map((outcome) => outcome.threw)).toEqual([
      { call: 'mkdir', errno: 'EEXIST' },
      { call: 'open', errno: 'EEXIST' },
      { call: 'rmdir', errno: 'ENOTEMPTY' },
      { call: 'unlink', errno: 'EISDIR' },
      { call: 'rename', errno: 'EINVAL' },
      { call: 'symlink', errno: 'EEXIST' },
      { call: 'chmod', errno: 'ENOENT' },
      undefined,
      { call: 'write', errno: 'EBADF' },
      { call: 'read', errno: 'EBADF' },
      { call: 'fsync', errno: 'EBADF' },
    ]);
  });
});

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
    const file = join(directory, 'file');
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
    const long = join(directory, 'long');
    writeFileSync(long, 'x'.repeat(65_000));
    const executable = join(directory, 'executable');
    writeFileSync(executable, 'no program');
    chmodSync(executable, 0o755);
    const outcomes = callNative([
      start(join(directory, 'nothing')),
      start(file),
      start(executable),
      start(SHELL, ['sh'], join(directory, 'nowhere')),
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
    const other = join(directory, 'other');
    mkdirSync(other);
    const [, watch, same, second, , hints, none] = gave(
      ['openNotifier'],
      ['watchDirectory', result(0), directory],
      ['watchDirectory', result(0), `${other}/..`],
      ['watchDirectory', result(0), other],
      ['create', join(other, 'new'), 0o600],
      ['takeHints', result(0)],
      ['takeHints', result(0)],
    );
    expect(same).toBe(watch);
    // IN_CREATE; the file is still open for writing.
    expect(hints).toEqual([second, 0x100, 'new']);
    expect(none).toEqual([]);
  });

  test('end with the directory, and with the watch', () => {
    const gone = join(directory, 'gone');
    mkdirSync(gone);
    const [, watch, , hints, kept, , ignored] = gave(
      ['openNotifier'],
      ['watchDirectory', result(0), gone],
      ['rmdir', gone],
      ['takeHints', result(0)],
      ['watchDirectory', result(0), directory],
      ['unwatch', result(0), result(4)],
      ['takeHints', result(0)],
    );
    expect(hints).toEqual([watch, 0x400, '', watch, 0x8000, '']);
    expect(ignored).toEqual([kept, 0x8000, '']);
    expect(threw(['openNotifier'], ['unwatch', result(0), 1])).toEqual({
      call: 'inotify_rm_watch',
      errno: 'EINVAL',
    });
    writeFileSync(join(directory, 'file'), '');
    const file: Call = ['watchDirectory', result(0), join(directory, 'file')];
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
    const path = join(directory, 'socket');
    gave(['listenUnix', path]);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(threw(['listenUnix', path])).toEqual({ call: 'bind', errno: 'EADDRINUSE' });
    const long = join(directory, 'x'.repeat(120));
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
