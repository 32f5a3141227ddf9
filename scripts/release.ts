/**
 * `npm run release`: beside the executables in dist/ the npm package, a bill of materials (CycloneDX) of each edition,
 * and SHA256SUMS of all of it. The same sources give the same files, but for dist/rehup-node.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import manifest from '../package.json' with { type: 'json' };
import { bundledPackages, neutral } from './build/neutral.ts';
import { CACHE, ROOT } from './build/product.ts';
import { SOURCE as ENGINE } from './build/quickjs.ts';
import { ENTRY as STATIC_ENTRY } from './build/static.ts';
import { arm64LibraryVersion } from './build/toolchain.ts';
import { broughtNode, FOR_NODE, ENTRY as NODE_ENTRY } from './build.ts';

const run = promisify(execFile);

type Component = { readonly [field: string]: unknown; readonly name: string; readonly version: string };

type Bill = {
  readonly [field: string]: unknown;
  readonly metadata: { readonly [field: string]: unknown; readonly component: Component };
  readonly components: readonly Component[];
};

/** What is in an edition beside the packages that esbuild took from node_modules. */
const engine: Component = {
  type: 'library',
  'bom-ref': `quickjs@${ENGINE.version}`,
  name: 'quickjs',
  version: ENGINE.version,
  description: 'the JavaScript engine, linked statically',
  purl: `pkg:deb/debian/${ENGINE.name}@${ENGINE.version}?arch=source&distro=${ENGINE.suite}`,
  licenses: [{ license: { id: 'MIT' } }],
  hashes: [{ alg: 'SHA-256', content: ENGINE.sha256 }],
};

async function node(): Promise<Component> {
  const { version } = await broughtNode();
  const purl = `pkg:generic/node@${version}`;
  return {
    type: 'platform',
    'bom-ref': `node@${version}`,
    name: 'node',
    version,
    description: 'the Node.js that runs it, packed with it',
    purl,
    licenses: [{ license: { id: 'MIT' } }],
  };
}

/** The C library that a static executable was linked with, by Debian's package; undefined if that is not from Debian. */
async function libc(name: string, from: string, license: string): Promise<Component | undefined> {
  try {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills it in.
    const { stdout: version } = await run('dpkg-query', ['-W', '-f', '${Version}', from]);
    return library(name, from, version, license);
  } catch {
    return undefined;
  }
}

function library(name: string, from: string, version: string, license: string): Component {
  return {
    type: 'library',
    'bom-ref': `${name}@${version}`,
    name,
    version,
    description: 'the C library, linked statically',
    purl: `pkg:deb/debian/${from}@${version}`,
    licenses: [{ license: { id: license } }],
  };
}

/** All packages that npm installed here, as the tool of CycloneDX for npm tells them. */
async function installed(): Promise<Bill> {
  const tool = path.join(ROOT, 'node_modules/.bin/cyclonedx-npm');
  const words = ['--flatten-components', '--output-reproducible', '--output-format', 'JSON'];
  const { stdout } = await run(tool, words, { cwd: ROOT, maxBuffer: 64 * 1024 ** 2 });
  return JSON.parse(stdout) as Bill;
}

/** The bill of an edition: of what is installed that which is in it. */
function billOf(
  all: Bill,
  file: string,
  names: readonly string[],
  more: readonly Component[],
): { readonly file: string; readonly text: string } {
  const fullName = ({ group, name }: Component) => (typeof group === 'string' ? `${group}/${name}` : name);
  const packages = names.map((name) => {
    const found = all.components.find((component) => fullName(component) === name);
    if (found === undefined) throw new Error(`${name} is in ${file} and cyclonedx-npm does not know it`);
    return found;
  });
  // Nothing is of development only that ends up in what is shipped.
  const components = [...packages.map(shipped), ...more];
  const root = all.metadata.component;
  const dependencies = [
    { ref: root['bom-ref'], dependsOn: components.map((component) => component['bom-ref']).sort() },
  ];
  const metadata = { ...all.metadata, component: { ...root, type: 'application' } };
  return { file, text: `${JSON.stringify({ ...all, metadata, components, dependencies }, undefined, 2)}\n` };
}

function shipped({
  scope: _,
  properties: __,
  ...component
}: Component & { scope?: unknown; properties?: unknown }) {
  return { ...component, scope: 'required' } as Component;
}

/** Makes everything that is released beside the executables that were built. */
export async function release(folder: string): Promise<readonly string[]> {
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) {
    if (/\.(tgz|cdx\.json)$|^SHA256SUMS$/.test(name)) await rm(path.join(folder, name));
  }
  await run('npm', ['pack', '--pack-destination', folder], { cwd: ROOT });
  const all = await installed();
  const inStatic = await bundledPackages(STATIC_ENTRY, neutral());
  const inNode = await bundledPackages({ file: NODE_ENTRY }, FOR_NODE);
  const own =
    (await libc('musl', 'musl-dev', 'MIT')) ?? (await libc('glibc', 'libc6-dev', 'LGPL-2.1-or-later'));
  const armVersion = await arm64LibraryVersion(CACHE);
  const arm = armVersion === undefined ? undefined : library('musl', 'musl-dev', armVersion, 'MIT');
  const bills = [
    billOf(all, 'rehup.cdx.json', inStatic, [engine, ...(own === undefined ? [] : [own])]),
    billOf(all, 'rehup-arm64.cdx.json', inStatic, [engine, ...(arm === undefined ? [] : [arm])]),
    billOf(all, 'rehup-node.cdx.json', inNode, [await node()]),
  ].filter(({ file }) => existsSync(path.join(folder, file.replace('.cdx.json', ''))));
  for (const { file, text } of bills) await writeFile(path.join(folder, file), text);
  const executables = ['rehup', 'rehup-arm64', 'rehup-node'].filter((name) =>
    existsSync(path.join(folder, name)),
  );
  const files = [...executables, `rehup-${manifest.version}.tgz`, ...bills.map(({ file }) => file)];
  const sums: string[] = [];
  for (const name of files) {
    const hash = createHash('sha256').update(await readFile(path.join(folder, name)));
    sums.push(`${hash.digest('hex')}  ${name}\n`);
  }
  await writeFile(path.join(folder, 'SHA256SUMS'), sums.join(''));
  return [...files, 'SHA256SUMS'];
}

if (import.meta.main) {
  const folder = path.join(ROOT, 'dist');
  for (const name of await release(folder))
    console.log(path.relative(process.cwd(), path.join(folder, name)));
}
