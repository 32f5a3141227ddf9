import type { Main } from '../state/child.ts';
import type { State } from '../state/state.ts';

/* What probes are to be answered while the application is to be restarted. */

/** Whether a probe of this container is to be answered that it is not well. */
export function isUnwell({ child, pod }: State, name: string): boolean {
  if (child.phase !== 'stopping' || typeof child.afterwards === 'object') return false;
  const main = pod.mains.get(name);
  // Who never tells of a start would be restarted again and again; unless processes do.
  return isSeenByProcesses(pod.mains, pod.shared)
    ? true
    : main?.hooked === true && main.started === undefined;
}

export function hooked(mains: ReadonlyMap<string, Main>): readonly Main[] {
  return [...mains.values()].filter((main) => main.hooked);
}

export function isSeenByProcesses(mains: ReadonlyMap<string, Main>, shared: boolean): boolean {
  return shared && hooked(mains).length === 0;
}

/** Whether a hook is all that will tell of a start. */
export function isHookAwaited({ settings, pod }: State): boolean {
  const isUnhealthy = settings.watches.every(({ action }) => action.kind === 'unhealthy');
  return isUnhealthy && !isSeenByProcesses(pod.mains, pod.shared);
}
