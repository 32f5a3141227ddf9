/**
 * The JavaScript engine of the static host: QuickJS, in the source that Debian 13 ships. Nothing of it is committed.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { type DebianSource, fetchSource } from './debian.ts';
import { PATCHES, patched } from './patches.ts';
import { digest, replace } from './product.ts';

const run = promisify(execFile);

/** Where the engine's source comes from. */
export const SOURCE: DebianSource = {
  suite: 'trixie',
  name: 'quickjs',
  version: '2025.04.26-1',
  file: 'quickjs_2025.04.26.orig.tar.xz',
  sha256: 'ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe',
};

/** What the archive unpacks to, with what was changed in it. */
const FOLDER = `quickjs-2025.04.26-${digest(JSON.stringify(PATCHES)).slice(0, 8)}`;

/** The version that the engine is told to be. */
export const ENGINE_VERSION = '2025-04-26';

/** The files that the engine consists of, without its own library and tools. */
export const ENGINE_FILES = ['quickjs', 'libregexp', 'libunicode', 'cutils', 'dtoa'] as const;

/**
 * The folder with the engine's source: `REHUP_QUICKJS_DIR` if that is set, as it is; else fetched once, unpacked and changed.
 *
 * @throws if it can't be had, with what would help
 */
export async function engineSource(cache: string): Promise<string> {
  const given = process.env['REHUP_QUICKJS_DIR'];
  if (given !== undefined && given !== '') {
    if (existsSync(path.join(given, 'quickjs.c'))) return given;
    throw new Error(`REHUP_QUICKJS_DIR=${given}: there is no quickjs.c in it`);
  }
  const folder = path.join(cache, FOLDER);
  if (existsSync(folder)) return folder;
  const archive = await fetchSource(SOURCE, cache);
  await replace(folder, async (beside) => {
    await run('mkdir', [beside]);
    await run('tar', ['-xf', archive, '-C', beside, '--strip-components=1']);
    for (const patch of PATCHES) {
      const file = path.join(beside, patch.file);
      await writeFile(file, patched(await readFile(file, 'utf8'), patch));
    }
  });
  return folder;
}
