import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { type Call, callNative, gave, result, STATIC_HOST, threw } from '../../support/native.ts';
import { needing } from '../../support/needing.ts';
import { eachWithDirectory } from '../../support/volume.ts';

/** The functions of the C host that concern the engine, byte strings and files. */

const test = needing(STATIC_HOST);
const temporary = eachWithDirectory();

const latin1 = (bytes: Buffer) => bytes.toString('latin1');
const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

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
    const [, , , names, target] = gave(
      ['enter', temporary.path],
      ['create', result(0), name, 0o600],
      ['symlink', result(0), 'link', all],
      ['names', temporary.path],
      ['readlink', join(temporary.path, 'link')],
    );
    expect(names).toHaveLength(2);
    expect(names).toContain(name);
    expect(target).toBe(all);
    const bytes = readdirSync(Buffer.from(temporary.path), { encoding: 'buffer' }).map(latin1);
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
    const [words, environment] = callNative([['words'], ['environment']], ['/bin/sh', '-c', script]);
    expect(words?.gave).toEqual([expect.any(String), '\x80\xc3(', '']);
    expect(environment?.gave).toContain('ODD=x\xff\n=y');
  });
});

describe('files', () => {
  test('are told by kind, mode and owner, links followed or not', () => {
    writeFileSync(join(temporary.path, 'file'), 'x');
    chmodSync(join(temporary.path, 'file'), 0o640);
    symlinkSync('file', join(temporary.path, 'link'));
    const [link, followed, folder, device] = gave(
      ['status', join(temporary.path, 'link'), false],
      ['status', join(temporary.path, 'link'), true],
      ['status', temporary.path, true],
      ['status', '/dev/null', true],
    );
    const { dev, uid, gid } = lstatSync(temporary.path);
    expect(link).toMatchObject({ kind: 'link' });
    expect(followed).toMatchObject({ kind: 'file', mode: 0o640, owner: uid, group: gid });
    expect(folder).toMatchObject({ kind: 'directory', device: `${dev >> 8}.${dev & 0xff}` });
    expect(device).toMatchObject({ kind: 'other' });
  });

  test('have another identity when they are replaced, and the same when they are renamed', () => {
    const identity = (name: string) =>
      (gave(['status', join(temporary.path, name), false])[0] as { identity: string }).identity;
    writeFileSync(join(temporary.path, 'a'), '');
    const first = identity('a');
    renameSync(join(temporary.path, 'a'), join(temporary.path, 'b'));
    expect(identity('b')).toBe(first);
    rmSync(join(temporary.path, 'b'));
    // The inode number is free, and likely to be used again.
    writeFileSync(join(temporary.path, 'b'), '');
    expect(identity('b')).not.toBe(first);
  });

  test('lie on the file system that statfs names', () => {
    const [memory, proc] = gave(['fileSystem', '/dev/shm'], ['fileSystem', '/proc']);
    expect(memory).toBe(0x01021994);
    expect(proc).toBe(0x9fa0);
  });

  test('that are not there, or are not what they should be, are errors by call and errno', () => {
    const nothing = join(temporary.path, 'nothing');
    const file = join(temporary.path, 'file');
    const loop = join(temporary.path, 'loop');
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
    const fifo = join(temporary.path, 'fifo');
    spawnSync('mkfifo', [fifo]);
    expect(gave(['open', fifo], ['read', result(0), 10])[1]).toBe('');
  });
});

describe('a digest', () => {
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
    writeFileSync(join(temporary.path, 'file'), content);
    const feed: Call = ['digestFile', result(1), result(0)];
    const values = gave(['open', join(temporary.path, 'file')], ['digest', false], feed, feed, feed, feed, [
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
