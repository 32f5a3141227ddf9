import { mkdirSync, renameSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Reading, ReadingRequest } from '../../../src/core/files/outcome.ts';
import { readWatches } from '../../../src/core/files/reading.ts';
import { compileGlob, pathPredicate } from '../../../src/core/text/glob.ts';
import { type Between, drive } from '../../support/driver.ts';
import { eachWithDirectory, writtenVolume } from '../../support/volume.ts';

/** Specification 4.1, 4.3, 4.5 and 4.9: second names, volumes below a watch, limits, and what is read again. */

const directory = eachWithDirectory();
const at = (...names: readonly string[]) => join(directory.path, 'w', ...names);

type Read = Extract<Reading, { status: 'read' }>;

function readAny(change: Partial<ReadingRequest> = {}, ignored = '', between?: Between): Reading {
  const glob = ignored === '' ? undefined : compileGlob(ignored);
  const ignore = pathPredicate(glob?.ok === true ? [glob.value] : []);
  const [reading] = drive(readWatches([{ path: at(), ...change }], ignore), between);
  if (reading === undefined) throw new Error('one reading for one watch');
  return reading;
}

function read(change: Partial<ReadingRequest> = {}, ignored = '', between?: Between): Read {
  const reading = readAny(change, ignored, between);
  if (reading.status !== 'read') throw new Error(`not read: ${JSON.stringify(reading)}`);
  return reading;
}

const names = (reading: Read) => [...reading.content.files.keys()];

function write(path: string, text: string): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, text);
}

describe('a second name of a directory', () => {
  test('counts as a name for the first: where it leads is content', () => {
    for (const name of ['blue', 'green']) write(at(name, 'x'), name);
    symlinkSync('blue', at('live'));
    const before = read();
    expect(before.content.files.get('live')).toMatchObject({ second: 'blue', size: 0 });
    symlinkSync('green', at('new'));
    renameSync(at('new'), at('live'));
    const after = read();
    expect(names(after)).toEqual(['blue/x', 'green/x', 'live']);
    expect(after.content.digest).not.toBe(before.content.digest);
  });

  test('that is a loop ends there', () => {
    write(at('a/x'), '');
    symlinkSync('..', at('a/up'));
    expect(names(read())).toEqual(['a/up', 'a/x']);
  });
});

describe('a kubelet volume below a watch', () => {
  test('counts a token that is projected by itself, unless it is ignored', () => {
    const volume = writtenVolume(at('sa'), { token: 'one', 'app.conf': '' });
    const [all, others] = [read().content.digest, read({}, 'token').content.digest];
    volume.write({ token: 'two', 'app.conf': '' });
    expect(read().content.digest).not.toBe(all);
    expect(read({}, 'token').content.digest).toBe(others);
  });

  test('is read from one generation, without the token of a service account', () => {
    mkdirSync(at());
    writtenVolume(at('sa'), { token: 'secret', 'ca.crt': '', namespace: '' });
    const inner = writtenVolume(at('inner'), { k: '1' });
    let swapped = false;
    // Between its listing and its files.
    const between: Between = (request) => {
      if (request.op === 'inspect' && request.path.endsWith('/k') && !swapped) {
        swapped = true;
        inner.write({ k: '2', l: '2' });
      }
      return undefined;
    };
    const reading = read({}, '', between);
    expect(names(reading)).toEqual(['inner/k', 'inner/l', 'sa/ca.crt', 'sa/namespace']);
    expect(reading).toMatchObject({ settled: true, nested: [at('sa'), at('inner')].sort(), beside: false });
  });

  test('that vanishes keeps its last state, unless it is empty and that counts', () => {
    mkdirSync(at());
    const inner = writtenVolume(at('inner'), { k: '1' });
    write(at('plain'), '1');
    const { known, content } = read();
    inner.write({});
    const kept = read({ known });
    expect(kept).toMatchObject({ vanished: ['inner'], content: { digest: content.digest } });
    expect(read({ known: kept.known }).vanished).toEqual(['inner']);
    expect(names(read({ known, allowEmpty: true }))).toEqual(['plain']);
    inner.write({ k: '2' });
    expect(read({ known: kept.known })).toMatchObject({ vanished: [], settled: true });
  });
});

describe('what has not changed', () => {
  /** Files that were read, by the operations that read them. */
  function inspected(known: Read['known'], whole = false): readonly string[] {
    const paths = new Set<string>();
    read({ known, whole }, '', (request) => {
      if (request.op === 'inspect' && /\d$/.test(request.path)) paths.add(request.path.slice(-1));
      return undefined;
    });
    return [...paths].sort();
  }

  test('is not read again but for what changed or is young, and whole when that is asked for', () => {
    for (const name of ['1', '2', '3']) write(at(name), name);
    expect(inspected(read().known)).toEqual(['1', '2', '3']);
    // The clock of the reader is ahead, as if time had passed.
    const later: Between = (request) =>
      request.op === 'time' ? { op: 'time', value: Date.now() + 10_000 } : undefined;
    const { known } = read({}, '', later);
    expect(inspected(known)).toEqual([]);
    expect(inspected(known, true)).toEqual(['1', '2', '3']);
    // Whatever its time of modification says.
    writeFileSync(at('2'), 'x');
    utimesSync(at('2'), 1, 1);
    expect(inspected(known)).toEqual(['2']);
  });

  test('is read again where the clock of its file system is not that of the machine', () => {
    write(at('1'), '1');
    const remote: Between = (request) => {
      if (request.op === 'time') return { op: 'time', value: Date.now() + 10_000 };
      return request.op === 'file-system' ? { op: 'file-system', value: 0x6969 } : undefined;
    };
    expect(inspected(read({}, '', remote).known)).toEqual(['1']);
  });
});

describe('limits', () => {
  test('a directory of which all is left out is neither listed nor watched', () => {
    write(at('cache/deep/x'), '');
    write(at('x'), '');
    for (const pattern of ['cache/**', 'cache/*', 'cache']) {
      const listed: string[] = [];
      const reading = read({}, pattern, (request) => {
        if (request.op === 'list') listed.push(request.path);
        return undefined;
      });
      expect(names(reading)).toEqual(['x']);
      expect(new Set(listed)).toEqual(new Set([at()]));
      expect([...reading.places.keys()]).not.toContain(at('cache'));
    }
    // A pattern that leaves out some of it is another thing.
    expect(names(read({}, 'cache/[!y]'))).toEqual(['cache/deep/x', 'x']);
  });

  test('are 10,000 directories, and no more names are kept of a listing', () => {
    mkdirSync(at());
    for (let index = 0; index < 10_000; index++) mkdirSync(at(`${index}`));
    expect(readAny()).toEqual({ status: 'too-large', tooLarge: 'directories' });
    let pieces = 0;
    const many = Array.from({ length: 1_000 }, (_, index) => `name ${index}`);
    const endless: Between = (request) => {
      if (request.op === 'list') return { op: 'list', value: { names: many, rest: 1 } };
      if (request.op === 'list-end') return { op: 'list-end', value: undefined };
      if (request.op !== 'list-rest') return undefined;
      pieces += 1;
      return { op: 'list-rest', value: { names: many, rest: 1 } };
    };
    expect(readAny({}, '', endless)).toEqual({ status: 'too-large', tooLarge: 'files' });
    expect(pieces).toBeLessThan(25);
  });
});
