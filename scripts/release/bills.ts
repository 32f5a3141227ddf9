import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { bundledPackages, neutral } from '../build/neutral.ts';
import { PATCHES } from '../build/patches.ts';
import { CACHE, ROOT } from '../build/product.ts';
import { SOURCE as ENGINE, engineSource } from '../build/quickjs.ts';
import { ENTRY as STATIC_ENTRY } from '../build/static.ts';
import { arm64 } from '../build/toolchain.ts';
import { CONTROLLER_ENTRY, FOR_NODE, ENTRY as NODE_ENTRY } from '../build.ts';
import type { Executable } from './facts.ts';
import type { Origin } from './licences.ts';

/* What is in what is released: bills of materials (CycloneDX), and where the licence of each part is. */

const run = promisify(execFile);

type Component = { readonly [field: string]: unknown; readonly name: string; readonly version: string };

type Bill = {
  readonly [field: string]: unknown;
  readonly metadata: { readonly [field: string]: unknown; readonly component: Component };
  readonly components: readonly Component[];
};

/** A part of an edition, and where its licence lies on this machine. */
type Part = { readonly component: Component; readonly from: string };

/** The bill of an edition, as text, and the licences of its parts. */
export type Contents = { readonly bill: string; readonly origins: readonly Origin[] };

async function engine(): Promise<Part> {
  const component = {
    type: 'library',
    'bom-ref': `quickjs@${ENGINE.version}`,
    name: 'quickjs',
    version: ENGINE.version,
    description: 'the JavaScript engine, linked statically',
    purl: `pkg:deb/debian/${ENGINE.name}@${ENGINE.version}?arch=source&distro=${ENGINE.suite}`,
    licenses: [{ license: { id: 'MIT' } }],
    hashes: [{ alg: 'SHA-256', content: ENGINE.sha256 }],
    pedigree: {
      patches: PATCHES.map(({ insert }) => ({ type: 'unofficial', diff: { text: { content: insert } } })),
      notes: 'changed for speed before it is compiled: scripts/build/patches.ts',
    },
  };
  return { component, from: await engineSource(CACHE) };
}

/** The C library that a static executable was linked with. */
function libc(name: string, from: string, license: string, version: string, copyright: string): Part {
  const component = {
    type: 'library',
    'bom-ref': `${name}@${version}`,
    name,
    version,
    description: 'the C library, linked statically',
    purl: `pkg:deb/debian/${from}@${version}`,
    licenses: [{ license: { id: license } }],
  };
  return { component, from: copyright };
}

/** That of this machine's own compiler, by Debian's package; undefined if it is not from Debian. */
async function installedLibc(name: string, from: string, license: string): Promise<Part | undefined> {
  try {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills it in.
    const { stdout: version } = await run('dpkg-query', ['-W', '-f', '${Version}', from]);
    return libc(name, from, license, version, `/usr/share/doc/${from}/copyright`);
  } catch {
    return undefined;
  }
}

/** That of arm64, which is unpacked and not installed: what it is tells the first line of its changes. */
async function unpackedLibc(): Promise<Part | undefined> {
  const { library } = await arm64(CACHE);
  if (library === undefined) return undefined;
  const papers = path.join(path.dirname(library), '../../share/doc/musl-dev');
  const changes = gunzipSync(await readFile(path.join(papers, 'changelog.Debian.gz'))).toString('latin1');
  const [, version = ''] = /^\S+ \((.*?)\)/.exec(changes) ?? [];
  return libc('musl', 'musl-dev', 'MIT', version, path.join(papers, 'copyright'));
}

/** All packages that npm installed here, as the tool of CycloneDX for npm tells them. */
async function installed(): Promise<Bill> {
  const tool = path.join(ROOT, 'node_modules/.bin/cyclonedx-npm');
  const words = ['--flatten-components', '--output-reproducible', '--output-format', 'JSON'];
  const { stdout } = await run(tool, words, { cwd: ROOT, maxBuffer: 64 * 1024 ** 2 });
  return JSON.parse(stdout) as Bill;
}

/** Where npm has put a package: below another's folder, where two versions are there. */
function placeOf({ properties }: Component, name: string): string {
  const told = (Array.isArray(properties) ? properties : []) as readonly { name: string; value: string }[];
  const place = told.find((property) => property.name === 'cdx:npm:package:path')?.value;
  return place ?? path.join('node_modules', name);
}

/** Of what is installed that which is in an edition, and what is in it besides. */
function contentsOf(all: Bill, names: readonly string[], more: readonly (Part | undefined)[]): Contents {
  const fullName = ({ group, name }: Component) => (typeof group === 'string' ? `${group}/${name}` : name);
  const packages = names.map((name): Part => {
    const component = all.components.find((one) => fullName(one) === name);
    if (component === undefined) throw new Error(`${name} is in it and cyclonedx-npm does not know it`);
    // Nothing is of development only that ends up in what is shipped.
    return { component: shipped(component), from: path.join(ROOT, placeOf(component, name)) };
  });
  const parts = [...packages, ...more.filter((part) => part !== undefined)];
  const components = parts.map(({ component }) => component);
  const root = all.metadata.component;
  const dependencies = [
    { ref: root['bom-ref'], dependsOn: components.map((component) => component['bom-ref']).sort() },
  ];
  const metadata = { ...all.metadata, component: { ...root, type: 'application' } };
  return {
    bill: `${JSON.stringify({ ...all, metadata, components, dependencies }, undefined, 2)}\n`,
    origins: parts.map(({ component, from }) => ({ name: fullName(component), from })),
  };
}

function shipped({
  scope: _,
  properties: __,
  ...component
}: Component & { scope?: unknown; properties?: unknown }) {
  return { ...component, scope: 'required' } as Component;
}

/** What is in each static executable, by its architecture, and in the bundle that runs on a Node of the machine. */
export async function contents(executables: readonly Executable[]): Promise<{
  readonly statics: ReadonlyMap<Executable['architecture'], Contents>;
  readonly bundle: Contents;
}> {
  const all = await installed();
  const inStatic = await bundledPackages(STATIC_ENTRY, neutral());
  const scripts = [NODE_ENTRY, CONTROLLER_ENTRY].map((file) => bundledPackages({ file }, FOR_NODE));
  const inNode = [...new Set((await Promise.all(scripts)).flat())].sort();
  const own =
    (await installedLibc('musl', 'musl-dev', 'MIT')) ??
    (await installedLibc('glibc', 'libc6-dev', 'LGPL-2.1-or-later'));
  const cross = await unpackedLibc();
  const statics = new Map<Executable['architecture'], Contents>();
  for (const { file, architecture } of executables) {
    if (!existsSync(file)) throw new Error(`release: ${file} is not there`);
    const library = path.basename(file) === 'rehup' ? own : cross;
    statics.set(architecture, contentsOf(all, inStatic, [await engine(), library]));
  }
  return { statics, bundle: contentsOf(all, inNode, []) };
}
