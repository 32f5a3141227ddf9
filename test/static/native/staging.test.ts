import { createHash } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Call, callNative, gave, result, STATIC_HOST } from '../../support/native.ts';
import { needing } from '../../support/needing.ts';
import { eachWithDirectory } from '../../support/volume.ts';

/** The functions of the C host that concern staging: below a directory by its descriptor. */

const test = needing(STATIC_HOST);
const temporary = eachWithDirectory('/dev/shm');

const latin1 = (bytes: Buffer) => bytes.toString('latin1');
const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

test('makes a volume as the kubelet does, with modes and owners', () => {
  const at = (name: string) => join(temporary.path, name);
  writeFileSync(at('source'), Buffer.alloc(70_000, 'x'));
  const outcomes = gave(
    ['enter', temporary.path],
    ['mkdir', result(0), '..one', 0o755],
    ['enter', '..one', result(0)],
    ['create', result(2), 'key', 0o600],
    ['open', 'source', result(0)],
    ['digest', false],
    ['copy', result(5), result(4), result(3)],
    ['copy', result(5), result(4), result(3)],
    ['copy', result(5), result(4), result(3)],
    ['digestEnd', result(5)],
    ['sync', result(3)],
    ['chmod', result(3), 0o440],
    ['chown', result(3), -1, -1],
    ['close', result(3)],
    ['symlink', result(0), '..data_tmp', '..one'],
    ['rename', result(0), '..data_tmp', '..data'],
    ['create', result(0), 'note', 0o644],
    ['store', result(16), 'note \xe4\n'],
    ['mkdir', result(0), 'empty', 0o700],
    ['rmdir', result(0), 'empty'],
    ['unlink', result(0), 'source'],
  );
  expect(outcomes.slice(6, 10)).toEqual([65_536, 4_464, 0, hash(Buffer.alloc(70_000, 'x'))]);
  expect(readdirSync(temporary.path).sort()).toEqual(['..data', '..one', 'note']);
  expect(readlinkSync(at('..data'))).toBe('..one');
  expect(readFileSync(at('..data/key'))).toHaveLength(70_000);
  expect(lstatSync(at('..one/key')).mode & 0o777).toBe(0o440);
  expect(latin1(readFileSync(at('note')))).toBe('note \xe4\n');
});

test('gives a file to another owner, if it may', () => {
  writeFileSync(join(temporary.path, 'file'), '');
  const [, { threw: error } = {}] = callNative([
    ['open', join(temporary.path, 'file')],
    ['chown', result(0), 65_534, 65_533],
  ]);
  const { uid, gid } = lstatSync(join(temporary.path, 'file'));
  if (process.getuid?.() === 0) expect([uid, gid]).toEqual([65_534, 65_533]);
  else expect(error).toEqual({ call: 'fchown', errno: 'EPERM' });
});

test('tells what failed', () => {
  const at = (name: string) => join(temporary.path, name);
  mkdirSync(at('full'));
  writeFileSync(at('full/file'), '');
  const calls: readonly Call[] = [
    ['enter', temporary.path],
    ['mkdir', result(0), 'full', 0o755],
    ['create', result(0), 'full/file', 0o600],
    ['rmdir', result(0), 'full'],
    ['unlink', result(0), 'full'],
    ['rename', result(0), 'full', 'full/below'],
    ['symlink', result(0), 'full', 'x'],
    ['chmod', 99, 0o600],
    ['open', '/dev/null'],
    ['store', result(8), 'x'],
    ['copy', 0, 99, 98],
    ['sync', 99],
    ['enter', 'full/file', result(0)],
    ['grant', result(0), 'full/file', 0o700],
    ['lock', 99],
    ['entries', 99, true],
    ['entries', result(8), false],
  ];
  expect(callNative(calls).map((outcome) => outcome.threw)).toEqual([
    undefined,
    { call: 'mkdir', errno: 'EEXIST' },
    { call: 'open', errno: 'EEXIST' },
    { call: 'rmdir', errno: 'ENOTEMPTY' },
    { call: 'unlink', errno: 'EISDIR' },
    { call: 'rename', errno: 'EINVAL' },
    { call: 'symlink', errno: 'EEXIST' },
    { call: 'fchmod', errno: 'EBADF' },
    undefined,
    { call: 'write', errno: 'EBADF' },
    { call: 'read', errno: 'EBADF' },
    { call: 'fsync', errno: 'EBADF' },
    { call: 'open', errno: 'ENOTDIR' },
    { call: 'chmod', errno: 'ENOTDIR' },
    { call: 'flock', errno: 'EBADF' },
    { call: 'lseek', errno: 'EBADF' },
    { call: 'getdents64', errno: 'ENOTDIR' },
  ]);
});

test('follows no link below a directory, and knows a directory by its descriptor wherever it is by now', () => {
  const at = (name: string) => join(temporary.path, name);
  mkdirSync(at('target'));
  mkdirSync(at('outside'));
  writeFileSync(at('outside/file'), 'precious');
  symlinkSync(at('outside'), at('target/link'));
  symlinkSync(at('outside/file'), at('target/file'));
  const calls: readonly Call[] = [
    ['enter', at('target')],
    ['rename', result(0), at('target'), at('moved')],
    ['enter', 'link', result(0)],
    ['open', 'file', result(0)],
    ['grant', result(0), 'link', 0o777],
    ['create', result(0), 'file', 0o600],
    ['rmdir', result(0), 'link'],
    ['status', 'link', true, result(0)],
    ['readlink', 'file', result(0)],
    ['unlink', result(0), 'link'],
    ['unlink', result(0), 'file'],
  ];
  const outcomes = callNative(calls);
  expect(outcomes.map(({ threw: error }) => error)).toEqual([
    undefined,
    undefined,
    { call: 'open', errno: 'ENOTDIR' },
    { call: 'open', errno: 'ELOOP' },
    { call: 'chmod', errno: 'ENOTDIR' },
    { call: 'open', errno: 'EEXIST' },
    { call: 'rmdir', errno: 'ENOTDIR' },
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  expect(outcomes[8]?.gave).toBe(at('outside/file'));
  expect(readdirSync(at('moved'))).toEqual([]);
  expect(readFileSync(at('outside/file'), 'utf8')).toBe('precious');
});

test('lists a directory in pieces, and from the beginning again', () => {
  const names = Array.from({ length: 3_000 }, (_, index) => `name-${index}`);
  for (const name of names) writeFileSync(join(temporary.path, name), '');
  const more: Call = ['entries', result(0), false];
  const pieces = gave(['enter', temporary.path], ['entries', result(0), true], ...Array(8).fill(more), [
    'entries',
    result(0),
    true,
  ]).slice(1) as readonly (readonly string[])[];
  const again = pieces.at(-1);
  expect(again).toEqual(pieces[0]);
  expect(pieces[0]?.length).toBeLessThan(3_000);
  expect(pieces.slice(0, -1).flat().sort()).toEqual(names.sort());
});

test('locks a directory for one open file alone, until that is closed', () => {
  const [, , first, second, , third] = gave(
    ['enter', temporary.path],
    ['enter', temporary.path],
    ['lock', result(0)],
    ['lock', result(1)],
    ['close', result(0)],
    ['lock', result(1)],
  );
  expect([first, second, third]).toEqual([true, false, true]);
});
