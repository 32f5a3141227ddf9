import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../scripts/build/product.ts';
import { writeImage } from '../../../scripts/release/image.ts';
import { withLibraries } from '../../../scripts/release/libraries.ts';
import type { Cluster } from './cluster.ts';

/** The images of the tests: busybox, the witness, and an edition of rehup as `/rehup`, which is the entrypoint. */

export const EDITIONS = ['static', 'node'] as const;

export type Edition = (typeof EDITIONS)[number];

const EXECUTABLES: Readonly<Record<Edition, string>> = {
  static: join(ROOT, 'dist/rehup'),
  node: join(ROOT, 'dist/rehup-node'),
};

/** The name of the image with an edition; never pulled. */
export function imageOf(edition: Edition): string {
  return `localhost/rehup-${edition}:1`;
}

/** An image with the witness and nothing else. */
export const BARE = 'localhost/bare:1';

const APPLETS = ['sh', 'sleep', 'cat', 'kill', 'ls', 'ps', 'true', 'false', 'wget', 'ln', 'mv', 'echo'];

/** Makes them of what was built, and has the cluster take them. */
export async function loadImages(cluster: Cluster): Promise<void> {
  const { folder, programs } = cluster.place;
  const bare = join(folder, 'bare.tar');
  writeImage(bare, BARE, [{ files: { witness: programs.witness } }]);
  await cluster.load(bare);
  for (const edition of EDITIONS) {
    const executable = EXECUTABLES[edition];
    if (!existsSync(executable)) throw new Error(`${executable} is not built: npm run build`);
    const libraries = edition === 'node' ? withLibraries(executable).slice(1) : [];
    const archive = join(folder, `${edition}.tar`);
    const layout = {
      files: {
        rehup: executable,
        witness: programs.witness,
        'bin/busybox': '/bin/busybox',
        ...Object.fromEntries(libraries.map((path) => [path, path])),
      },
      links: Object.fromEntries(APPLETS.map((name) => [`bin/${name}`, 'busybox'])),
      entrypoint: ['/rehup'],
      tmp: true,
    };
    writeImage(archive, imageOf(edition), [layout]);
    await cluster.load(archive);
  }
}
