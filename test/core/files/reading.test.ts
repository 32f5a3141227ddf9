import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readWatches } from '../../../src/core/files/reading.ts';
import { linkChange, mayChangeContent } from '../../../src/core/files/volume.ts';
import { type Between, drive, inPieces } from '../../support/driver.ts';
import { createVolume, type Payload } from '../../support/kubelet.ts';
import { digest, names, placesOf, read, readOne } from '../../support/reading.ts';
import { eachWithDirectory, writtenVolume } from '../../support/volume.ts';

/** Specification 4.1 and 4.2: what counts, and that it is never torn, on the real file system. */

const directory = eachWithDirectory();
const volumePath = () => join(directory.path, 'volume');

function newVolume(payload: Payload) {
  return writtenVolume(volumePath(), payload);
}

describe('a kubelet volume', () => {
  test('is read from its generation, with the names that the application sees', () => {
    const volume = newVolume({ 'a.conf': '1', '.env': '2', 'sub/dir/b': '3' });
    const reading = readOne(volume.path);
    expect(names(reading)).toEqual(['.env', 'a.conf', 'sub/dir/b']);
    expect(reading).toMatchObject({ status: 'read', settled: true, moving: false });
    expect(reading.status === 'read' && reading.volume).toEqual({
      root: volume.path,
      generation: volume.generation(),
    });
    expect(placesOf(reading, 'names')).toContain(volume.path);
    expect(placesOf(reading, 'tree')).toEqual([]);
  });

  test('that is empty holds nothing, and is settled', () => {
    expect(readOne(newVolume({}).path)).toMatchObject({ status: 'read', settled: true });
  });

  test('has the same digest in another generation of the same content, whatever times, modes and names of it', () => {
    const volume = newVolume({ a: '1', b: '2' });
    const before = digest(readOne(volume.path));
    volume.rewrite({ b: '2', a: '1' });
    chmodSync(join(volume.path, 'a'), 0o600);
    utimesSync(join(volume.path, 'a'), 1, 1);
    expect(digest(readOne(volume.path))).toBe(before);
  });

  test('has another digest when a byte, a name, or the place of the same bytes differs', () => {
    const digests = [
      { a: '1' },
      { a: '2' },
      { b: '1' },
      { a: '1', b: '' },
      { a: '', b: '1' },
      { 'd/a': '1' },
    ].map((payload) => {
      const path = mkdtempSync(join(directory.path, 'v-'));
      createVolume(path).write(payload as Payload);
      return digest(readOne(path));
    });
    expect(new Set(digests).size).toBe(digests.length);
  });

  test('that has not moved costs one readlink, if the last reading was whole', () => {
    const volume = newVolume({ a: '1' });
    const known = readOne(volume.path);
    const asked: string[] = [];
    const between: Between = (request) => void asked.push(request.op);
    expect(readOne(volume.path, { known, between })).toEqual({ status: 'unchanged' });
    expect(asked).toEqual(['readlink']);
    volume.rewrite({ a: '1' });
    expect(readOne(volume.path, { known })).toMatchObject({ status: 'read' });
  });

  test('with something in it that lies elsewhere is never told by its link alone', () => {
    const volume = newVolume({ a: '1' });
    symlinkSync('/etc/hostname', join(volume.path, 'foreign'));
    const reading = readOne(volume.path);
    expect(names(reading)).toEqual(['a', 'foreign']);
    expect(reading.status === 'read' && reading.known.volume).toBe(undefined);
  });

  test('is not settled while links and generation differ, in either direction', () => {
    for (const order of ['links-last', 'links-first'] as const) {
      const path = mkdtempSync(join(directory.path, 'v-'));
      const volume = writtenVolume(path, { a: '1', old: 'x' }, { order });
      const unsettled: string[] = [];
      for (const operation of volume.operations({ a: '2', new: 'y' })) {
        const reading = readOne(path);
        if (reading.status === 'read' && !reading.settled) unsettled.push(operation.name);
        if (reading.status === 'read' && reading.settled)
          expect([
            ['a', 'old'],
            ['a', 'new'],
          ]).toContainEqual(names(reading));
      }
      // Each is the state before the operation of that name: a link too few or too many.
      expect(new Set(unsettled)).toEqual(
        new Set(
          order === 'links-last' ? ['link-key', 'unlink-key'] : ['link-data-tmp', 'swap', 'unlink-key'],
        ),
      );
    }
  });

  test('counts a token of a service account only if it is watched by name', () => {
    const token = { token: 'one', 'ca.crt': 'ca', namespace: 'ns' };
    const volume = newVolume(token);
    const before = digest(readOne(volume.path));
    const byName = digest(readOne(join(volume.path, 'token')));
    expect(names(readOne(volume.path))).toEqual(['ca.crt', 'namespace']);
    volume.write({ ...token, token: 'two' });
    expect(digest(readOne(volume.path))).toBe(before);
    expect(digest(readOne(join(volume.path, 'token')))).not.toBe(byName);
  });

  test('may be watched by a file or a directory of it', () => {
    const volume = newVolume({ a: '1', 'sub/b': '2' });
    expect(names(readOne(join(volume.path, 'a')))).toEqual(['']);
    expect(names(readOne(join(volume.path, 'sub')))).toEqual(['b']);
    expect(names(readOne(join(volume.path, 'sub/b')))).toEqual(['']);
    for (const none of ['none', 'sub/none', 'none/b']) {
      expect(readOne(join(volume.path, none))).toMatchObject({ status: 'missing', expected: true });
    }
  });

  test('is not taken without a file that is listed in its generation and is not there, however often that is tried', () => {
    const volume = newVolume({ a: '1', b: '2' });
    const between: Between = (request) =>
      request.op === 'inspect' && request.path.endsWith('/b')
        ? { op: 'error', errno: 'ENOENT' }
        : inPieces(request);
    expect(readOne(volume.path, { between })).toMatchObject({ settled: false, moving: true });
  });

  test('costs one readlink with all watches on it, while it has not moved', () => {
    const volume = newVolume({ a: '1', b: '2' });
    const paths = [volume.path, join(volume.path, 'a'), join(volume.path, 'b')];
    const requests = read(paths).map((reading, index) => {
      if (reading.status !== 'read') throw new Error('all are there');
      return { path: paths[index] ?? '', known: reading.known };
    });
    const asked: string[] = [];
    drive(
      readWatches(requests, () => false),
      (request) => void asked.push(request.op),
    );
    expect(asked).toEqual(['readlink']);
  });

  test('is read from one generation by all watches of a look, even if it is swapped between them', () => {
    const volume = newVolume({ a: '1', b: '1' });
    const paths = [join(volume.path, 'a'), join(volume.path, 'b')];
    const one = read(paths);
    volume.write({ a: '2', b: '2' });
    const two = read(paths);
    for (let moment = 0; moment < 40; moment++) {
      volume.write({ a: '1', b: '1' });
      const between: Between = (_, count) => void (count === moment && volume.write({ a: '2', b: '2' }));
      const readings = read(paths, { between });
      const digests = readings.map(digest);
      expect([one.map(digest), two.map(digest)]).toContainEqual(digests);
    }
  });

  test('that moves on between a watch that is told by its link and one that is read is read anew as a whole', () => {
    const volume = newVolume({ a: '1', b: '1' });
    const paths = [volume.path, join(volume.path, 'b')];
    const [whole] = read(paths);
    const requests = paths.map((path, index) =>
      index === 0 && whole?.status === 'read' ? { path, known: whole.known } : { path },
    );
    let swapped = false;
    const between: Between = (request) => {
      // After the readlink that finds the first watch unchanged.
      if (request.op === 'readlink' && request.path !== `${volume.path}/..data`) {
        if (!swapped) volume.write({ a: '2', b: '2' });
        swapped = true;
      }
      return undefined;
    };
    const readings = drive(
      readWatches(requests, () => false),
      between,
    );
    expect(swapped).toBe(true);
    expect(readings.map((reading) => reading.status)).toEqual(['read', 'read']);
    expect(readings.map(digest)).toEqual(read(paths).map(digest));
  });
});

