import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Programs from Go modules, built once for each state of the files that say what they are, and kept outside of the checkout. */

/** A folder below the one that other checkouts use as well. */
export function keptIn(name: string): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'rehup', name);
}

export type GoModule<Name extends string = string> = {
  /** Its folder below the sources. */
  readonly name: Name;
  /** What is built of it: packages, or `.` for that of the module itself. */
  readonly packages: readonly string[];
  /** What the linker sets: names of variables, and their values. */
  readonly variables?: Readonly<Record<string, string>>;
};

/** Where the modules lie, where what is built of them is kept, and who is told of the steps. */
export type GoPlace = {
  readonly sources: string;
  readonly kept: string;
  readonly tell: (line: string) => void;
};

/** The folder of what is built of a module, whether it is there or not. */
export function folderOf(one: GoModule, { sources, kept }: Pick<GoPlace, 'sources' | 'kept'>): string {
  const source = join(sources, one.name);
  const hash = createHash('sha256').update(JSON.stringify(one));
  for (const name of readdirSync(source).sort())
    hash.update(`${name}\n${readFileSync(join(source, name))}\n`);
  return join(kept, hash.digest('hex').slice(0, 16));
}

/**
 * Builds a module if that is not done: its one package as a file of its name, else each by its own. Gives the folder.
 *
 * @throws if Go is missing or too old, the modules can't be had, or the build fails
 */
export async function built(one: GoModule, place: GoPlace, remark = ''): Promise<string> {
  const folder = folderOf(one, place);
  if (existsSync(folder)) return folder;
  mkdirSync(place.kept, { recursive: true });
  const began = performance.now();
  place.tell(`${one.name}: building${remark}`);
  // Beside it, and put there in one step: another run may be building the same.
  const beside = `${folder}.${randomUUID()}`;
  try {
    mkdirSync(beside);
    const set = Object.entries(one.variables ?? {}).map(([name, value]) => `-X ${name}=${value}`);
    const flags = ['-trimpath', '-buildvcs=false', `-ldflags=${['-s -w', ...set].join(' ')}`];
    const target = one.packages.length === 1 ? join(beside, one.name) : `${beside}/`;
    await promisify(execFile)('nice', ['-n', '10', 'go', 'build', ...flags, '-o', target, ...one.packages], {
      cwd: join(place.sources, one.name),
      env: { ...process.env, CGO_ENABLED: '0' },
      maxBuffer: 2 ** 26,
    });
    if (!existsSync(folder)) renameSync(beside, folder);
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
  place.tell(`${one.name}: built in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  return folder;
}
