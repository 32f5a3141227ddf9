import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createVolume, type Payload, type Volume, type VolumeOptions, WRITE_ORDERS } from './kubelet.ts';
import { eachWithDirectory } from './volume.ts';

/** The double itself, against what shared/kubelet.md says of the real writers. */

const directory = eachWithDirectory();

function newVolume(options: VolumeOptions = {}): Volume {
  return createVolume(join(directory.path, 'volume'), options);
}

const visible = (volume: Volume) =>
  readdirSync(volume.path)
    .filter((name) => !name.startsWith('..'))
    .sort();
const content = (volume: Volume, key: string) => readFileSync(join(volume.path, key), 'utf8');
const names = (volume: Volume, payload: Payload) =>
  [...volume.operations(payload)].map((operation) => operation.name);

describe('a volume', () => {
  for (const order of WRITE_ORDERS) {
    test(`has the layout of the kubelet after any write (${order})`, () => {
      const volume = newVolume({ order });
      volume.write({ a: '1', 'sub/dir/b': '2', gone: '3' });
      const first = volume.generation();
      expect(first).toMatch(/^\.\.\d{4}_\d\d_\d\d_\d\d_\d\d_\d\d\.\d+$/);
      volume.write({ a: '4', 'sub/dir/b': '2', added: '' });
      expect(visible(volume)).toEqual(['a', 'added', 'sub']);
      expect(readlinkSync(join(volume.path, 'sub'))).toBe('..data/sub');
      expect([content(volume, 'a'), content(volume, 'sub/dir/b'), content(volume, 'added')]).toEqual([
        '4',
        '2',
        '',
      ]);
      expect(existsSync(join(volume.path, first ?? ''))).toBe(false);
      expect(
        readdirSync(volume.path)
          .filter((name) => name.startsWith('..'))
          .sort(),
      ).toEqual(['..data', volume.generation()].sort());
      expect(statSync(join(volume.path, '..data/')).mode & 0o777).toBe(0o755);
      expect(statSync(join(volume.path, 'a')).mode & 0o777).toBe(0o644);
    });

    test(`is left alone when bytes and paths are the same (${order})`, () => {
      const volume = newVolume({ order });
      volume.write({ a: '1' });
      expect(names(volume, { a: '1' })).toEqual(['read']);
      expect(names(volume, { a: '2' })).not.toEqual(['read']);
    });
  }

  test('gets a new inode for every file with every write', () => {
    const volume = newVolume();
    volume.write({ a: '1', b: '1' });
    const before = statSync(join(volume.path, 'b'));
    volume.write({ a: '2', b: '1' });
    expect(statSync(join(volume.path, 'b')).mtimeMs).toBeGreaterThanOrEqual(before.mtimeMs);
    expect(lstatSync(join(volume.path, 'b')).isSymbolicLink()).toBe(true);
  });

  test('keeps ..data when its object is deleted, and loses every key', () => {
    const volume = newVolume();
    volume.write({ a: '1' });
    volume.write({});
    expect(visible(volume)).toEqual([]);
    expect(volume.generation()).toBeDefined();
    volume.write({ a: '2' });
    expect(content(volume, 'a')).toBe('2');
  });
});

describe('the operations of a change', () => {
  const change = (options: VolumeOptions) => {
    const volume = newVolume(options);
    volume.write({ a: '1', gone: '1' });
    return names(volume, { a: '2', added: '2' });
  };
  const generation = [
    'make-generation',
    'mode-generation',
    'make-file',
    'write-file',
    'mode-file',
    'make-file',
    'write-file',
    'mode-file',
  ];
  const removal = ['remove-file', 'remove-file', 'remove-directory'];

  test('of the present kubelet: links after the swap', () => {
    expect(change({})).toEqual([
      'read',
      ...generation,
      'link-data-tmp',
      'swap',
      'link-key',
      'unlink-key',
      ...removal,
    ]);
  });

  test('of old kubelets and the CSI driver: new links before the swap', () => {
    expect(change({ order: 'links-first' })).toEqual([
      'read',
      ...generation,
      'link-key',
      'link-data-tmp',
      'swap',
      'unlink-key',
      ...removal,
    ]);
  });

  test('of Kata’s copier: the old generation first, the link before the files', () => {
    expect(change({ order: 'copier' })).toEqual([
      'read',
      ...removal,
      'unlink-data',
      'link-data',
      ...generation,
      'link-key',
      'unlink-key',
    ]);
  });
});

describe('half-way', () => {
  function until(volume: Volume, payload: Payload, name: string): void {
    for (const operation of volume.operations(payload)) if (operation.name === name) return;
    throw new Error(`no ${name}`);
  }

  test('a key that was added is not there yet (links-last) or dangles (links-first)', () => {
    const last = newVolume();
    last.write({ a: '1' });
    until(last, { a: '1', added: '2' }, 'link-key');
    expect(existsSync(join(last.path, '..data/added'))).toBe(true);
    expect(visible(last)).toEqual(['a']);
    const first = createVolume(join(directory.path, 'first'), { order: 'links-first' });
    first.write({ a: '1' });
    until(first, { a: '1', added: '2' }, 'swap');
    expect(visible(first)).toEqual(['a', 'added']);
    expect(existsSync(join(first.path, 'added'))).toBe(false);
  });

  test('a key that was removed dangles', () => {
    const volume = newVolume();
    volume.write({ a: '1', gone: '2' });
    until(volume, { a: '1' }, 'unlink-key');
    expect(visible(volume)).toEqual(['a', 'gone']);
    expect(existsSync(join(volume.path, 'gone'))).toBe(false);
  });
});

describe('what goes wrong', () => {
  test('an aborted write leaves everything as it was', () => {
    const volume = newVolume();
    volume.write({ a: '1' });
    const before = readdirSync(volume.path).sort();
    volume.abort({ a: '2' });
    expect(readdirSync(volume.path).sort()).toEqual(before);
  });

  test('a ..data_tmp left by a crash makes writes fail', () => {
    const volume = newVolume();
    volume.write({ a: '1' });
    symlinkSync('x', join(volume.path, '..data_tmp'));
    expect(() => volume.write({ a: '2' })).toThrow('EEXIST');
    expect(content(volume, 'a')).toBe('1');
  });

  test.each(['', '/a', '..a', 'a/../b', `${'x'.repeat(256)}`])('the path %j is refused', (path) => {
    expect(() => newVolume().write({ [path]: '1' })).toThrow('refuses');
  });

  test('a volume that is torn down is empty', () => {
    const volume = newVolume();
    volume.write({ a: '1' });
    volume.tearDown();
    expect(readdirSync(volume.path)).toEqual([]);
  });
});