describe('what can not be read', () => {
  test('is missing: expected if its directory is there or it lies on a volume, else not', () => {
    expect(readOne(join(directory.path, 'none'))).toMatchObject({ status: 'missing', expected: true });
    expect(readOne(join(directory.path, 'no/where'))).toMatchObject({ status: 'missing', expected: false });
    const volume = newVolume({ a: '1' });
    expect(readOne(join(volume.path, 'sub/none'))).toMatchObject({ status: 'missing', expected: true });
    expect(readOne('/dev/shm/no/where')).toMatchObject({ status: 'missing', expected: true });
  });

  test('is unreadable, with the path and the errno', () => {
    const volume = newVolume({ a: '1', b: '2' });
    const between: Between = (request) =>
      request.op === 'inspect' && request.path.endsWith('/b')
        ? { op: 'error', errno: 'EACCES' }
        : inPieces(request);
    expect(readOne(volume.path, { between })).toEqual({
      status: 'unreadable',
      failed: 'inspect',
      path: join(volume.path, 'b'),
      errno: 'EACCES',
    });
  });

  test('is unreadable, and no volume less, if nobody can tell what its link says', () => {
    const volume = newVolume({ a: '1', 'sub/b': '2' });
    const failing =
      (errno: string): Between =>
      (request) =>
        request.op === 'readlink' && request.path === `${volume.path}/..data`
          ? { op: 'error', errno }
          : undefined;
    const known = readOne(volume.path);
    for (const errno of ['EIO', 'EACCES']) {
      const unreadable = { status: 'unreadable', failed: 'readlink', path: volume.path, errno };
      const between = failing(errno);
      expect(readOne(volume.path, { between })).toEqual(unreadable);
      expect(readOne(volume.path, { between, known })).toEqual(unreadable);
      expect(readOne(join(volume.path, 'sub/b'), { between })).toEqual(unreadable);
    }
    for (const errno of ['ENOENT', 'EINVAL', 'ENOTDIR']) {
      const plain = readOne(volume.path, { between: failing(errno) });
      expect(plain).toMatchObject({ status: 'read', volume: undefined });
    }
  });

  test('is too large: more than 10,000 files, or more than 256 MiB', () => {
    const root = join(directory.path, 'plain');
    mkdirSync(root);
    for (let index = 0; index < 10_000; index++) writeFileSync(join(root, `${index}`), '');
    expect(readOne(root)).toMatchObject({ status: 'read', settled: true });
    writeFileSync(join(root, 'one too many'), '');
    expect(readOne(root)).toEqual({ status: 'too-large', tooLarge: 'files' });
    const file = join(directory.path, 'file');
    writeFileSync(file, 'x'.repeat(65_537));
    const endless: Between = (request) =>
      request.op === 'digest-file' ? { op: 'digest-file', value: 65_536 } : undefined;
    expect(readOne(file, { between: endless })).toEqual({ status: 'too-large', tooLarge: 'bytes' });
  });
});

