import type { Pod } from './pod.ts';
import type { Room } from './room.ts';

/** Metadata of a pod that stays as an object when it has ended, so that it can be asked how it did. */
export const KEPT = { finalizers: ['rehup.dev/test'] };

/** Deletes such a pod, and lets go of it once its container has ended; how that ended, and after how many ms. */
export async function deleted(
  room: Room,
  pod: Pod,
): Promise<{ readonly code: number; readonly took: number }> {
  const since = Date.now();
  await room.remove('Pod', pod.name);
  const { code } = await pod.ended();
  const took = Date.now() - since;
  await room.api.patch('Pod', pod.name, room.namespace, { metadata: { finalizers: null } });
  return { code, took };
}
