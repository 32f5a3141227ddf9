import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../../scripts/build/product.ts';
import { importImage } from '../images.ts';

/** Makes the image of the container that holds the namespaces of a pod, below a directory; answers its name. */
export function makeSandbox(directory: string): string {
  const root = mkdtempSync(join(directory, 'pause-'));
  const source = join(ROOT, 'test/victims/pause.c');
  execFileSync('musl-gcc', ['-O2', '-static', source, '-o', join(root, 'pause')]);
  chmodSync(root, 0o755);
  execFileSync('tar', ['-C', root, '-cf', `${root}.tar`, '.']);
  return importImage(`${root}.tar`, 'pause', '--change', 'ENTRYPOINT ["/pause"]');
}
