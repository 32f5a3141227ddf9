import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { build, ROOT } from '../../scripts/build/product.ts';
import { packageBundle } from '../../scripts/build.ts';
import { executablesIn, factsOf } from '../../scripts/release/facts.ts';
import { npmPackages, readmeOf } from '../../scripts/release/packages.ts';
import type { Capability } from '../support/machine.ts';
import { needing } from '../support/needing.ts';

/** The npm packages of a release, installed into a folder that knows nothing of this one. */

const STATIC: Capability = {
  prefix: existsSync(join(ROOT, 'dist/rehup')) ? [] : undefined,
  remedy: 'a C compiler for the static executable (apt-get install -y musl-tools gcc xz-utils)',
};

const test = needing(STATIC);

const directory = mkdtempSync(join(tmpdir(), 'rehup-packages-'));
const VERSION: string = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version;
const at = (name: string) => join(directory, name);
let files: readonly string[] = [];

beforeAll(async () => {
  if (STATIC.prefix === undefined) return;
  await build(packageBundle());
  const facts = await factsOf({ REHUP_REPOSITORY: 'https://example.org/somebody/rehup/' });
  const papers = { 'README.md': readmeOf(facts), LICENSE: 'of all' };
  const executables = executablesIn(join(ROOT, 'dist'), facts);
  files = await npmPackages(directory, executables, facts, { launcher: papers, platforms: new Map() });
});

afterAll(() => rmSync(directory, { recursive: true }));

describe('the npm packages', () => {
  const environment = { PATH: `${dirname(process.execPath)}:${process.env['PATH']}` };

  /** Installs packages into an empty folder without a network, and tells what `rehup` that brings. */
  function installed(...names: readonly string[]) {
    const folder = mkdtempSync(join(directory, 'npm-'));
    writeFileSync(join(folder, 'package.json'), '{}');
    const options = ['--offline', '--no-audit', '--no-fund', '--ignore-scripts'];
    execFileSync('npm', ['install', ...options, ...names.map(at)], { cwd: folder, env: environment });
    return (...words: readonly string[]) => {
      const program = join(folder, 'node_modules/.bin/rehup');
      const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8', env: environment });
      return { status, stdout, stderr };
    };
  }

  test('run the static executable of the platform, and Node only where there is none', () => {
    const platform = `rehup-linux-${process.arch}-${VERSION}.tgz`;
    const quick = installed(`rehup-${VERSION}.tgz`, platform);
    expect(quick('--version').stdout).toContain(`rehup ${VERSION} (static`);
    const words = [
      '--log-level',
      'silent',
      'sh',
      '-c',
      'printf "%s|" "$@"; exit 3',
      'sh',
      'a b',
      '',
      '--watch',
    ];
    expect(quick(...words)).toEqual({ status: 3, stdout: 'a b||--watch|', stderr: '' });
    const slow = installed(`rehup-${VERSION}.tgz`);
    expect(slow('--version').stdout).toContain(`rehup ${VERSION} (node`);
  });

  test('have the fields that a release fills, and links that lead somewhere', () => {
    const folder = mkdtempSync(join(directory, 'unpacked-'));
    expect(files).toContain(`rehup-${VERSION}.tgz`);
    execFileSync('tar', ['-xf', at(`rehup-${VERSION}.tgz`), '-C', folder]);
    const manifest = JSON.parse(readFileSync(join(folder, 'package/package.json'), 'utf8'));
    expect(manifest).toMatchObject({
      homepage: 'https://example.org/somebody/rehup',
      repository: { url: 'git+https://example.org/somebody/rehup.git' },
      bugs: 'https://example.org/somebody/rehup/issues',
      author: expect.stringMatching(/<.*@.*>/),
      license: 'Apache-2.0',
    });
    expect(manifest).not.toHaveProperty('devDependencies');
    const readme = readFileSync(join(folder, 'package/README.md'), 'utf8');
    expect(readme).toContain(`](https://example.org/somebody/rehup/blob/v${VERSION}/examples/inject)`);
    const relative = [...readme.matchAll(/\]\(([^)]*)\)/g)].flatMap(([, link = '']) =>
      /^(https?:|#)/.test(link) ? [] : [link],
    );
    expect(relative).toEqual([]);
    expect(readdirSync(join(folder, 'package')).sort()).toEqual([
      'LICENSE',
      'README.md',
      'bin',
      'lib',
      'package.json',
    ]);
  });
});
