import { createHash } from 'node:crypto';
import { contentOf } from '../../src/core/files/content.ts';
import { drive } from './driver.ts';
import type { Payload } from './kubelet.ts';
import type { Rehup } from './rehup.ts';

/** The digest of a watch that holds this on a disk, as logged. A file that is watched itself is called ''. */
export function digestOf(payload: Payload): string {
  const files = Object.entries(payload).map(([path, bytes]) => {
    const digest = createHash('sha256').update(bytes).digest('hex');
    return [path, { size: bytes.length, digest }] as const;
  });
  return drive(contentOf(new Map(files), false)).digest.slice(0, 12);
}

/** What rehup took for new content, in turn: the digest of each watch that changed, by its path. */
export function seenDigests(run: Rehup): readonly ReadonlyMap<string, string>[] {
  return run
    .log()
    .filter(({ event }) => event === 'config.changed')
    .map(({ digests }) => new Map(Object.entries(digests as Readonly<Record<string, string>>)));
}