describe('contents', () => {
  test('are digested with a key of this process on tmpfs, and plainly elsewhere', () => {
    const shared = mkdtempSync('/dev/shm/rehup-');
    const plain = mkdtempSync(join(directory.path, 'v-'));
    for (const path of [shared, plain]) createVolume(path).write({ a: 'secret' });
    expect(digest(readOne(shared))).not.toBe(digest(readOne(plain)));
    expect(digest(readOne(shared))).toBe(digest(readOne(shared)));
    rmSync(shared, { recursive: true });
  });
});

test('of the kubelet’s own names only the link tells of other content', () => {
  const names = ['..data_tmp', '..2026_11_23_20_00_00.1234', '..data', 'key', '', '.hidden'];
  expect(names.filter(mayChangeContent)).toEqual(['..data', 'key', '', '.hidden']);
});

test('a link that is renamed onto its place was swapped, one that is made anew leads to what is copied', () => {
  const told = ['..data_tmp', '..data_tmp', '..data', 'key', '..data', '..data'];
  const changes = told.map((name, index) => linkChange(name, told[index - 1]));
  expect(changes).toEqual([undefined, undefined, 'swapped', undefined, 'copied', 'copied']);
});

test('a file that appears while it is read has the same digest as afterwards: what is not there is not taken for a Secret', () => {
  const path = join(directory.path, 'file');
  let asked = false;
  const appears: Between = ({ op }) => {
    if (op !== 'memory' || asked) return undefined;
    asked = true;
    writeFileSync(path, '1');
    return { op: 'error', errno: 'ENOENT' };
  };
  expect(digest(readOne(path, { between: appears }))).toBe(digest(readOne(path)));
});
