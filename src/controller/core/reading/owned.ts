import type { ManagedFields } from './api.ts';

/** Who wrote what, by `managedFields`: what stands in an annotation of ours is ours only if we wrote it. */

export const MANAGER = 'rehup';

/** Whether a field belongs to the field manager of the controller: not so after `kubectl rollout undo`, for example. */
export function isOurs(managed: readonly ManagedFields[] | undefined, ...path: readonly string[]): boolean {
  return owners(managed, path).includes(MANAGER);
}

/** The field managers that a field belongs to. */
export function owners(
  managed: readonly ManagedFields[] | undefined,
  path: readonly string[],
): readonly string[] {
  return (managed ?? []).flatMap(({ manager = '', fieldsV1 }) => {
    let at: unknown = fieldsV1;
    for (const name of path) {
      if (typeof at !== 'object' || at === null) return [];
      at = (at as Readonly<Record<string, unknown>>)[`f:${name}`];
    }
    return at === undefined ? [] : manager;
  });
}

/** When anything but a status was written last, by anybody; ms since the epoch, 0 if nothing tells. */
export function lastWritten(managed: readonly ManagedFields[] | undefined): number {
  const times = (managed ?? []).map(({ time, subresource }) =>
    subresource === undefined || subresource === '' ? Date.parse(time ?? '') : Number.NaN,
  );
  return Math.max(0, ...times.filter((time) => !Number.isNaN(time)));
}
