import { execFile } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import manifest from '../../package.json' with { type: 'json' };
import { passing, ROOT } from '../build/product.ts';
import type { Executable, Facts } from './facts.ts';

const run = promisify(execFile);

/** Texts of a package, by the names of their files. */
type Papers = Readonly<Record<string, string>>;

/** The package of a platform's static executable, which the launcher looks for. */
export function platformPackage({ node }: Pick<Executable, 'node'>): string {
  return `${manifest.name}-linux-${node}`;
}

/**
 * Makes the npm packages: that with the launcher and the bundle for Node, and one for each platform with its static
 * executable, which the first one takes if it can. Answers the names of their files.
 */
export async function npmPackages(
  folder: string,
  executables: readonly Executable[],
  facts: Facts,
  papers: { readonly launcher: Papers; readonly platforms: ReadonlyMap<Executable['architecture'], Papers> },
): Promise<readonly string[]> {
  const { devDependencies: _, scripts: __, workspaces: ___, ...published } = manifest;
  const common = {
    version: facts.version,
    license: facts.license,
    homepage: facts.repository,
    repository: { type: 'git', url: `git+${facts.repository}.git` },
    bugs: `${facts.repository}/issues`,
    author: facts.maintainer,
  };
  const optional = executables.map((executable) => [platformPackage(executable), facts.version]);
  const launcher = {
    ...published,
    ...common,
    files: ['bin', 'lib', ...Object.keys(papers.launcher)],
    // Where the executable of the platform is there, any Node that can hand over to it will do.
    engines: { node: '>=22.15' },
    optionalDependencies: Object.fromEntries(optional),
  };
  const names = [
    await packed(folder, launcher, papers.launcher, {
      'bin/rehup': path.join(ROOT, 'bin/rehup'),
      'lib/rehup.cjs': path.join(ROOT, 'lib/rehup.cjs'),
      'lib/controller.cjs': path.join(ROOT, 'lib/controller.cjs'),
    }),
  ];
  for (const executable of executables) {
    const own = papers.platforms.get(executable.architecture) ?? {};
    const platform = {
      name: platformPackage(executable),
      description: `The static executable of ${manifest.name} for ${executable.node}`,
      ...common,
      os: ['linux'],
      cpu: [executable.node],
      files: ['rehup', ...Object.keys(own)],
    };
    names.push(await packed(folder, platform, own, { rehup: executable.file }));
  }
  return names;
}

async function packed(
  folder: string,
  described: { readonly name: string; readonly version: string },
  papers: Papers,
  programs: Readonly<Record<string, string>>,
): Promise<string> {
  await passing(path.join(folder, `${described.name}.d`), async (root) => {
    mkdirSync(root);
    for (const [name, text] of Object.entries(papers)) writeFileSync(path.join(root, name), text);
    for (const [name, file] of Object.entries(programs)) {
      mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
      copyFileSync(file, path.join(root, name));
      chmodSync(path.join(root, name), name.startsWith('lib/') ? 0o644 : 0o755);
    }
    writeFileSync(path.join(root, 'package.json'), `${JSON.stringify(described, undefined, 2)}\n`);
    await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root });
  });
  return `${described.name}-${described.version}.tgz`;
}

/** The README as it is shown where the repository is not: its links lead to the sources of this version. */
export function readmeOf({ repository, version }: Facts): string {
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  return readme.replaceAll(/\]\((?!https?:|#)([^)]+)\)/g, `](${repository}/blob/v${version}/$1)`);
}
