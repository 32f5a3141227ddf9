import { spawn } from 'node:child_process';
import { readSync, writeSync } from 'node:fs';
import { isSea } from 'node:sea';
import type { Files } from '../../core/files/files.ts';
import type { Helpers } from '../../core/files/remote/helpers.ts';
import { serveFiles } from '../../core/files/remote/wire.ts';
import { libc } from './libc.ts';

/** The only word of a helper's command line. */
export const HELPER = '--rehup-helper';

/** prctl.h and signal.h of Linux. */
const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9n;

const PIECE = 64 * 1024;

/**
 * Helpers that are this program, started once more: a thread that waits in the kernel would keep rehup from ending.
 *
 * @param foreign where the process ids are noted as long as libuv waits for them
 */
export function createHelpers(foreign: Set<number>): Helpers {
  return {
    start(reports) {
      const words = isSea() ? [HELPER] : [...process.execArgv, process.argv[1] ?? '', HELPER];
      const helper = spawn(process.execPath, words, {
        stdio: ['pipe', 'pipe', 'ignore'],
        cwd: '/',
        detached: true,
      });
      const { pid } = helper;
      let over = false;
      const ended = () => {
        if (over) return;
        over = true;
        reports.ended();
      };
      if (pid !== undefined) foreign.add(pid);
      helper.once('exit', () => {
        if (pid !== undefined) foreign.delete(pid);
        ended();
      });
      helper.on('error', ended);
      helper.stdin.on('error', ended);
      helper.stdout.on('data', (piece: Buffer) => {
        if (!over) reports.received(piece.toString('latin1'));
      });
      return {
        send(bytes) {
          helper.stdin.write(bytes, 'latin1');
          return !helper.stdin.destroyed;
        },
        end() {
          over = true;
          helper.kill('SIGKILL');
        },
      };
    },
  };
}

/** What a helper does for its life: it ends with rehup, or when rehup closes its stdin. */
export function help(files: Files): void {
  libc.prctl(PR_SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n);
  const piece = Buffer.allocUnsafe(PIECE);
  serveFiles(
    files,
    () => piece.toString('latin1', 0, readSync(0, piece, 0, PIECE, null)),
    (text) => {
      const data = Buffer.from(text, 'latin1');
      for (let done = 0; done < data.length; ) done += writeSync(1, data, done, data.length - done);
    },
  );
}
