import type { PlanSettings } from '../reading/settings.ts';
import type { Workload } from '../reading/workload.ts';
import { candidatesFor, objectKey, type Store, takesPlace } from './store.ts';

/** Of the workloads that refer to one changed object the first goes alone, the others when it is applied. */

/** May a workload be rolled now: it may, it waits for others, until a time, or for good. */
export type Leave =
  | { readonly kind: 'go' }
  | { readonly kind: 'wait' }
  | { readonly kind: 'until'; readonly at: number }
  | { readonly kind: 'halted'; readonly by: Workload; readonly name: string };

/** What stands about one object's content among those that refer to it. */
type Wave = {
  readonly isProven: boolean;
  readonly rolling: number;
  /** When the last of them began, or was over; ms. */
  readonly last: number;
  readonly failed: Workload | undefined;
  /** Those that failed and may go on, with other content or because somebody said so: they come first. */
  readonly fallen: readonly string[];
};

/** Waves that were computed in a pass; a roll-out that begins makes those of its names anew. */
export type Waves = Map<string, Wave>;

export type Asking = {
  readonly store: Store;
  readonly waves: Waves;
  readonly settings: PlanSettings;
  readonly now: number;
  /** From 0 to 1, for the pause between two roll-outs. */
  readonly chance: (key: string) => number;
  /** Workloads that can't be rolled now for reasons of their own hold up nobody. */
  readonly blocked: ReadonlySet<string>;
};

export function leaveOf(
  asking: Asking,
  workload: Workload,
  changed: readonly string[],
  parts: Readonly<Record<string, string>>,
): Leave {
  const { store, settings, now } = asking;
  let until = 0;
  let isWaiting = false;
  for (const name of changed) {
    const wave = waveOf(asking, workload.namespace, name, parts[name] ?? '');
    const { failed, fallen, isProven, rolling, last } = wave;
    if (settings.halt && failed !== undefined && failed.key !== workload.key)
      return { kind: 'halted', by: failed, name };
    // A workload that is rolled anew has its place already.
    const others = rolling - (takesPlace(workload) ? 1 : 0);
    if (others >= (isProven ? settings.maxRolling : 1)) isWaiting = true;
    const isOthersTurn = !isProven && fallen.length > 0 && !fallen.includes(workload.key);
    if (isOthersTurn) isWaiting = true;
    if (settings.splay > 0 && last > 0)
      until = Math.max(until, last + Math.round(settings.splay * asking.chance(workload.key)));
  }
  const total = store.rolling.size - (takesPlace(workload) ? 1 : 0);
  // What takes no place need not wait for one.
  if (workload.held !== undefined) return { kind: 'go' };
  if (total >= settings.maxRollingTotal) {
    store.waiting.add(workload.key);
    isWaiting = true;
  }
  if (isWaiting) return { kind: 'wait' };
  return until > now ? { kind: 'until', at: until } : { kind: 'go' };
}

function waveOf(asking: Asking, namespace: string, name: string, digest: string): Wave {
  const key = objectKey(namespace, name);
  const known = asking.waves.get(key);
  if (known !== undefined) return known;
  const made = computed(asking, namespace, name, digest);
  asking.waves.set(key, made);
  return made;
}

function computed({ store, blocked }: Asking, namespace: string, name: string, digest: string): Wave {
  let isProven = false;
  let rolling = 0;
  let last = 0;
  let resumedAt = 0;
  const failures: Workload[] = [];
  const fallen: string[] = [];
  for (const referrer of candidatesFor(store, namespace, name)) {
    const workload = store.workloads.get(referrer);
    const state = workload?.state;
    if (workload === undefined || state === undefined || workload.isForeign) continue;
    resumedAt = Math.max(resumedAt, workload.resumedAt);
    const isThis = state.parts[name] === digest;
    if (state.phase === 'applied' && isThis) isProven = true;
    if (takesPlace(workload) && state.changed.includes(name)) rolling += 1;
    // One that is over has begun before that.
    if (state.phase !== 'adopted' && isThis && state.changed.includes(name)) last = Math.max(last, state.at);
    if (state.phase !== 'failed' || !state.changed.includes(name)) continue;
    if (!isThis || workload.resumedAt > state.at) {
      if (!blocked.has(referrer) && !workload.isEnding) fallen.push(referrer);
    } else if (state.broken !== true) failures.push(workload);
  }
  // Who says at one of them that it may go on says so of the content.
  const [failed] = failures
    .filter(({ state }) => (state?.at ?? 0) >= resumedAt)
    .sort((one, other) => (one.key < other.key ? -1 : 1));
  return { isProven, rolling, last, failed, fallen };
}
