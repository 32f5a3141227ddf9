import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commit } from '../scripts/build/commit.ts';
import { ROOT } from '../scripts/build/product.ts';
import { release } from '../scripts/release.ts';
import { versionText } from '../src/cli/version.ts';
import { blocks, README } from './support/documents.ts';

/** What is released beside the executables, and what they say of themselves. */

const directory = mkdtempSync(join(tmpdir(), 'rehup-release-'));

afterAll(() => rmSync(directory, { recursive: true }));

describe('npm run release', () => {
  let files: readonly string[] = [];
  const inFolder = (name: string) => join(directory, 'dist', name);
  const text = (name: string) => readFileSync(inFolder(name), 'utf8');

  beforeAll(async () => {
    mkdirSync(join(directory, 'dist'));
    // What they are does not matter here: they are only summed.
    writeFileSync(inFolder('rehup'), 'static');
    writeFileSync(inFolder('rehup-node'), 'with Node');
    files = await release(join(directory, 'dist'));
  });

  test('makes the package, a bill of materials of each edition, and the sums of all', () => {
    const { version }: { version: string } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const bills = ['rehup.cdx.json', 'rehup-node.cdx.json'];
    expect(files).toEqual(['rehup', 'rehup-node', `rehup-${version}.tgz`, ...bills, 'SHA256SUMS']);
    const told = execFileSync('sha256sum', ['--check', 'SHA256SUMS'], {
      cwd: join(directory, 'dist'),
      encoding: 'utf8',
    });
    expect(told.trim().split('\n')).toEqual(files.slice(0, -1).map((name) => `${name}: OK`));
  });

  test('is verified as the README says, by who has one file of it', () => {
    const line = blocks(README, 'sh').find((text) => text.startsWith('sha256sum ')) ?? '';
    const folder = join(directory, 'fetched');
    mkdirSync(folder);
    cpSync(inFolder('SHA256SUMS'), join(folder, 'SHA256SUMS'));
    cpSync(inFolder('rehup'), join(folder, 'rehup'));
    const verified = () => spawnSync('sh', ['-c', line], { cwd: folder, encoding: 'utf8' });
    expect(verified()).toMatchObject({ status: 0, stdout: 'rehup: OK\n' });
    writeFileSync(join(folder, 'rehup'), 'another');
    expect(verified().status).not.toBe(0);
  });

  test('names what is in each edition, in a form that the schema of CycloneDX allows', async () => {
    for (const name of ['rehup.cdx.json', 'rehup-node.cdx.json']) {
      expect(await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text(name))).toBeNull();
    }
    const components = (name: string): readonly { name: string; version: string; hashes?: unknown }[] =>
      JSON.parse(text(name)).components;
    const inStatic = components('rehup.cdx.json').map((component) => component.name);
    expect(inStatic).toEqual(['commander', 'quickjs', expect.stringMatching(/^(musl|glibc)$/)]);
    const told = README.slice(README.indexOf('**What is in it:**')).toLowerCase();
    for (const name of inStatic) expect(told).toContain(name);
    const [engine] = components('rehup.cdx.json').filter((component) => component.name === 'quickjs');
    expect(engine?.hashes).toEqual([{ alg: 'SHA-256', content: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
    const inNode = components('rehup-node.cdx.json');
    expect(inNode.map((component) => component.name)).toEqual(
      expect.arrayContaining(['chokidar', 'commander', 'pino', 'node']),
    );
    expect(inNode.find((component) => component.name === 'node')?.version).toBe(process.versions.node);
    expect(inNode.map((component) => component.name)).not.toContain('vitest');
  });

  test('gives the same bytes again', async () => {
    const sums = text('SHA256SUMS');
    await release(join(directory, 'dist'));
    expect(text('SHA256SUMS')).toBe(sums);
  });
});

describe('the version', () => {
  test('names the host, and the commit where it is known', () => {
    expect(versionText('0.1.0', 'static', '1a2b3c4')).toBe('rehup 0.1.0 (static, 1a2b3c4)');
    expect(versionText('0.1.0', 'node', '')).toBe('rehup 0.1.0 (node)');
  });

  test('has the commit of its own repository, and whether the tree is as that says', async () => {
    const root = join(directory, 'repository');
    mkdirSync(join(root, 'below'), { recursive: true });
    expect(await commit(root)).toBe('');
    const git = (...words: readonly string[]) =>
      execFileSync('git', ['-C', root, '-c', 'user.name=a', '-c', 'user.email=a@b', ...words], {
        encoding: 'utf8',
      });
    git('init', '--quiet');
    writeFileSync(join(root, 'file'), 'one');
    git('add', 'file');
    git('commit', '--quiet', '--message', 'one');
    const [full = ''] = git('rev-parse', 'HEAD').split('\n');
    expect(await commit(root)).toBe(full.slice(0, 7));
    // An unpacked archive in somebody's repository is not at a commit of that.
    expect(await commit(join(root, 'below'))).toBe('');
    writeFileSync(join(root, 'file'), 'two');
    expect(await commit(root)).toBe(`${full.slice(0, 7)}-dirty`);
  });
});
