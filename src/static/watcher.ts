import type { Directories } from '../core/files/reading.ts';
import { type LinkChange, linkChange, mayChangeContent } from '../core/files/volume.ts';
import type { Watcher } from '../core/state/ports.ts';
import type { Loop } from './loop.ts';
import { errnoOf } from './native.ts';

/** What the watcher tells. */
export type WatcherReports = {
  readonly hint: (links: ReadonlyMap<string, LinkChange>) => void;
  readonly watching: () => void;
  readonly failed: (path: string, errno: string) => void;
  readonly lost: (path: string) => void;
};

type Armed = { readonly identity: string; readonly watch: number; before: string };

/** inotify(7): the kernel has removed a watch, since its directory or file system is gone. */
const IN_IGNORED = 0x8000;

/** The Watcher port: one inotify instance, made when it is first needed, and one watch a directory. */
export function createWatcher(loop: Loop, reports: WatcherReports): Watcher {
  const armed = new Map<string, Armed>();
  let notifier: number | undefined;

  function take(descriptor: number): void {
    const hints = native.takeHints(descriptor);
    const links = new Map<string, LinkChange>();
    let counts = false;
    for (let index = 0; index < hints.length; index += 3) {
      const watch = Number(hints[index]);
      const name = String(hints[index + 2]);
      if ((Number(hints[index + 1]) & IN_IGNORED) !== 0) forget(watch, links);
      else {
        counts ||= mayChangeContent(name);
        follow(watch, name, links);
      }
    }
    if (counts) reports.hint(links);
  }

  function follow(watch: number, name: string, links: Map<string, LinkChange>): void {
    for (const [path, entry] of armed) {
      if (entry.watch !== watch) continue;
      const link = linkChange(name, entry.before);
      if (link !== undefined) links.set(path, link);
      entry.before = name;
    }
  }

  /** One that was not given up by ourselves is armed anew if its directory is still there. */
  function forget(watch: number, links: Map<string, LinkChange>): void {
    for (const [path, entry] of armed) {
      if (entry.watch !== watch) continue;
      armed.delete(path);
      links.delete(path);
      reports.lost(path);
    }
  }

  function open(): number {
    if (notifier !== undefined) return notifier;
    const descriptor = native.openNotifier();
    notifier = descriptor;
    loop.onReadable(descriptor, () => take(descriptor));
    return descriptor;
  }

  function disarm(path: string, { watch }: Armed): void {
    armed.delete(path);
    // The same directory may be watched under another path, by the same number.
    if (notifier === undefined || [...armed.values()].some((other) => other.watch === watch)) return;
    try {
      native.unwatch(notifier, watch);
    } catch (error) {
      // The directory was deleted, and the watch with it.
      errnoOf(error);
    }
  }

  function arm(path: string, identity: string): boolean {
    try {
      armed.set(path, { identity, watch: native.watchDirectory(open(), path), before: '' });
      return true;
    } catch (error) {
      reports.failed(path, errnoOf(error));
      return false;
    }
  }

  return {
    watch(directories: Directories) {
      for (const [path, entry] of armed) if (directories.get(path) !== entry.identity) disarm(path, entry);
      let all = true;
      for (const [path, identity] of directories) if (!armed.has(path)) all = arm(path, identity) && all;
      if (all) reports.watching();
    },
  };
}
