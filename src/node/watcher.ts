import { type FSWatcher, watch } from 'chokidar';
import { bytesOfText } from '../core/bytes.ts';
import type { Watcher } from '../core/ports.ts';
import type { Directories } from '../core/reading.ts';
import { mayChangeContent } from '../core/volume.ts';
import { errnoOf } from './errno.ts';

/** What the watcher tells. */
export type WatcherReports = {
  readonly hint: () => void;
  readonly watching: () => void;
  readonly failed: (path: string, errno: string) => void;
};

type Armed = { readonly identity: string; readonly watcher: FSWatcher; ready: boolean };

/**
 * The Watcher port over chokidar, asked for hints only: its `raw` event, one directory a watcher and nothing below it.
 * chokidar's other events lose final updates (a 50 ms throttle a path), and it falls silent where a directory was made
 * anew, which the core sees by the identity.
 */
export function createWatcher(reports: WatcherReports): Watcher {
  const armed = new Map<string, Armed>();

  function disarm(path: string): void {
    void armed.get(path)?.watcher.close();
    armed.delete(path);
  }

  function arm(path: string, identity: string): void {
    const text = Buffer.from(path, 'latin1').toString();
    if (Buffer.from(text).toString('latin1') !== path) {
      reports.failed(path, 'EILSEQ');
      return;
    }
    const options = {
      depth: 0,
      followSymlinks: false,
      ignoreInitial: true,
      ignored: (name: string) => name !== text,
    };
    const watcher = watch(text, options);
    const entry: Armed = { identity, watcher, ready: false };
    armed.set(path, entry);
    watcher.on('raw', (_event, name) => {
      if (mayChangeContent(bytesOfText(String(name ?? '')))) reports.hint();
    });
    watcher.on('error', (error) => {
      if (armed.get(path) !== entry) return;
      disarm(path);
      reports.failed(path, errnoOf(error));
    });
    watcher.on('ready', () => {
      if (armed.get(path) !== entry) return;
      entry.ready = true;
      tellIfAllReady();
    });
  }

  let wanted: Directories = new Map();

  function tellIfAllReady(): void {
    if ([...wanted.keys()].every((path) => armed.get(path)?.ready === true)) reports.watching();
  }

  return {
    watch(directories) {
      wanted = directories;
      for (const [path, { identity }] of armed) if (directories.get(path) !== identity) disarm(path);
      for (const [path, identity] of directories) if (!armed.has(path)) arm(path, identity);
      tellIfAllReady();
    },
  };
}
