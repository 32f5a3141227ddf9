import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { Hash } from '../core/reading/digest.ts';
import { ApiError, type Client } from './client.ts';
import { coreCollection } from './paths.ts';

/** The key with which digests of Secrets are made, in a Secret of the controller's own: `rehup-controller-key`. */

export const KEY_SECRET = 'rehup-controller-key';

const BYTES = 32;
const KEY_ID = 16;

/** Reads the key, or makes it; one that nobody may keep is made anew each time. */
export async function readKey(client: Client, namespace: string, isDryRun: boolean): Promise<Buffer> {
  const collection = coreCollection('secrets', namespace);
  for (;;) {
    const found = await read(client, `${collection}/${KEY_SECRET}`);
    if (found !== undefined && found.length >= BYTES) return found;
    if (isDryRun) return randomBytes(BYTES);
    const body = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: KEY_SECRET, namespace, labels: { 'app.kubernetes.io/managed-by': 'rehup' } },
      data: { key: randomBytes(BYTES).toString('base64') },
    };
    try {
      // One that was shipped empty is filled.
      if (found !== undefined) {
        const { data } = body;
        const type = 'application/merge-patch+json';
        await client.call('PATCH', `${collection}/${KEY_SECRET}`, { body: { data }, type });
      } else await client.call('POST', collection, { body });
    } catch (error) {
      // Another one was faster.
      if (!(error instanceof ApiError && error.status === 409)) throw error;
    }
  }
}

async function read(client: Client, path: string): Promise<Buffer | undefined> {
  try {
    const { data } = (await client.call('GET', path)) as { readonly data?: { readonly key?: string } };
    return Buffer.from(data?.key ?? '', 'base64');
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** Without a key, Secrets are never hashed. */
export function hashWith(key: Buffer | undefined): Hash {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  return {
    keyId: key === undefined ? '0' : createHash('sha256').update(key).digest('hex').slice(0, KEY_ID),
    sha256,
    hmac(text) {
      if (key === undefined) throw new Error('a Secret was read without a key');
      return createHmac('sha256', key).update(text).digest('hex');
    },
  };
}
