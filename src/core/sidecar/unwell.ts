import type { Main } from '../state/child.ts';
import type { State } from '../state/state.ts';

/* What probes are to be answered while the application is to be restarted. */

/** Whether a probe of this container is to be answered that it is not well. */
export function isUnwell({ child, pod }: State, name: string): boolean {
  const main = pod.mains.get(name);
  if (child.phase === 'running') return main?.overdue === true && main.started === undefined;
  if (child.phase !== 'stopping' || typeof child.afterwards === 'object') return false;
  // Who never tells of a start would be restarted again and again; unless processes do.
  return isSeenByProcesses(pod.mains, pod.shared)
    ? true
    : main?.hooked === true && main.started === undefined;
}

/** Those whose start is waited for, as they will tell of it. */
export function awaited(mains: ReadonlyMap<string, Main>): readonly Main[] {
  return [...mains.values()].filter(({ hooked, overdue }) => hooked && !overdue);
}

export function isSeenByProcesses(mains: ReadonlyMap<string, Main>, shared: boolean): boolean {
  return shared && awaited(mains).length === 0;
}

/** Whether a hook is all that will tell of a start. */
export function isHookAwaited({ settings, pod }: State): boolean {
  const isUnhealthy = settings.watches.every(({ action }) => action.kind === 'unhealthy');
  return isUnhealthy && !isSeenByProcesses(pod.mains, pod.shared);
}
