import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { ROOT } from '../build/product.ts';
import type { Facts } from './facts.ts';
import { writeImage } from './image.ts';
import { packagesOf, withLibraries } from './libraries.ts';
import { licencesOf, type Origin } from './licences.ts';

/**
 * Writes the image of the Node edition, which the controller is in: its executable is /rehup, with the libraries of this
 * machine that it needs; for this machine's architecture. Answers its name; none where that edition was not built.
 */
export function nodeImage(
  built: string,
  folder: string,
  facts: Facts,
  labels: Readonly<Record<string, string>>,
  parts: readonly Origin[],
): readonly string[] {
  const executable = path.join(built, 'rehup-node');
  if (!existsSync(executable)) return [];
  const name = `rehup-node-${facts.version}-oci.tar`;
  const libraries = withLibraries(executable).slice(1);
  const node = path.dirname(
    createRequire(import.meta.url).resolve(`node-linux-${process.arch}/package.json`),
  );
  const origins = [...parts, { name: 'Node.js', from: path.join(node, 'LICENSE') }, ...packagesOf(libraries)];
  const papers = path.join(folder, 'node.txt');
  writeFileSync(papers, licencesOf('rehup', origins));
  const layout = {
    files: {
      rehup: executable,
      LICENSE: path.join(ROOT, 'LICENSE'),
      'THIRD-PARTY-LICENSES.txt': papers,
      ...Object.fromEntries(libraries.map((library) => [library, library])),
    },
    entrypoint: ['/rehup'],
    user: '65534:65534',
    labels: { ...labels, 'org.opencontainers.image.title': 'rehup-node' },
  };
  const created = labels['org.opencontainers.image.created'];
  writeImage(path.join(folder, name), `localhost/rehup-node:${facts.version}`, [layout], created);
  rmSync(papers);
  return [name];
}
