import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Installing, install } from '../../../src/core/files/below/installing.ts';
import type { FileRequest } from '../../../src/core/files/files.ts';
import { drive } from '../../support/driver.ts';
import { eachWithDirectory } from '../../support/volume.ts';

/** Specification 10: this very executable to PATH, by a rename, mode 0755. */

const directory = eachWithDirectory();

const at = (name: string) => join(directory.path, name);

/** Longer than what is copied at once. */
const NEW = 'the new one '.repeat(20_000);

function made(path: string, inside = false): Installing {
  const executable = at('executable');
  writeFileSync(executable, NEW, { mode: 0o711 });
  if (!existsSync(at('bin'))) mkdirSync(at('bin'));
  return { executable, path: at(path), inside };
}

test('a file that is not there is made, with the mode of an executable whatever the umask is', () => {
  const before = process.umask(0o077);
  try {
    expect(drive(install(made('bin/x')))).toEqual({ kind: 'installed', path: at('bin/x') });
  } finally {
    process.umask(before);
  }
  expect(statSync(at('bin/x')).mode & 0o7777).toBe(0o755);
  expect(readFileSync(at('bin/x'), 'utf8')).toBe(NEW);
  expect(readdirSync(at('bin'))).toEqual(['x']);
});

test('in a directory it is called rehup, also behind a link to one, and only there if PATH ends in a slash', () => {
  symlinkSync('bin', at('link'));
  expect(drive(install(made('link')))).toEqual({ kind: 'installed', path: at('link/rehup') });
  expect(readdirSync(at('bin'))).toEqual(['rehup']);
  expect(drive(install(made('none', true)))).toEqual({
    kind: 'failed',
    failure: { failed: 'enter', path: at('none'), errno: 'ENOENT' },
  });
});

test('a link in the way is replaced, and what it leads to is left alone', () => {
  writeFileSync(at('precious'), 'precious');
  mkdirSync(at('bin'));
  for (const target of ['../precious', '../nothing']) {
    symlinkSync(target, at('bin/x'));
    expect(drive(install(made('bin/x')))).toMatchObject({ kind: 'installed' });
    expect(() => readlinkSync(at('bin/x'))).toThrow('EINVAL');
    expect(readFileSync(at('precious'), 'utf8')).toBe('precious');
    expect(existsSync(at('nothing'))).toBe(false);
    rmSync(at('bin/x'));
  }
});

test('a link under the name that it is written under leads nowhere', () => {
  writeFileSync(at('precious'), 'precious');
  mkdirSync(at('bin'));
  symlinkSync('../precious', at('bin/.rehup-install'));
  expect(drive(install(made('bin/x')))).toMatchObject({ kind: 'installed' });
  expect(readFileSync(at('precious'), 'utf8')).toBe('precious');
  expect(readdirSync(at('bin'))).toEqual(['x']);
});

test('a directory under the very name, and what is no file, are refused', () => {
  mkdirSync(at('bin/rehup'), { recursive: true });
  expect(drive(install(made('bin')))).toEqual({
    kind: 'refused',
    path: at('bin/rehup'),
    reason: 'there is a directory; give a path where nothing is, or a file',
  });
  expect(drive(install({ ...made('bin'), path: '/dev/null' }))).toMatchObject({
    kind: 'refused',
    path: '/dev/null',
    reason: expect.stringContaining('neither a file nor a directory'),
  });
});

test('the lock of another is waited for by nobody', () => {
  const answer = (request: FileRequest) =>
    request.op === 'lock' ? ({ op: 'lock', value: false } as const) : undefined;
  expect(drive(install(made('bin/x')), answer)).toMatchObject({
    kind: 'refused',
    reason: expect.stringMatching(/lock/),
  });
  expect(readdirSync(at('bin'))).toEqual([]);
});

test('the old one is there, or the whole new one, whenever one looks', () => {
  const installing = made('bin/x');
  writeFileSync(at('bin/x'), 'old');
  const seen = new Set<string>();
  drive(install(installing), () => {
    seen.add(readFileSync(at('bin/x'), 'utf8'));
    return undefined;
  });
  seen.add(readFileSync(at('bin/x'), 'utf8'));
  expect([...seen]).toEqual(['old', NEW]);
});

test('whichever operation fails, nothing of it is left, and no file open', () => {
  const installing = made('bin/x');
  const operations: string[] = [];
  drive(install(installing), ({ op }) => {
    operations.push(op);
    return undefined;
  });
  // An end that fails is none: what was written is there.
  const endings = ['close', 'digest', 'digest-end'];
  for (const [count, op] of operations.entries()) {
    if (endings.includes(op)) continue;
    writeFileSync(at('bin/x'), 'old');
    const open = new Set<number>();
    const outcome = drive(
      install(installing),
      (_, index) => (index === count ? { op: 'error', errno: 'EIO' } : undefined),
      undefined,
      open,
    );
    // Whether it is a directory is seen by opening it; what the leftover is, by making a new one; a lock is good to have.
    const harmless = (op === 'status' && count === 0) || op === 'lock' || op === 'unlink';
    expect([count, op, outcome.kind]).toEqual([count, op, harmless ? 'installed' : 'failed']);
    expect(readFileSync(at('bin/x'), 'utf8')).toBe(harmless ? NEW : 'old');
    expect(readdirSync(at('bin'))).toEqual(['x']);
    expect([...open]).toEqual([]);
  }
});

test('one that was killed leaves what the next one takes away', () => {
  const installing = made('bin/x');
  expect(() =>
    drive(install(installing), ({ op }) => {
      if (op === 'chmod') throw new Error('killed');
      return undefined;
    }),
  ).toThrow('killed');
  expect(readdirSync(at('bin'))).toEqual(['.rehup-install']);
  expect(drive(install(installing))).toMatchObject({ kind: 'installed' });
  expect(readdirSync(at('bin'))).toEqual(['x']);
});

test('of more than a gigabyte nothing is kept', () => {
  const installing = made('bin/x');
  const outcome = drive(install(installing), ({ op }) =>
    op === 'copy' ? { op: 'copy', value: 2 ** 30 } : undefined,
  );
  expect(outcome).toMatchObject({ kind: 'failed', failure: { errno: 'EFBIG', path: at('bin/x') } });
  expect(readdirSync(at('bin'))).toEqual([]);
});
