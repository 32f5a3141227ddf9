import type { Watchable, Watcher } from '../core/state/ports.ts';
import type { WatcherReports } from './watcher.ts';

/** The Watcher port, whose libraries are loaded when there is something to be watched: an init that watches nothing needs none. */
export function createLateWatcher(reports: WatcherReports): Watcher {
  let watcher: Watcher | undefined;
  let wanted: ReadonlyMap<string, Watchable> | undefined;

  async function load(): Promise<void> {
    const { createWatcher } = await import('./watcher.ts');
    watcher = createWatcher(reports);
    if (wanted !== undefined) watcher.watch(wanted);
  }

  return {
    watch(places) {
      if (watcher !== undefined) watcher.watch(places);
      else if (wanted !== undefined || places.size > 0) {
        if (wanted === undefined) void load();
        wanted = places;
      }
    },
    // Before there is a watcher there is no event that does not count.
    pause: () => watcher?.pause(),
    resume: () => watcher?.resume(),
  };
}
