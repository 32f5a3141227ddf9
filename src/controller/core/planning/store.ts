import { type Choice, counts, isForObject, UNMARKED } from '../reading/choice.ts';
import { ABSENT, type Parts } from '../reading/digest.ts';
import type { ConfigObject } from '../reading/object.ts';
import type { Pod } from '../reading/pod.ts';
import type { Workload } from '../reading/workload.ts';

/**
 * What is known of the cluster, and what refers to what, so that a change costs work in proportion to the workloads that it
 * concerns. It is a copy of what the API server has, and may be old.
 */
export type Store = {
  readonly workloads: Map<string, Workload>;
  /** By `NAMESPACE/configmap/NAME`. */
  readonly objects: Map<string, Known>;
  /** Pods by the workload they belong to. */
  readonly pods: Map<string, Map<string, Pod>>;
  /** Keys of workloads by the object that they may be rolled for. */
  readonly referrers: Map<string, Set<string>>;
  /** Keys of workloads that choose by patterns, by namespace. */
  readonly choosers: Map<string, Set<string>>;
  /** The copies of good contents by the object that they are of: digests by the names of copies. */
  readonly goods: Map<string, Map<string, string>>;
  /** Workloads that are rolling and take a place. */
  readonly rolling: Set<string>;
  /** Workloads of which something is here that is only being written, as they were before. */
  readonly pending: Map<string, Workload>;
  /** Workloads that wait for a place in the cluster. */
  readonly waiting: Set<string>;
  /** Changes closer together than this are one, ms. */
  readonly settle: number;
};

/** An object, and how long its content has been what it is. */
export type Known = {
  /** Undefined while it is not there. */
  readonly object: ConfigObject | undefined;
  /** When its content was seen to change last, and first since it was at rest; ms. */
  readonly changedAt: number;
  readonly firstAt: number;
  /** Names of the keys that changed then. */
  readonly changedKeys: readonly string[];
};

/** Content that never rests counts as at rest after so many settle times, and so long; ms. */
const CEILING = { settles: 10, least: 10_000 } as const;

export function createStore(settle: number): Store {
  return {
    workloads: new Map(),
    objects: new Map(),
    pods: new Map(),
    referrers: new Map(),
    choosers: new Map(),
    goods: new Map(),
    rolling: new Set(),
    pending: new Map(),
    waiting: new Set(),
    settle,
  };
}

export function objectKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** Takes in what an object is now; which workloads have to be looked at. */
export function putObject(
  store: Store,
  key: string,
  object: ConfigObject | undefined,
  now: number,
): Iterable<string> {
  const before = store.objects.get(key);
  noteCopy(store, key, before?.object, object);
  const isReferredTo = store.referrers.has(key);
  if (object === undefined && !isReferredTo) store.objects.delete(key);
  if (object === undefined && before === undefined) return [];
  const [namespace = ''] = key.split('/');
  const concerned = (): readonly string[] => [
    ...(store.referrers.get(key) ?? []),
    ...(store.choosers.get(namespace) ?? []),
  ];
  if (before !== undefined && before.object?.digest === object?.digest) {
    store.objects.set(key, { ...before, object });
    return isMarkedAlike(before.object, object) ? [] : concerned();
  }
  // Of one that was there before this process looked, its own times tell.
  const at = before === undefined && object !== undefined ? Math.min(now, object.written) : now;
  const isAtRest = before === undefined || at - before.changedAt > store.settle;
  const keys = changedKeys(before?.object, object);
  if (object !== undefined || isReferredTo)
    store.objects.set(
      key,
      isAtRest
        ? { object, changedAt: at, firstAt: at, changedKeys: keys }
        : { ...before, object, changedAt: at, changedKeys: [...new Set([...before.changedKeys, ...keys])] },
    );
  return concerned();
}

