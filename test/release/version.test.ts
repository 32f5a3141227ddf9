import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { commit } from '../../scripts/build/commit.ts';
import { ROOT } from '../../scripts/build/product.ts';
import { VERSIONED, withVersions } from '../../scripts/release/deployment.ts';
import { closed, withVersion } from '../../scripts/release/version.ts';
import { versionText } from '../../src/cli/version.ts';

/** What the executables say of themselves. */

const directory = mkdtempSync(join(tmpdir(), 'rehup-release-'));

afterAll(() => rmSync(directory, { recursive: true }));

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

  test('is set by one command, in package.json, its lock and the changes, and in nobody else’s', () => {
    const { version }: { version: string } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const name of ['package.json', 'package-lock.json']) {
      const text = readFileSync(join(ROOT, name), 'utf8');
      const before = JSON.parse(text);
      const root = before.packages === undefined ? {} : { '': { ...before.packages[''], version: '7.8.9' } };
      const packages = before.packages === undefined ? {} : { packages: { ...before.packages, ...root } };
      expect(before.version).toBe(version);
      expect(JSON.parse(withVersion(text, '7.8.9'))).toEqual({ ...before, version: '7.8.9', ...packages });
    }
    const changes = '# Changes\n\n## 0.2.0, not released yet\n\n- new\n\n## 0.1.0, 2026-01-01\n';
    expect(closed(changes, '0.3.0', '2026-02-03')).toBe(
      '# Changes\n\n## 0.3.0, 2026-02-03\n\n- new\n\n## 0.1.0, 2026-01-01\n',
    );
    expect(() => closed('# Changes\n\n## 0.1.0, 2026-01-01\n', '0.2.0', '')).toThrow('no section');
  });

  test('stands in the chart and in the kustomization as it is in package.json', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      readonly version: string;
    };
    for (const [file, lines] of VERSIONED) {
      const text = readFileSync(join(ROOT, file), 'utf8');
      expect(withVersions(text, lines, version)).toBe(text);
      const other = withVersions(text, lines, '9.8.7');
      expect(other.match(/9\.8\.7/g)).toHaveLength(lines.length);
    }
    expect(() => withVersions('', [/^(version: )()()$/m], version)).toThrow('no line is');
  });
});
