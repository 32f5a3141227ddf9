import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Writes SHA256SUMS of files in a folder, in the order that they are given in. */
export function writeSums(folder: string, names: readonly string[]): string {
  const lines = names.map((name) => {
    const hash = createHash('sha256').update(readFileSync(path.join(folder, name)));
    return `${hash.digest('hex')}  ${name}\n`;
  });
  writeFileSync(path.join(folder, 'SHA256SUMS'), lines.join(''));
  return 'SHA256SUMS';
}

/**
 * Signs a file of a folder with a key: one of minisign(1) without a password, or a private key as openssl(1) takes it.
 * Answers the name of the signature.
 */
export async function sign(folder: string, name: string, key: string): Promise<string> {
  const file = path.join(folder, name);
  if (readFileSync(key, 'latin1').startsWith('untrusted comment:')) {
    const signature = `${name}.minisig`;
    await run('minisign', ['-S', '-s', key, '-m', file, '-x', path.join(folder, signature)]);
    return signature;
  }
  const signature = `${name}.sig`;
  // -rawin: an Ed25519 key signs the bytes themselves.
  const words = ['pkeyutl', '-sign', '-rawin', '-inkey', key, '-in', file];
  await run('openssl', [...words, '-out', path.join(folder, signature)]);
  return signature;
}
