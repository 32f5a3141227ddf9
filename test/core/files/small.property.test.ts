import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readWatches } from '../../../src/core/files/reading.ts';
import { drive, inPieces } from '../../support/driver.ts';
import { ignoring } from '../../support/glob.ts';
import { createVolume, type Payload } from '../../support/kubelet.ts';
import { readOne } from '../../support/reading.ts';

/** A volume that is read in one request is what it is piece by piece, whatever lies in it. */

const RUNS = process.env['REHUP_SOAK'] === '1' ? 5_000 : 150;

const NAMES = ['a', 'b.conf', '.env', '..own', 'lost+found', 'token', 'ca.crt', 'namespace', 'ö'] as const;
const KINDS = ['empty', 'text', 'large', 'directory', 'link', 'fifo', 'hidden', 'unreadable'] as const;

const entries = fc.dictionary(fc.constantFrom(...NAMES), fc.constantFrom(...KINDS), { maxKeys: 5 });
/** What else is visible: a file of somebody else's, a link to a key that is gone. */
const besides = fc.subarray(['file', 'stale'] as const);
const ignored = fc.subarray(['a', '*.conf']);

const TEXTS: Readonly<Record<string, string>> = { empty: '', large: 'x'.repeat(40_000) };

/** A generation with all that was asked for, written as a kubelet's would be. */
function make(path: string, kinds: Readonly<Record<string, (typeof KINDS)[number]>>): void {
  const generation = join(path, '..2026_11_27_00_00_00.1');
  mkdirSync(generation);
  for (const [name, kind] of Object.entries(kinds)) {
    const inside = join(generation, name);
    if (kind === 'directory') {
      mkdirSync(inside);
      writeFileSync(join(inside, 'deep'), 'deep');
    } else if (kind === 'link') symlinkSync('/etc/hostname', inside);
    else if (kind === 'fifo') execFileSync('mkfifo', [inside]);
    else writeFileSync(inside, TEXTS[kind] ?? `text of ${name}`);
    if (kind === 'unreadable') chmodSync(inside, 0);
    if (kind !== 'hidden' && !name.startsWith('..')) symlinkSync(`..data/${name}`, join(path, name));
  }
  symlinkSync('..2026_11_27_00_00_00.1', join(path, '..data'));
}

describe('a volume in one request', () => {
  test('is what it is piece by piece', () => {
    fc.assert(
      fc.property(entries, besides, ignored, (kinds, others, ignore) => {
        const path = mkdtempSync(join(tmpdir(), 'rehup-'));
        try {
          make(path, kinds);
          if (others.includes('file')) writeFileSync(join(path, 'other'), 'other');
          if (others.includes('stale')) symlinkSync('..data/gone', join(path, 'gone'));
          expect(readOne(path, { ignore })).toEqual(readOne(path, { ignore, between: inPieces }));
        } finally {
          rmSync(path, { recursive: true });
        }
      }),
      { numRuns: RUNS },
    );
  });

  test('takes four requests where it holds a few small files, and its content has changed', () => {
    const path = mkdtempSync(join(tmpdir(), 'rehup-'));
    const volume = createVolume(path);
    const content = (text: string): Payload => ({ a: text, b: '2', c: '3' });
    volume.write(content('one'));
    const first = readOne(path);
    if (first.status !== 'read') throw new Error('it is there');
    volume.write(content('two'));
    const asked: string[] = [];
    const request = { path, known: first.known, places: first.places };
    drive(readWatches([request], ignoring([])), ({ op }) => void asked.push(op));
    expect(asked).toEqual(['readlink', 'generation', 'readlink', 'digest-of']);
    rmSync(path, { recursive: true });
  });
});
