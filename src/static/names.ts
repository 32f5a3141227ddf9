import { noAddresses } from '../core/jobs/names.ts';
import type { ExitStatus } from '../core/process/exit.ts';
import { SIGKILL } from '../core/process/signals.ts';
import type { Names } from '../core/state/ports.ts';
import { type Result, success } from '../core/text/result.ts';
import type { Loop } from './loop.ts';
import { errnoOf } from './native.ts';
import { attempt, kill } from './processes.ts';

export type NameOptions = {
  /** Has the end of a process told, by the one that reaps. */
  readonly onEnd: (pid: number, ended: (status: ExitStatus) => void) => void;
};

/** More than all addresses take that the C library tells of. */
const PIECE = 16 * 1024;

/** The Names port: the C library's own resolver, which waits, in a copy of this process for each name. */
export function createNames(loop: Loop, { onEnd }: NameOptions): Names {
  return {
    lookUp(name, told) {
      const started = start(name);
      let over = false;
      function tell(found: Result<readonly string[]>): void {
        if (over) return;
        over = true;
        told(found);
      }
      if ('errno' in started) {
        loop.soon(() => tell(noAddresses(started.errno)));
        return () => {
          over = true;
        };
      }
      const { pid, socket } = started;
      let isThere = true;
      let text = '';
      onEnd(pid, () => {
        isThere = false;
      });
      function close(): void {
        loop.close(socket);
        if (isThere) kill(pid, SIGKILL);
      }
      loop.onReadable(socket, () => {
        let piece = '';
        const errno = attempt(() => {
          piece = native.read(socket, PIECE);
        });
        if (errno === 'EAGAIN') return;
        text += piece;
        if (piece !== '') return;
        close();
        tell(readFound(text));
      });
      return () => {
        if (!over) close();
        over = true;
      };
    },
  };
}

function start(name: string): { readonly pid: number; readonly socket: number } | { readonly errno: string } {
  try {
    const [pid, socket] = native.helper();
    if (pid === 0) tellAddresses(name, socket);
    return { pid, socket };
  } catch (error) {
    return { errno: errnoOf(error) };
  }
}

/** What the copy does for the rest of its life: a line for each address, or one that says why there is none. */
function tellAddresses(name: string, socket: number): never {
  try {
    const found = native.addresses(name);
    native.print(socket, typeof found === 'string' ? `!${found}\n` : found.map((one) => `${one}\n`).join(''));
  } finally {
    native.exit(0);
  }
}

function readFound(text: string): Result<readonly string[]> {
  const lines = text.split('\n').filter((line) => line !== '');
  const [first = '!EAI_FAIL'] = lines;
  return first.startsWith('!') ? noAddresses(first.slice(1)) : success(lines);
}
