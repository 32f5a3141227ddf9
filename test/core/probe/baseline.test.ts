import { readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { FileRequest } from '../../../src/core/files/files.ts';
import type { Volume } from '../../support/kubelet.ts';
import { type Life, type ProbeOptions, probed } from '../../support/lives.ts';
import { eachWithDirectory, writtenVolume } from '../../support/volume.ts';

/** Specification 7, `rehup probe`: whose baseline it is, where it lies, and where none can be kept. */

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

describe('whose baseline it is', () => {
  test.each<readonly [string, Life]>([
    ['the container was started again', { made: 'made anew' }],
    ['it is another container', { namespace: 2 }],
    ['the machine was started again', { boot: 'another' }],
  ])('%s: a baseline of its own, in the same directory', (_, life) => {
    probe();
    volume.write({ a: '2' });
    expect(probe(life)).toMatchObject(TAKEN());
    expect(probe(life)).toMatchObject(SAME);
  });

  test('two containers with one directory have one each', () => {
    probe({ namespace: 1 });
    volume.write({ a: '2' });
    probe({ namespace: 2 });
    expect(probe({ namespace: 1 })?.code).toBe(1);
    expect(probe({ namespace: 2 })).toMatchObject(SAME);
  });

  test('where /dev/fd is not made anew, the oldest process of the same control group tells', () => {
    const stat = (pid: number, started: number) => `${pid} (a b) c) S 0 1 1 ${'0 '.repeat(15)}${started} 0`;
    const processes = (started: number): Life => ({
      made: false,
      proc: {
        '/proc/self/cgroup': '0::/\n',
        '/proc/1/stat': stat(1, 5),
        '/proc/1/cgroup': '0::/../pause\n',
        '/proc/7/stat': stat(7, started),
        '/proc/7/cgroup': '0::/\n',
        '/proc/9/stat': stat(9, started + 100),
        '/proc/9/cgroup': '0::/\n',
      },
    });
    expect(probe(processes(100))).toMatchObject(TAKEN());
    volume.write({ a: '2' });
    expect(probe(processes(100))?.code).toBe(1);
    expect(probe(processes(300))).toMatchObject(TAKEN());
  });

  test('keyed and 0600: the digest of a short secret is not in it', () => {
    probe();
    const [name = '', ...others] = readdirSync(state());
    expect(others).toEqual([]);
    expect(statSync(join(state(), name)).mode & 0o777).toBe(0o600);
    const text = readFileSync(join(state(), name), 'utf8');
    // SHA-256 of "1".
    expect(text).not.toContain('6b86b273ff34fce19d6b804eff5a3f57');
    expect(text).toMatch(/"key":"[0-9a-f]{64}"/);
  });

  test('lives leave no end of files', () => {
    probe();
    const name = (boot: string, life: number) => `rehup-${boot}-${`${life}`.padStart(32, '0')}.baseline`;
    const boot = /^rehup-(\w{8})-/.exec(readdirSync(state())[0] ?? '')?.[1] ?? '';
    for (let life = 0; life < 1_010; life++) writeFileSync(join(state(), name(boot, life)), '');
    writeFileSync(join(state(), name('01234567', 1)), '');
    writeFileSync(join(state(), 'of somebody else'), '');
    probe({ made: 'again' });
    const left = readdirSync(state());
    expect(left).toHaveLength(1_001);
    expect(left).toContain('of somebody else');
    expect(left).not.toContain(name('01234567', 1));
    expect(probe({ made: 'again' })).toMatchObject(SAME);
  });
});

describe('a directory that takes no baseline', () => {
  const failing = (op: FileRequest['op'], errno: string) => (request: FileRequest) =>
    request.op === op && !('path' in request && request.path.startsWith('/proc'))
      ? ({ op: 'error', errno } as const)
      : undefined;

  test.each([
    ['read-only', failing('create', 'EROFS'), 'EROFS'],
    ['of somebody else', failing('create', 'EACCES'), 'EACCES'],
    ['full', failing('write', 'ENOSPC'), 'ENOSPC'],
  ])('%s: it says so at every run, and to the log', (_, between, errno) => {
    const log: string[] = [];
    const line = expect.stringMatching(`no baseline can be written: \\S+ \\(${errno}\\); .*--state$`);
    for (let run = 1; run <= 2; run++) {
      expect(probe({ between }, { log })).toMatchObject({ code: 0, line });
      expect(log).toHaveLength(run);
    }
    volume.write({ a: '2' });
    expect(probe({ between })?.code).toBe(0);
  });

  test('a baseline that is there is read, though nothing can be written any more', () => {
    probe();
    volume.write({ a: '2' });
    expect(probe({ between: failing('create', 'EROFS') })?.code).toBe(1);
    // A change that can't be noted is told at once: it would never be told else.
    expect(probe({ between: failing('create', 'EROFS') }, { splay: 60_000 })?.code).toBe(1);
  });

  test('what is no baseline of this user is none', () => {
    probe();
    const [name = ''] = readdirSync(state());
    writeFileSync(join(state(), name), '{}');
    expect(probe()).toMatchObject(TAKEN());
    writeFileSync(join(state(), name), 'x'.repeat(10_000));
    expect(probe()).toMatchObject(TAKEN());
    rmSync(join(state(), name));
    symlinkSync('/etc/passwd', join(state(), name));
    expect(probe()).toMatchObject(TAKEN());
    expect(probe()).toMatchObject(SAME);
  });

  test('a probe that is killed at any of its steps leaves a baseline or none, and no later one is wrong', () => {
    for (let steps = 0; ; steps++) {
      rmSync(state(), { recursive: true, force: true });
      volume.write({ a: '1', b: '1', c: '1' });
      let count = 0;
      const killed = () => {
        if (count++ === steps) throw new Error('killed');
        return undefined;
      };
      let whole = true;
      try {
        probe({ between: killed });
      } catch {
        whole = false;
      }
      expect([TAKEN().line, SAME.line]).toContain(probe()?.line);
      volume.write({ a: '2' });
      expect(probe()?.code).toBe(1);
      if (whole) break;
    }
  });
});
