import { mkdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { FileRequest } from '../../../src/core/files/files.ts';
import { verdictOf } from '../../../src/core/probe/probe.ts';
import { bytesOfText } from '../../../src/core/text/bytes.ts';
import { inPieces } from '../../support/driver.ts';
import type { Volume } from '../../support/kubelet.ts';
import { type Life, type ProbeOptions, probed } from '../../support/lives.ts';
import { eachWithDirectory, writtenVolume } from '../../support/volume.ts';

/** Specification 7, `rehup probe`: one look against the baseline of this container's life. */

const directory = eachWithDirectory();
const at = (name: string) => join(directory.path, name);

let volume: Volume;
beforeEach(() => {
  volume = writtenVolume(at('volume'), { a: '1', b: '1', c: '1' });
});

const state = () => at('state');
const probe = (life: Life = {}, options: ProbeOptions = {}) =>
  probed([volume.path], life, { state: state(), ...options });

const TAKEN = () => ({ code: 0, line: `baseline taken: ${volume.path}` });
const SAME = { code: 0, line: 'unchanged' };
const changed = (...names: readonly string[]) => ({
  code: 1,
  line: `changed: ${names.map((name) => join(volume.path, name)).join(', ')}`,
});

describe('what it tells', () => {
  test('first run, same, changed, changed back', () => {
    expect(probe()).toMatchObject(TAKEN());
    expect(probe()).toMatchObject(SAME);
    volume.rewrite({ a: '1', b: '1', c: '1' });
    expect(probe()).toMatchObject(SAME);
    volume.write({ a: '1', b: '2', c: '1' });
    expect(probe()).toMatchObject(changed('b'));
    expect(probe()).toMatchObject(changed('b'));
    volume.write({ a: '1', b: '1', c: '1' });
    expect(probe()).toMatchObject(SAME);
  });

  test('keys that were added and removed are changes', () => {
    probe();
    volume.write({ a: '1', b: '1', c: '1', d: '' });
    expect(probe()).toMatchObject(changed('d'));
    volume.write({ a: '1', c: '1' });
    expect(probe()).toMatchObject(changed('b'));
  });

  test('of many paths three are named', () => {
    probe();
    volume.write({ a: '2', b: '2', c: '2', d: '2', e: '2' });
    expect(probe()?.line).toMatch(/a, \S+b, \S+c and 2 more$/);
  });

  test('what is ignored does not count, and another probe has a baseline of its own', () => {
    expect(probe({}, { ignored: ['b'] })).toMatchObject(TAKEN());
    expect(probe()).toMatchObject(TAKEN());
    volume.write({ a: '1', b: '2', c: '1' });
    expect(probe({}, { ignored: ['b'] })).toMatchObject(SAME);
    expect(probe()).toMatchObject(changed('b'));
  });

  test.each([
    ['a file that is gone', () => [join(volume.path, 'b')], () => volume.write({ a: '1', c: '1' })],
    ['a volume that lost all its files', () => [volume.path], () => volume.write({})],
    ['a volume that was torn down', () => [volume.path], () => volume.tearDown()],
    ['a directory that is gone', () => [volume.path], () => rmSync(volume.path, { recursive: true })],
  ])('%s can not be told, is said once to the log, and counts again when it is back', (_, watches, lose) => {
    const log: string[] = [];
    const look = () => probed(watches(), {}, { state: state(), log });
    expect(look()?.line).toMatch(/^baseline taken/);
    lose();
    const lost = {
      code: 0,
      line: expect.stringMatching(/^can't tell: .* is not there, or empty; its last state counts$/),
    };
    expect(look()).toMatchObject(lost);
    expect(look()).toMatchObject(lost);
    expect(log).toEqual([expect.stringMatching(/^rehup probe: .* is not there/)]);
    volume = writtenVolume(volume.path, { a: '1', b: '1', c: '1' });
    expect(look()).toMatchObject(SAME);
    volume.write({ a: '1', b: '2', c: '1' });
    expect(look()?.code).toBe(1);
  });

  test('names that are no ASCII are told as text, and said once', () => {
    const log: string[] = [];
    const path = at('größe');
    mkdirSync(path);
    writeFileSync(join(path, 'ключ'), '1');
    const look = () => probed([bytesOfText(path)], {}, { state: state(), log });
    look();
    writeFileSync(join(path, 'ключ'), '2');
    expect(look()?.line).toBe(`changed: ${path}/ключ`);
    rmSync(path, { recursive: true });
    expect(look()?.line).toContain('größe is not there');
    look();
    expect(log).toEqual([expect.stringContaining(`${bytesOfText('größe')} is not there`)]);
  });

  test('an emptied volume is a change with --allow-empty', () => {
    probe({}, { allowEmpty: true });
    volume.write({});
    expect(probe({}, { allowEmpty: true })?.code).toBe(1);
  });

  test('what was not there yet is a change when it appears', () => {
    const watches = [at('optional/key')];
    mkdirSync(at('optional'));
    const look = () => probed(watches, {}, { state: state() });
    expect(look()?.line).toMatch(/^baseline taken/);
    expect(look()).toMatchObject(SAME);
    writeFileSync(at('optional/key'), '1');
    expect(look()?.code).toBe(1);
  });

  test('unreadable is never a change, and what else was read that differs is one', () => {
    const other = writtenVolume(at('other'), { x: '1' });
    const refused = (request: FileRequest) =>
      'path' in request && request.path.endsWith('/b') && request.op === 'inspect'
        ? ({ op: 'error', errno: 'EACCES' } as const)
        : inPieces(request);
    const look = (life: Life) => probed([volume.path, other.path], life, { state: state() });
    look({});
    volume.write({ a: '1', b: '2', c: '1' });
    const unreadable = look({ between: refused });
    expect(unreadable).toMatchObject({
      code: 0,
      line: expect.stringContaining(`${volume.path}/b can't be read (EACCES)`),
    });
    other.write({ x: '2' });
    expect(look({ between: refused })).toMatchObject({
      code: 1,
      line: `changed: ${other.path}/x`,
      untold: expect.stringContaining('EACCES'),
    });
  });

  test('a watch that was unreadable first gets its baseline when it is read first', () => {
    const refused = (request: FileRequest) =>
      request.op === 'inspect' ? ({ op: 'error', errno: 'EACCES' } as const) : inPieces(request);
    expect(probe({ between: refused })?.line).toMatch(/^can't tell: .*EACCES/);
    volume.write({ a: '2' });
    expect(probe()).toMatchObject(TAKEN());
    volume.write({ a: '3' });
    expect(probe()?.code).toBe(1);
  });

  test('a writer at work is given time, and what it leaves counts', () => {
    probe();
    symlinkSync('..data/b', join(volume.path, 'extra'));
    volume.rewrite({ a: '2', b: '1', c: '1' });
    symlinkSync('..data/nothing', join(volume.path, 'dangling'));
    expect(probe({}, { last: false })).toBeUndefined();
    unlinkSync(join(volume.path, 'dangling'));
    expect(probe()?.code).toBe(1);
  });

  test('a clock that is set back tells nothing and hides nothing', () => {
    probe({ wall: Date.now() });
    volume.write({ a: '1', b: '2', c: '1' });
    expect(probe({ wall: 0 })).toMatchObject(changed('b'));
  });

  test('with --splay a change is told after the part of this host, by no clock that anybody sets', () => {
    const options = { splay: 60_000 };
    probe({ uptime: 100 }, options);
    volume.write({ a: '2' });
    const first = probe({ uptime: 200 }, options);
    const wait = Number(/told in (\d+) s/.exec(first?.line ?? '')?.[1]);
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(60);
    expect(first?.code).toBe(0);
    expect(probe({ uptime: 199 + wait - 1, wall: 0 }, options)?.code).toBe(0);
    expect(probe({ uptime: 200 + wait }, options)?.code).toBe(1);
    // Back to the baseline, and away again: the wait begins anew.
    volume.write({ a: '1', b: '1', c: '1' });
    expect(probe({ uptime: 300 }, options)).toMatchObject(SAME);
    volume.write({ a: '3' });
    expect(probe({ uptime: 301 }, options)?.code).toBe(0);
    const others = ['pod-1', 'pod-2', 'pod-3'].map((host) => {
      const own = { state: at(host), ...options };
      probed([volume.path], { host }, own);
      volume.rewrite({ a: `${host}` });
      return probed([volume.path], { host, uptime: 500 }, own)?.line.replace(/.*told/, '');
    });
    expect(new Set(others).size).toBe(3);
  });
});

test('the verdict is 1 only where something differs', () => {
  expect(verdictOf([{ kind: 'same' }, { kind: 'unknown', reason: 'r' }], 0)).toEqual({
    code: 0,
    line: "can't tell: r",
    untold: 'r',
  });
  expect(
    verdictOf(
      [
        { kind: 'changed', paths: ['/p'] },
        { kind: 'unknown', reason: 'r' },
      ],
      0,
    ).code,
  ).toBe(1);
});
