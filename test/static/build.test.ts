import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test as plain, vi } from 'vitest';
import { patched } from '../../scripts/build/patches.ts';
import { build, CACHE, ROOT } from '../../scripts/build/product.ts';
import { engineSource } from '../../scripts/build/quickjs.ts';
import { NATIVE, programFlags, staticExecutable } from '../../scripts/build/static.ts';
import { HOST_STANDARD } from '../../scripts/build/toolchain.ts';
import { STATIC_HOST } from '../support/native.ts';
import { needing } from '../support/needing.ts';

/** How the static executable is made. */

const test = needing(STATIC_HOST);

const temporary = mkdtempSync(join(tmpdir(), 'rehup-build-'));
let directory = temporary;

beforeEach(() => {
  directory = mkdtempSync(join(temporary, 'test-'));
});

afterEach(() => vi.unstubAllEnvs());

afterAll(() => rmSync(temporary, { recursive: true }));

describe('the static executable', () => {
  test('is the same, byte for byte, when it is built elsewhere', async () => {
    vi.stubEnv('REHUP_QUICKJS_DIR', await engineSource(CACHE));
    const output = join(directory, 'rehup');
    const line = await build(
      staticExecutable({ output, cache: join(directory, 'cache') }),
      join(directory, 'cache'),
    );
    expect(line).toMatch(/: built in /);
    expect(readFileSync(output).equals(readFileSync(join(ROOT, 'dist/rehup')))).toBe(true);
  });

  test('needs no library and no loader, and is small', () => {
    const file = join(ROOT, 'dist/rehup');
    const { stdout } = spawnSync('readelf', ['--program-headers', file], { encoding: 'utf8' });
    expect(stdout).toContain('LOAD');
    expect(stdout).not.toMatch(/INTERP|DYNAMIC/);
    expect(readFileSync(file).length).toBeLessThanOrEqual(1_200_000);
  });

  test('has neither the parser nor the compiler of its engine in it', async () => {
    const bytes = readFileSync(join(ROOT, 'dist/rehup')).toString('latin1');
    const engine = readFileSync(join(await engineSource(CACHE), 'quickjs.c'), 'latin1');
    expect(bytes).toContain('stack overflow');
    for (const message of ['unexpected token in expression', 'missing initializer for const variable']) {
      expect(engine).toContain(message);
      expect(bytes).not.toContain(message);
    }
  });

  test('is not built of a program that calls the host when it is loaded', async () => {
    const entry = { source: 'native.now(); export function main() {}' };
    const product = staticExecutable({ entry, output: join(directory, 'rehup') });
    await expect(build(product, directory)).rejects.toThrow("ReferenceError: 'native' is not defined");
  });

  test('consists of C that its compiler has nothing to say about', async () => {
    const warnings = ['-Wall', '-Wextra', '-Wshadow', '-Wconversion', '-Wstrict-prototypes', '-Werror'];
    const flags = [
      ...HOST_STANDARD,
      ...warnings,
      '-O2',
      '-fsyntax-only',
      '-isystem',
      await engineSource(CACHE),
    ];
    const { stdout } = spawnSync('sh', ['-c', `ls ${NATIVE}/*.c ${NATIVE}/engine/*.c`], { encoding: 'utf8' });
    const program = programFlags({ kind: 'PROGRAM_BYTECODE', file: join(ROOT, 'package.json') });
    const { stderr, status } = spawnSync('gcc', [...flags, ...program, ...stdout.trim().split('\n')], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  });
});

describe('a machine that can not build it', () => {
  plain('is told which packages bring a compiler, and keeps no executable of other sources', async () => {
    const output = join(directory, 'rehup');
    writeFileSync(output, 'of other sources');
    vi.stubEnv('PATH', directory);
    vi.stubEnv('REHUP_TEST_ALL', '');
    const line = await build(staticExecutable({ output, cache: directory }), directory);
    expect(line).toBe(
      `${output}: left out: there is no C compiler for it: apt-get install -y musl-tools gcc xz-utils`,
    );
    expect(existsSync(output)).toBe(false);
  });

  plain('fails under REHUP_TEST_ALL=1', async () => {
    vi.stubEnv('PATH', directory);
    vi.stubEnv('REHUP_TEST_ALL', '1');
    const product = staticExecutable({ output: join(directory, 'rehup'), cache: directory });
    await expect(build(product, directory)).rejects.toThrow(
      /^REHUP_TEST_ALL=1 and .* can't be built: there is no C/,
    );
  });

  test('is told what is wrong with REHUP_QUICKJS_DIR', async () => {
    vi.stubEnv('REHUP_QUICKJS_DIR', directory);
    vi.stubEnv('REHUP_TEST_ALL', '');
    const line = await build(
      staticExecutable({ output: join(directory, 'rehup'), cache: directory }),
      directory,
    );
    expect(line).toMatch(
      /left out: its engine's source can't be had: REHUP_QUICKJS_DIR=.*: there is no quickjs\.c in it/,
    );
  });

  test('is told when apt can not bring the engine, and nothing is left of the attempt', async () => {
    // An apt-get that fails as one without network does; the compilers stay.
    const bin = join(directory, 'bin');
    mkdirSync(bin);
    for (const name of [
      'musl-gcc',
      'gcc',
      'x86_64-linux-gnu-gcc',
      'aarch64-linux-gnu-gcc',
      'as',
      'ld',
      'sh',
    ]) {
      const { stdout } = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' });
      if (stdout !== '') symlinkSync(stdout.trim(), join(bin, name));
    }
    writeFileSync(
      join(bin, 'apt-get'),
      '#!/bin/sh\necho "E: Could not resolve the archive" >&2\nexit 100\n',
      {
        mode: 0o755,
      },
    );
    vi.stubEnv('PATH', bin);
    vi.stubEnv('REHUP_TEST_ALL', '');
    const cache = join(directory, 'cache');
    const line = await build(staticExecutable({ output: join(directory, 'rehup'), cache }), cache);
    expect(line).toMatch(/left out: its engine's source can't be had: E: Could not resolve the archive$/);
    expect(readdirSync(cache).filter((name) => name.startsWith('quickjs'))).toEqual([]);
  });

  test('takes no archive but the one that is meant', async () => {
    writeFileSync(join(directory, 'quickjs_2025.04.26.orig.tar.xz'), 'another');
    await expect(engineSource(directory)).rejects.toThrow(/has SHA-256 [0-9a-f]{64} instead of ec81da5b/);
  });

  plain('changes nothing of a source that is another than the one that its changes are for', () => {
    const patch = { file: 'quickjs.c', before: 'int a;\n', insert: 'int b;\n' };
    expect(patched('int a;\nint c;\n', patch)).toBe('int b;\nint a;\nint c;\n');
    for (const [source, times] of [
      ['int c;\n', 0],
      ['int a;\nint a;\n', 2],
    ] as const)
      expect(() => patched(source, patch)).toThrow(`is there ${times} times`);
  });
});
