import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { built, type GoModule, keptIn } from '../../test/support/go.ts';

/** The peers that no Debian package has, built once from their Go modules and their crate. */

const KEPT = keptIn('peers');

const MODULES = [
  { name: 'atomic-writer', packages: ['.'] },
  { name: 'consul-template', packages: ['github.com/hashicorp/consul-template'] },
  {
    name: 'prometheus-config-reloader',
    packages: ['github.com/prometheus-operator/prometheus-operator/cmd/prometheus-config-reloader'],
  },
  { name: 'reflex', packages: ['github.com/cespare/reflex'] },
  { name: 'supervisord', packages: ['github.com/ochinchina/supervisord'] },
] as const satisfies readonly GoModule[];

const CRATE = 'watchexec-cli';
const CRATE_VERSION = '2.8.0';

export type Program = (typeof MODULES)[number]['name'] | 'watchexec';

/** Where each is, or why it is not there. */
export type Programs = ReadonlyMap<Program, { readonly file: string } | { readonly lacking: string }>;

/** Builds what is `wanted` and not there yet, which takes some minutes the first time; `tell` gets a line for each step. */
export async function programs(
  wanted: (name: Program) => boolean,
  tell: (line: string) => void,
): Promise<Programs> {
  const all = new Map<Program, { readonly file: string } | { readonly lacking: string }>();
  for (const one of MODULES.filter(({ name }) => wanted(name))) {
    const place = { sources: import.meta.dirname, kept: KEPT, tell };
    all.set(
      one.name,
      await attempted('Go 1.26 and its module proxy', async () => join(await built(one, place), one.name)),
    );
  }
  if (wanted('watchexec')) all.set('watchexec', await attempted('cargo and crates.io', () => crate(tell)));
  return all;
}

async function attempted(
  needs: string,
  build: () => Promise<string>,
): Promise<{ readonly file: string } | { readonly lacking: string }> {
  try {
    return { file: await build() };
  } catch (error) {
    const [line = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    return { lacking: `${needs}: ${line}` };
  }
}

async function crate(tell: (line: string) => void): Promise<string> {
  const root = join(KEPT, `${CRATE}-${CRATE_VERSION}`);
  const file = join(root, 'bin/watchexec');
  if (existsSync(file)) return file;
  if (spawnSync('cargo', ['--version']).status !== 0) throw new Error('cargo is not there');
  tell('watchexec: building, which takes 5 minutes');
  const words = ['install', `${CRATE}@${CRATE_VERSION}`, '--locked', '--quiet', '--root', root];
  await promisify(execFile)('nice', ['-n', '10', 'cargo', ...words], { maxBuffer: 2 ** 26 });
  return file;
}
