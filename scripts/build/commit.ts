import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ROOT } from './product.ts';

const run = promisify(execFile);

/**
 * The commit that is built, in seven digits, with `-dirty` if the tree is not as it says; empty where the sources lie in
 * no repository of their own, as those of an archive do.
 */
export async function commit(root: string = ROOT): Promise<string> {
  try {
    const prefix = await run('git', ['-C', root, 'rev-parse', '--show-prefix']);
    if (prefix.stdout.trim() !== '') return '';
    const words = ['describe', '--always', '--dirty', '--abbrev=7', '--exclude', '*'];
    return (await run('git', ['-C', root, ...words])).stdout.trim();
  } catch {
    return '';
  }
}
