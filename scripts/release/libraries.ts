import { execFileSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Origin } from './licences.ts';

/** The shared libraries of this machine that a program needs. */

/** A file, its loader, and the libraries that it and they name, each once. */
export function withLibraries(file: string): readonly string[] {
  const all = new Set([file]);
  for (const one of all) for (const library of librariesOf(one)) all.add(library);
  return [...all];
}

/** The loader and the libraries that a program names. */
export function librariesOf(file: string): readonly string[] {
  const text = execFileSync('readelf', ['--program-headers', '--dynamic', file], { encoding: 'utf8' });
  // A library has none.
  const loader = /program interpreter: (\S+)\]/.exec(text)?.[1] ?? '';
  const names = [...text.matchAll(/NEEDED.*\[(.*)\]/g)].flatMap(([, name]) => name ?? []);
  const triplet = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const folders = [...(loader === '' ? [] : [dirname(loader)]), `/lib/${triplet}`, `/usr/lib/${triplet}`];
  const found = names.flatMap(
    (name) => folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? [],
  );
  return loader === '' ? found : [loader, ...found];
}

/** The packages of Debian that files are from, each once, with where their licences lie. */
export function packagesOf(files: readonly string[]): readonly Origin[] {
  const names = files.map((file) => {
    const real = realpathSync(file);
    // Debian knows many files by the paths from before /usr was merged.
    for (const path of [real, real.replace(/^\/usr/, '')]) {
      try {
        const words = ['-S', path];
        const told = execFileSync('dpkg-query', words, {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        return told.split(':', 1)[0] ?? '';
      } catch {
        // Not by this one.
      }
    }
    throw new Error(`release: no package of Debian has ${real}, so nobody knows its licence`);
  });
  return [...new Set(names)].sort().map((name) => ({ name, from: `/usr/share/doc/${name}/copyright` }));
}
