import type { Files } from '../core/files/files.ts';
import type { HelperReports, Helpers } from '../core/files/remote/helpers.ts';
import { serveFiles } from '../core/files/remote/wire.ts';
import type { ExitStatus } from '../core/process/exit.ts';
import { SIGKILL } from '../core/process/signals.ts';
import type { Loop } from './loop.ts';
import { errnoOf } from './native.ts';
import { attempt, kill } from './processes.ts';

export type HelperOptions = {
  readonly files: Files;
  /** Has the end of a process told, by the one that reaps. */
  readonly onEnd: (pid: number, ended: (status: ExitStatus) => void) => void;
};

/** The most that is read at once. */
const PIECE = 64 * 1024;

/** Helpers that are copies of this process: what they do not change of its memory they share with it. */
export function createHelpers(loop: Loop, { files, onEnd }: HelperOptions): Helpers {
  const helping = new Set<number>();
  return {
    start(reports) {
      try {
        const [pid, socket] = native.helper();
        if (pid === 0) serve(socket, files);
        helping.add(pid);
        onEnd(pid, () => helping.delete(pid));
        return lead(loop, { pid, socket, isThere: () => helping.has(pid) }, reports);
      } catch (error) {
        return { errno: errnoOf(error) };
      }
    },
  };
}

/** What the copy does for the rest of its life. */
function serve(socket: number, files: Files): never {
  try {
    serveFiles(
      files,
      () => native.read(socket, PIECE),
      (bytes) => native.print(socket, bytes),
    );
  } finally {
    native.exit(0);
  }
}

type Started = { readonly pid: number; readonly socket: number; readonly isThere: () => boolean };

function lead(loop: Loop, { pid, socket, isThere }: Started, reports: HelperReports) {
  let open = true;

  function end(): void {
    if (open) loop.close(socket);
    open = false;
    if (isThere()) kill(pid, SIGKILL);
  }

  loop.onReadable(socket, () => {
    let piece = '';
    const errno = attempt(() => {
      piece = native.read(socket, PIECE);
    });
    if (errno === 'EAGAIN') return;
    if (piece !== '') reports.received(piece);
    else {
      end();
      reports.ended();
    }
  });
  return {
    send(bytes: string) {
      let sent = 0;
      attempt(() => {
        sent = native.send(socket, bytes);
      });
      return sent === bytes.length;
    },
    end,
  };
}
