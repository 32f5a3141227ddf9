import type { Restoring } from '../core/planning/restore.ts';
import type { ApiObject } from '../core/reading/api.ts';
import { contentDigest, type Hash } from '../core/reading/digest.ts';
import { GOOD_OF, ROLLBACK_MANAGER, ROLLED_BACK } from '../core/reading/rollback.ts';
import { ApiError, type Client } from './client.ts';
import type { Log } from './log.ts';
import { coreCollection } from './paths.ts';

/** Keeps the last good content of ConfigMaps that ask for it, and writes it back. */
export type Keeper = {
  /** Does it; whether it was done, and not left because things are different by now. */
  restore(restoring: Exclude<Restoring, { readonly kind: 'tell' }>): Promise<boolean>;
};

/** So many contents that were replaced are remembered. */
const REMEMBERED = 10;

export function createKeeper(client: Client, log: Log, hash: Hash): Keeper {
  const pathOf = (namespace: string, name: string) => `${coreCollection('configmaps', namespace)}/${name}`;
  const read = async (path: string) => (await client.call('GET', path)) as ApiObject;

  async function keep(
    path: string,
    restoring: Extract<Restoring, { readonly kind: 'keep' }>,
  ): Promise<boolean> {
    const { object, copy, old } = restoring;
    const { namespace } = object;
    const found = await read(path);
    // Newer content came meanwhile: whether that is good is not known.
    if (contentDigest('configmap', found, hash) !== object.digest) return false;
    const { name = '', uid = '' } = found.metadata ?? {};
    const body = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: copy,
        namespace,
        annotations: { [GOOD_OF]: name },
        labels: { 'app.kubernetes.io/managed-by': 'rehup' },
        ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid }],
      },
      immutable: true,
      data: found.data,
      binaryData: found.binaryData,
    };
    await client.call('POST', coreCollection('configmaps', namespace), { body }).catch(unless(409));
    for (const other of old)
      await client.call('DELETE', pathOf(namespace, other), { isUrgent: false }).catch(unless(404));
    return true;
  }

  async function writeBack(
    path: string,
    { object, copy }: Restoring & { readonly copy: string },
  ): Promise<boolean> {
    const [found, good] = [await read(path), await read(pathOf(object.namespace, copy))];
    if (contentDigest('configmap', found, hash) !== object.digest) return false;
    const done = [...(object.rollback?.done ?? []), object.digest].slice(-REMEMBERED).join(',');
    const annotations = { ...found.metadata?.annotations, [ROLLED_BACK]: done };
    // With the resourceVersion that was read: who writes meanwhile wins.
    const body = {
      ...found,
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...found.metadata, annotations },
      data: good.data,
      binaryData: good.binaryData,
    };
    await client.call('PUT', `${path}?fieldManager=${ROLLBACK_MANAGER}`, { body });
    return true;
  }

  return {
    async restore(restoring) {
      const { object, kind } = restoring;
      const path = pathOf(object.namespace, object.name.split('/')[1] ?? '');
      try {
        return await (kind === 'keep' ? keep(path, restoring) : writeBack(path, restoring));
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        const what =
          kind === 'keep' ? 'its good content can not be kept' : 'its good content can not be written back';
        const wayOut = 'it needs the rights of deploy/controller/rollback.yaml';
        log('warn', 'rollback.failed', `${restoring.key}: ${what}: ${reason}; ${wayOut}`, {
          object: restoring.key,
        });
        throw error;
      }
    },
  };
}

function unless(status: number): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof ApiError && error.status === status)) throw error;
  };
}
