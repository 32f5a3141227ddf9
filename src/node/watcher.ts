import { realpathSync } from 'node:fs';
import { basename } from 'node:path';
import { type FSWatcher, watch } from 'chokidar';
import type { Directories } from '../core/files/reading.ts';
import { type LinkChange, linkChange, mayChangeContent } from '../core/files/volume.ts';
import type { Watcher } from '../core/state/ports.ts';
import { bytesOfText } from '../core/text/bytes.ts';
import { errnoOf } from './errno.ts';

/** What the watcher tells. */
export type WatcherReports = {
  readonly hint: (links: ReadonlyMap<string, LinkChange>) => void;
  readonly watching: () => void;
  readonly failed: (path: string, errno: string) => void;
  readonly lost: (path: string) => void;
};

type Armed = { readonly identity: string; readonly watcher: FSWatcher; ready: boolean; before: string };

/**
 * The Watcher port over chokidar, asked for hints only: its `raw` event, one directory a watcher and nothing below it.
 * chokidar's other events lose final updates (a 50 ms throttle a path), and it falls silent where a directory was made
 * anew, which the core sees by the identity. It would watch a link instead of the directory that the link leads to.
 */
export function createWatcher(reports: WatcherReports): Watcher {
  const armed = new Map<string, Armed>();

  function disarm(path: string): void {
    void armed.get(path)?.watcher.close();
    armed.delete(path);
  }

  function arm(path: string, identity: string): void {
    const real = realPath(path);
    if ('errno' in real) {
      reports.failed(path, real.errno);
      return;
    }
    const { text } = real;
    const options = {
      depth: 0,
      followSymlinks: false,
      ignoreInitial: true,
      ignored: (name: string) => name !== text,
    };
    const watcher = watch(text, options);
    const entry: Armed = { identity, watcher, ready: false, before: '' };
    armed.set(path, entry);
    watcher.on('raw', (event, name) => {
      const bytes = bytesOfText(String(name ?? ''));
      const link = linkChange(bytes, entry.before);
      entry.before = bytes;
      // libuv names the directory itself so, when it is gone as well; a file of its name in it is rare, and no harm.
      if (event === 'rename' && name === basename(text) && armed.get(path) === entry) {
        disarm(path);
        reports.lost(path);
      } else if (mayChangeContent(bytes)) reports.hint(new Map(link === undefined ? [] : [[path, link]]));
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

/** The directory that a path leads to, as text; an errno where there is none, or where its bytes are no text. */
function realPath(path: string): { readonly text: string } | { readonly errno: string } {
  try {
    const bytes = realpathSync.native(Buffer.from(path, 'latin1'), 'buffer');
    const text = bytes.toString();
    return Buffer.from(text).equals(bytes) ? { text } : { errno: 'EILSEQ' };
  } catch (error) {
    return { errno: errnoOf(error) };
  }
}