/** Copies of good contents are ConfigMaps like others. */
function noteCopy(
  store: Store,
  key: string,
  before: ConfigObject | undefined,
  object: ConfigObject | undefined,
): void {
  const { goodOf, namespace = '' } = object ?? before ?? {};
  if (goodOf === undefined) return;
  const of = objectKey(namespace, goodOf);
  const [, , name = ''] = key.split('/');
  const copies = store.goods.get(of) ?? new Map<string, string>();
  if (object === undefined) copies.delete(name);
  else copies.set(name, object.digest);
  if (copies.size === 0) store.goods.delete(of);
  else store.goods.set(of, copies);
}

/** Whether what an object says of itself is the same. */
function isMarkedAlike(one: ConfigObject | undefined, other: ConfigObject | undefined): boolean {
  return (
    one?.marks.ignored === other?.marks.ignored &&
    one?.marks.matched === other?.marks.matched &&
    one?.rollback?.owner === other?.rollback?.owner &&
    one?.rollback?.done.length === other?.rollback?.done.length
  );
}

/** The names of keys that tell one content from another, as far as both are known. */
function changedKeys(before: ConfigObject | undefined, object: ConfigObject | undefined): readonly string[] {
  if (before === undefined || object === undefined) return [];
  const names = new Set([...Object.keys(before.keys), ...Object.keys(object.keys)]);
  return [...names].filter((name) => before.keys[name] !== object.keys[name]).sort();
}

/** When the content of an object can be acted on, for a settle time; ms. */
export function restsAt({ changedAt, firstAt }: Known, settle: number): number {
  return Math.min(changedAt + settle, firstAt + Math.max(CEILING.settles * settle, CEILING.least));
}

/** Takes in what a workload is now, or that it takes no part any more; which workloads have to be looked at. */
export function putWorkload(store: Store, key: string, put: Workload | undefined): Iterable<string> {
  const before = store.workloads.get(key);
  // What is only being written is not known to have been written.
  const workload = remembered(store.pending.get(key) ?? before, put);
  store.pending.delete(key);
  if (before !== undefined) unlink(store, before);
  if (workload === undefined) store.workloads.delete(key);
  else {
    store.workloads.set(key, workload);
    link(store, workload);
  }
  // Others wait for its place, or for what came of it.
  const phases = [before?.state?.phase ?? 'adopted', workload?.state?.phase ?? 'adopted'];
  const isNews = phases[0] !== phases[1] || before?.resumedAt !== (workload?.resumedAt ?? before?.resumedAt);
  if (!isNews) return [key];
  return [key, ...peersOf(store, before), ...peersOf(store, workload), ...nextWaiting(store)];
}

/**
 * What others do to the annotations of the controller. A `kubectl replace` takes them away: where it changed the template as
 * well, the pods are new anyway; else what was known still holds. A GitOps tool writes older ones over them.
 */
function remembered(before: Workload | undefined, now: Workload | undefined): Workload | undefined {
  if (before?.state === undefined || before.isForeign || now === undefined || before.uid !== now.uid)
    return now;
  const isGone = now.state === undefined && before.template === now.template;
  if (!isGone && now.stateTool === undefined) return now;
  return { ...now, state: before.state, history: before.history, isForeign: false, isLost: true };
}

/** So many are told at a time that a place may be free. */
const TOLD = 20;

function nextWaiting(store: Store): readonly string[] {
  const next = [...store.waiting].slice(0, TOLD);
  for (const key of next) store.waiting.delete(key);
  return next;
}

export function takesPlace({ state, held }: Workload): boolean {
  return state?.phase === 'rolling' && held === undefined;
}

function link(store: Store, workload: Workload): void {
  for (const { name } of workload.candidates)
    add(store.referrers, objectKey(workload.namespace, name), workload.key);
  if (workload.choice.patterns.length > 0) add(store.choosers, workload.namespace, workload.key);
  if (takesPlace(workload)) store.rolling.add(workload.key);
}

