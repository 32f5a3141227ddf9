import type { ConfigObject } from '../reading/object.ts';
import type { Workload } from '../reading/workload.ts';
import { type Telling, titleOf } from './decision.ts';
import type { Planning } from './memory.ts';
import { candidatesFor, objectKey, podsOf, presentOf } from './store.ts';

/** What is to be done about a ConfigMap that wants its last good content kept. */
export type Restoring = {
  /** `NAMESPACE/configmap/NAME`. */
  readonly key: string;
  readonly object: ConfigObject;
} & (
  | { readonly kind: 'keep'; readonly copy: string; readonly old: readonly string[] }
  | { readonly kind: 'restore'; readonly copy: string; readonly failed: Workload; readonly telling: Telling }
  /** It can't be put back. */
  | { readonly kind: 'tell'; readonly failed: Workload; readonly telling: Telling }
);

/** The ConfigMaps of these workloads about which something is to be done. */
export function restorings(planning: Planning, workloads: readonly Workload[]): readonly Restoring[] {
  const objects = new Map<string, ConfigObject>();
  for (const { namespace, candidates } of workloads)
    for (const { name } of candidates) {
      const key = objectKey(namespace, name);
      const object = planning.store.objects.get(key)?.object;
      if (object?.rollback !== undefined) objects.set(key, object);
    }
  return [...objects].flatMap(([key, object]) => restoringOf(planning, key, object) ?? []);
}

const DIGITS = 16;

/** The name of the copy of a content. */
export function copyName({ hash }: Pick<Planning, 'hash'>, { rollback, digest }: ConfigObject): string {
  return `rehup-good-${hash.sha256(`${rollback?.uid}/${digest}`).slice(0, DIGITS)}`;
}

function restoringOf(planning: Planning, key: string, object: ConfigObject): Restoring | undefined {
  const { store, memory } = planning;
  const { rollback, namespace, name, digest } = object;
  if (rollback === undefined) return undefined;
  const all = candidatesFor(store, namespace, name).flatMap((one) => store.workloads.get(one) ?? []);
  const users = all.filter((workload) => name in presentOf(store, workload).parts);
  const copies = store.goods.get(key) ?? new Map<string, string>();
  if (users.length > 0 && users.every((workload) => isGoodFor(planning, workload, object))) {
    const copy = copyName(planning, object);
    const old = [...copies.keys()].filter((other) => other !== copy);
    return copies.has(copy) && old.length === 0 ? undefined : { kind: 'keep', key, object, copy, old };
  }
  const failed = users.find(({ key: user, state, resumedAt }) => {
    if (store.pending.has(user)) return false;
    if (state?.phase !== 'failed' || state.broken === true || resumedAt > state.at) return false;
    return state.changed.includes(name) && state.parts[name] === digest;
  });
  const [good] = [...copies].find(([, content]) => content !== digest) ?? [];
  if (failed === undefined || rollback.done.includes(digest)) return undefined;
  if (rollback.owner === undefined && good !== undefined) {
    const message = `the last good content was written back into ${titleOf(name)}`;
    return { kind: 'restore', key, object, copy: good, failed, telling: { reason: 'RolledBack', message } };
  }
  if (memory.told.get(key) === digest) return undefined;
  memory.told.set(key, digest);
  const why =
    rollback.owner === undefined
      ? 'no other content of it is known to be good'
      : `it belongs to ${rollback.owner}, which would undo it; change it there`;
  const message = `${titleOf(name)} is not put back: ${why}`;
  return { kind: 'tell', key, object, failed, telling: { reason: 'Skipped', message } };
}

/** Whether a workload came up on what the object has now. */
function isGoodFor(
  { store }: Planning,
  workload: Workload,
  { name, digest, written }: ConfigObject,
): boolean {
  const { key, state, available, wanted, isForeign } = workload;
  if (state === undefined || isForeign || store.pending.has(key) || state.parts[name] !== digest)
    return false;
  if (state.phase === 'applied') return true;
  // Nobody looked when it came up, but its pods are younger than the content, and well.
  return (
    state.phase === 'adopted' &&
    wanted > 0 &&
    available >= wanted &&
    podsOf(store, workload).every(({ created }) => created > written)
  );
}
