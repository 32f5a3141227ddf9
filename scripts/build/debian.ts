/**
 * Fetches files from Debian's archive, of another suite than the machine's, with a private apt configuration: nothing
 * of the system's apt is changed, and no root is needed.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { passing } from './product.ts';

const run = promisify(execFile);

/** What is fetched: one file of a source package. */
export interface DebianSource {
  readonly suite: string;
  readonly name: string;
  readonly version: string;
  readonly file: string;
  readonly sha256: string;
}

/** The keys of Debian's archive, as the package debian-archive-keyring ships them. */
const KEYRINGS = [
  '/usr/share/keyrings/debian-archive-keyring.gpg',
  '/usr/share/keyrings/debian-archive-keyring.pgp',
];

/**
 * Fetches a file into a folder, unless it is there.
 *
 * @returns its path
 * @throws if it can't be had, with what would help; if it is not what was asked for
 */
export async function fetchSource(source: DebianSource, folder: string): Promise<string> {
  const target = path.join(folder, source.file);
  if (!existsSync(target)) {
    await mkdir(folder, { recursive: true });
    await passing(path.join(folder, `apt-${process.pid}`), async (place) => {
      const fetched = await fetchInto(place, source);
      await rename(fetched, target);
    });
  }
  const sha256 = createHash('sha256')
    .update(await readFile(target))
    .digest('hex');
  if (sha256 !== source.sha256)
    throw new Error(`${target} has SHA-256 ${sha256} instead of ${source.sha256}`);
  return target;
}

async function fetchInto(place: string, { suite, name, version, file }: DebianSource): Promise<string> {
  const apt = await privateApt(place, 'deb-src', suite);
  await apt('update');
  await apt('source', '--download-only', `${name}=${version}`);
  return path.join(place, file);
}

/** In the folder of an unpacked package: its version. */
export const VERSION_FILE = 'version';

/** A binary package for an architecture that need not be the machine's. */
export interface DebianPackage {
  readonly suite: string;
  readonly architecture: string;
  readonly name: string;
}

/**
 * Fetches a package and unpacks it into a folder, unless that is there; apt checks its signature. Nothing of it is installed.
 *
 * @throws if it can't be had
 */
export async function unpackPackage(wanted: DebianPackage, folder: string): Promise<void> {
  if (existsSync(folder)) return;
  const { suite, architecture, name } = wanted;
  await passing(`${folder}.apt-${process.pid}`, async (place) => {
    await mkdir(place, { recursive: true });
    const apt = await privateApt(place, 'deb', suite, architecture);
    await apt('update');
    await apt('download', name);
    const file = (await readdir(place)).find((one) => one.endsWith('.deb'));
    if (file === undefined) throw new Error(`apt-get download ${name} brought nothing`);
    const unpacked = path.join(place, 'unpacked');
    await run('dpkg-deb', ['-x', path.join(place, file), unpacked]);
    const { stdout } = await run('dpkg-deb', ['-f', path.join(place, file), 'Version']);
    await writeFile(path.join(unpacked, VERSION_FILE), stdout.trim());
    await rename(unpacked, folder);
  });
}

/** An apt-get of its own in a folder, which knows this suite of Debian alone. */
async function privateApt(place: string, type: 'deb' | 'deb-src', suite: string, architecture?: string) {
  const keyring = KEYRINGS.find((candidate) => existsSync(candidate));
  const uri = await mirror();
  if (keyring === undefined || uri === undefined)
    throw new Error('this machine has no apt sources of Debian');
  await mkdir(path.join(place, 'lists/partial'), { recursive: true });
  await mkdir(path.join(place, 'cache/archives/partial'), { recursive: true });
  const list = path.join(place, 'rehup.sources');
  await writeFile(
    list,
    `Types: ${type}\nURIs: ${uri}\nSuites: ${suite}\nComponents: main\nSigned-By: ${keyring}\n`,
  );
  const options = [
    `Dir::Etc::sourcelist=${list}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::Lists=${path.join(place, 'lists')}`,
    `Dir::Cache=${path.join(place, 'cache')}`,
    `APT::Sandbox::User=${userInfo().username}`,
    'Acquire::Retries=3',
    ...(architecture === undefined
      ? []
      : [`APT::Architecture=${architecture}`, `APT::Architectures::=${architecture}`]),
  ].flatMap((option) => ['-o', option]);
  return (...words: readonly string[]) => run('apt-get', ['-qq', ...options, ...words], { cwd: place });
}

/** The first place that the machine itself takes Debian's packages from: sources.list(5), in either of its formats. */
export async function mirror(): Promise<string | undefined> {
  const folder = '/etc/apt/sources.list.d';
  const parts = existsSync(folder)
    ? (await readdir(folder)).sort().map((name) => path.join(folder, name))
    : [];
  for (const file of [...parts, '/etc/apt/sources.list'].filter((name) => existsSync(name))) {
    const text = await readFile(file, 'utf8');
    const found = [
      ...text.matchAll(/^(?:URIs:|deb(?:-src)?(?:\s+\[[^\]]*\])?)\s+(\S+\/debian)\/?(?=\s|$)/gm),
    ];
    const [uri] = found.flatMap((match) => match[1] ?? []);
    if (uri !== undefined) return uri;
  }
  return undefined;
}
