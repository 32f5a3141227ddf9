import type { Pod } from './pod.ts';
import type { Room } from './room.ts';

/** Metadata of a pod that stays as an object when it has ended, so that it can be asked how it did. */
export const KEPT = { finalizers: ['rehup.dev/test'] };

/** Deletes such a pod, and lets go of it once its container has ended; the code with which that did. */
export async function deleted(room: Room, pod: Pod): Promise<number> {
  await room.remove('Pod', pod.name);
  const { code } = await pod.ended();
  await room.api.patch('Pod', pod.name, room.namespace, { metadata: { finalizers: null } });
  return code;
}
