import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Places } from '../../../src/core/files/places.ts';
import { readWatches } from '../../../src/core/files/reading.ts';
import { type Between, drive } from '../../support/driver.ts';
import { digest, names, placesOf, read, readOne } from '../../support/reading.ts';
import { eachWithDirectory, writtenVolume } from '../../support/volume.ts';

/** Specification 4.1: plain files and directories, on the real file system. */

const directory = eachWithDirectory();

/** All directories above a path. */
function aboveOf(path: string): readonly string[] {
  const parts = path.split('/').slice(1, -1);
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)];
}

describe('plain files', () => {
  test('are read with all below them, each real directory once, links followed, loops ended', () => {
    const root = join(directory.path, 'plain');
    mkdirSync(join(root, 'sub/deep'), { recursive: true });
    mkdirSync(join(root, 'lost+found'));
    writeFileSync(join(root, 'lost+found/x'), 'x');
    writeFileSync(join(root, 'sub/deep/file'), '1');
    writeFileSync(join(root, '..hidden'), 'kubelet');
    symlinkSync('sub/deep/file', join(root, 'link'));
    symlinkSync('.', join(root, 'loop'));
    symlinkSync('sub', join(root, 'again'));
    symlinkSync('nowhere', join(root, 'dangling'));
    const reading = readOne(root);
    expect(names(reading)).toEqual(['again/deep/file', 'link', 'loop', 'sub']);
    expect(placesOf(reading, 'tree')).toEqual([root, join(root, 'again'), join(root, 'again/deep')]);
    expect(placesOf(reading, 'file')).toEqual([join(root, 'sub/deep/file')]);
  });

  test('of which the directories are the same keep the places that were found before', () => {
    const root = join(directory.path, 'plain');
    mkdirSync(join(root, 'same'), { recursive: true });
    mkdirSync(join(root, 'other'));
    const placesIn = (before: Places | undefined): Places => {
      const request = before === undefined ? { path: root } : { path: root, before };
      const [reading] = drive(readWatches([request], () => false));
      if (reading?.status !== 'read') throw new Error('not read');
      return reading.places;
    };
    const before = placesIn(undefined);
    renameSync(join(root, 'other'), join(directory.path, 'gone'));
    mkdirSync(join(root, 'other'));
    const after = placesIn(before);
    expect(after.get(join(root, 'same'))).toBe(before.get(join(root, 'same')));
    expect(after.get(join(root, 'other'))?.identity).not.toBe(before.get(join(root, 'other'))?.identity);
  });

  test('never have a FIFO, a socket or a device opened', () => {
    const root = join(directory.path, 'plain');
    mkdirSync(root);
    execFileSync('mkfifo', [join(root, 'fifo')]);
    symlinkSync('/dev/zero', join(root, 'device'));
    writeFileSync(join(root, 'file'), '1');
    const opened: string[] = [];
    const between: Between = (request) => void (request.op === 'open' && opened.push(request.path));
    writeFileSync(join(root, 'file'), 'x'.repeat(65_537));
    expect(names(readOne(root, { between }))).toEqual(['file']);
    expect(new Set(opened)).toEqual(new Set([join(root, 'file')]));
  });

  test('count but for those that are ignored', () => {
    const root = join(directory.path, 'plain');
    mkdirSync(join(root, 'cache/deep'), { recursive: true });
    for (const name of ['a.conf', '.a.conf.swp', 'cache/deep/x']) writeFileSync(join(root, name), '1');
    expect(names(readOne(root, { ignore: ['*.swp', 'cache/**'] }))).toEqual(['a.conf']);
  });

  test('may have any names', () => {
    const root = join(directory.path, 'plain');
    mkdirSync(root);
    writeFileSync(Buffer.from(`${root}/latin1-\xe9`, 'latin1'), '1');
    writeFileSync(join(root, 'new\nline and space'), '2');
    writeFileSync(join(root, 'é'), '3');
    expect(names(readOne(root))).toEqual(['latin1-\\xe9', 'new\\nline and space', 'é']);
  });

  test('are read until two readings agree, and are not settled if they never do', () => {
    const file = join(directory.path, 'file');
    writeFileSync(file, '0');
    let writes = 0;
    const once: Between = (request) => {
      if (request.op === 'digest-of' && writes < 1) writeFileSync(file, `${++writes}`);
      return undefined;
    };
    const reading = readOne(file, { between: once });
    expect(reading).toMatchObject({ status: 'read', settled: true });
    expect(digest(reading)).toBe(digest(readOne(file)));
    const always: Between = (request) =>
      void (request.op === 'digest-of' && writeFileSync(file, `${++writes}`));
    expect(readOne(file, { between: always })).toMatchObject({ status: 'read', settled: false });
  });

  test('that two watches have in common are read anew if they were written between the two', () => {
    const root = join(directory.path, 'plain');
    const file = join(root, 'file');
    mkdirSync(root);
    writeFileSync(file, '0');
    const [whole, one] = read([root, file]);
    const requests = [
      { path: root, known: { digest: digest(whole ?? { status: 'unchanged' }) } },
      { path: file, known: { digest: digest(one ?? { status: 'unchanged' }) } },
    ];
    let looked = 0;
    // After the directory was found as it is known.
    const between: Between = (request) => {
      if (request.op === 'readlink' && request.path === `${file}/..data` && looked++ === 0)
        writeFileSync(file, '1');
      return undefined;
    };
    const readings = drive(
      readWatches(requests, () => false),
      between,
    );
    expect(looked).toBeGreaterThan(0);
    expect(readings.map(digest)).toEqual(read([root, file]).map(digest));
  });

  test('that are links are watched with all that they lead through, also where that ends nowhere', () => {
    const volume = writtenVolume(join(directory.path, 'volume'), { a: '1' });
    const links = join(directory.path, 'links');
    mkdirSync(links);
    symlinkSync(join(volume.path, 'a'), join(links, 'a'));
    symlinkSync(join(volume.path, 'none'), join(links, 'none'));
    const watched = (name: string) => placesOf(readOne(join(links, name)), 'names');
    const themselves = (name: string) => placesOf(readOne(join(links, name)), 'self');
    const generation = join(volume.path, volume.generation() ?? '');
    const above = aboveOf(volume.path);
    expect(watched('a')).toEqual([links, volume.path, generation].sort());
    expect(watched('none')).toEqual([links, volume.path].sort());
    // A directory above tells itself that it was renamed: what others make beside it is nothing that counts.
    for (const name of ['a', 'none']) expect(themselves(name)).toEqual(above.filter((path) => path !== '/'));
  });

  test('may be replaced by a rename or by a directory while they are read', () => {
    const file = join(directory.path, 'file');
    writeFileSync(file, '0');
    const between: Between = (request, count) => {
      if (request.op === 'open' && count < 20) {
        writeFileSync(`${file}.tmp`, `${count}`);
        renameSync(`${file}.tmp`, file);
      }
      return undefined;
    };
    expect(readOne(file, { between })).toMatchObject({ status: 'read', settled: true });
    unlinkSync(file);
    mkdirSync(file);
    writeFileSync(join(file, 'inside'), '1');
    expect(names(readOne(file))).toEqual(['inside']);
  });
});