function unlink(store: Store, workload: Workload): void {
  for (const { name } of workload.candidates) {
    const key = objectKey(workload.namespace, name);
    drop(store.referrers, key, workload.key);
    // Of what is not there, only its absence was kept.
    if (!store.referrers.has(key) && store.objects.get(key)?.object === undefined) store.objects.delete(key);
  }
  drop(store.choosers, workload.namespace, workload.key);
  store.rolling.delete(workload.key);
  store.waiting.delete(workload.key);
}

function add(index: Map<string, Set<string>>, key: string, member: string): void {
  const members = index.get(key);
  if (members === undefined) index.set(key, new Set([member]));
  else members.add(member);
}

function drop(index: Map<string, Set<string>>, key: string, member: string): void {
  const members = index.get(key);
  members?.delete(member);
  if (members?.size === 0) index.delete(key);
}

/** The workloads that are, or may be, rolled for the same objects, itself among them. */
export function peersOf(store: Store, workload: Workload | undefined): readonly string[] {
  if (workload === undefined) return [];
  const { namespace, candidates } = workload;
  return [
    ...candidates.flatMap(({ name }) => referrersOf(store, namespace, name)),
    ...choosersOf(store, namespace),
  ];
}

/** The workloads that may be rolled for an object. */
export function candidatesFor(store: Store, namespace: string, name: string): readonly string[] {
  return [...new Set([...referrersOf(store, namespace, name), ...choosersOf(store, namespace)])];
}

function referrersOf(store: Store, namespace: string, name: string): readonly string[] {
  return [...(store.referrers.get(objectKey(namespace, name)) ?? [])];
}

function choosersOf(store: Store, namespace: string): readonly string[] {
  return [...(store.choosers.get(namespace) ?? [])];
}

/** Takes in what a pod is now; which workloads have to be looked at. */
export function putPod(store: Store, uid: string, pod: Pod | undefined, workload: string): Iterable<string> {
  const pods = store.pods.get(workload);
  if (pod === undefined) {
    pods?.delete(uid);
    if (pods?.size === 0) store.pods.delete(workload);
  } else if (pods === undefined) store.pods.set(workload, new Map([[uid, pod]]));
  else pods.set(uid, pod);
  // Of one that is not rolling nothing is asked of its pods.
  return store.workloads.get(workload)?.state?.phase === 'rolling' ? [workload] : [];
}

export function podsOf(store: Store, workload: Workload): readonly Pod[] {
  return [...(store.pods.get(workload.key)?.values() ?? [])];
}

/** What a workload is rolled for, as it is now; and what its pods could not start without. */
export type Present = {
  readonly parts: Parts;
  readonly missing: readonly string[];
  readonly restsAt: number;
};

export function presentOf(store: Store, workload: Workload): Present {
  const { choice, namespace, settle } = workload;
  const parts: Record<string, string> = {};
  const missing: string[] = [];
  let rests = 0;
  const referred = new Set(workload.references.map(({ name }) => name));
  const take = (name: string, optional: boolean) => {
    const known = store.objects.get(objectKey(namespace, name));
    const marks = known?.object?.marks ?? UNMARKED;
    if (
      known?.object === undefined
        ? isForObject(choice, name)
        : !counts(choice, { name, isReferred: referred.has(name), marks })
    )
      return;
    parts[name] = known?.object?.digest ?? ABSENT;
    if (known?.object === undefined && !optional) missing.push(name);
    if (known !== undefined) rests = Math.max(rests, restsAt(known, settle));
  };
  for (const { name, optional } of workload.candidates) take(name, optional);
  if (choice.patterns.length > 0) {
    for (const name of namesLike(store, namespace, choice)) if (!(name in parts)) take(name, true);
  }
  return { parts, missing, restsAt: rests };
}

function namesLike(store: Store, namespace: string, { patterns }: Choice): readonly string[] {
  const names: string[] = [];
  for (const [key, { object }] of store.objects) {
    // Copies of good contents are our own.
    if (object === undefined || object.goodOf !== undefined || !key.startsWith(`${namespace}/`)) continue;
    if (patterns.some((pattern) => pattern.test(object.name))) names.push(object.name);
  }
  return names.sort();
}
