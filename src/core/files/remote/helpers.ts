import type { FileAnswer, FileRequest } from '../files.ts';
import { answerOf, createLines, requestLine } from './wire.ts';

/*
 * Requests that may hang are put to helpers: processes of rehup's own, one a file system, so that only they wait. One
 * that waits too long is left alone (a wait in the kernel can't be ended), gets nothing else to do and no other in its
 * place, and is heard when it answers after all.
 */

/** What starts helpers; a host's. */
export type Helpers = {
  /**
   * Starts one that answers {@link requestLine}s. It ends with rehup, holds nothing open of rehup's or the child's, and
   * is none of the descendants that anybody waits for. Nothing is told before the call has returned.
   */
  start(reports: HelperReports): Helper | { readonly errno: string };
};

export type Helper = {
  /** False if it can't take them now. At most 128 KiB. */
  send(bytes: string): boolean;
  /** Ends it as far as it lets itself be ended; nothing is told afterwards. */
  end(): void;
};

export type HelperReports = {
  readonly received: (bytes: string) => void;
  readonly ended: () => void;
};

/** So many helpers at a time; a file system for which there is none has to wait. */
const MOST_HELPERS = 16;

type Asked = {
  readonly request: FileRequest;
  readonly since: number;
  /** For so long an answer is waited for, ms. */
  readonly patience: number;
  /** undefined: nobody waits any more. */
  answered: ((answer: FileAnswer) => void) | undefined;
};

type Server = {
  helper: Helper | undefined;
  /** The number of the present helper, or of the last one. */
  life: number;
  asked: Asked | undefined;
  queue: Asked[];
  /** Whether what was asked was not answered in its time. */
  stuck: boolean;
};

export type AskingOptions = {
  readonly helpers: Helpers;
  readonly now: () => number;
  /** Has {@link Asking.due} called after this, ms; a later call takes the place of an earlier one. */
  readonly wake: (delay: number) => void;
  /** Runs something a little later. */
  readonly soon: (task: () => void) => void;
  /** A file system that had stopped answering answers again. */
  readonly answering: () => void;
};

export type Asking = {
  /**
   * Asks the helper of a file system, known by its device.
   *
   * @param answered is called later with the answer; ETIMEDOUT after `patience`, EIO when the helper ended
   * @returns undefined, or an answer at once: ETIMEDOUT while the file system is known not to answer
   */
  ask(
    device: string,
    request: FileRequest,
    patience: number,
    answered: (answer: FileAnswer) => void,
  ): FileAnswer | undefined;
  /** The number of the helper that holds what was opened last. */
  life(device: string): number;
  /** Closes a file of a helper, if that one still lives, when it has the time. */
  close(device: string, life: number, file: number): void;
  /** Ends the helpers of file systems that are none of these and that nothing was asked of. */
  keep(devices: ReadonlySet<string>): void;
  due(): void;
};

export function createAsking({ helpers, now, wake, soon, answering }: AskingOptions): Asking {
  const servers = new Map<string, Server>();

  function serverOf(device: string): Server {
    const known = servers.get(device);
    if (known !== undefined) return known;
    const server: Server = { helper: undefined, life: 0, asked: undefined, queue: [], stuck: false };
    servers.set(device, server);
    return server;
  }

  function isIdle({ asked, queue }: Server): boolean {
    return asked === undefined && queue.length === 0;
  }

  function dismiss(server: Server): void {
    server.helper?.end();
    server.helper = undefined;
  }

  /** The name of the errno if a helper is needed and there can be none. */
  function provide(server: Server): string | undefined {
    if (server.helper !== undefined) return undefined;
    const others = [...servers.values()].filter(({ helper }) => helper !== undefined);
    if (others.length >= MOST_HELPERS) {
      const idle = others.find(isIdle);
      if (idle === undefined) return 'EAGAIN';
      dismiss(idle);
    }
    const linesOf = createLines();
    server.life += 1;
    const started = helpers.start({
      received(bytes) {
        const lines = linesOf(bytes);
        if (lines !== undefined) for (const line of lines) received(server, answerOf(line));
        else {
          dismiss(server);
          ended(server);
        }
      },
      ended: () => ended(server),
    });
    if ('errno' in started) return started.errno;
    server.helper = started;
    return undefined;
  }

  function received(server: Server, answer: FileAnswer): void {
    const { asked, stuck, life } = server;
    server.asked = undefined;
    server.stuck = false;
    if (asked?.answered !== undefined) asked.answered(answer);
    else if (answer.op === 'open' || answer.op === 'enter' || answer.op === 'create')
      closeLater(server, answer.value);
    if (life === server.life) next(server);
    if (stuck) answering();
  }

  function ended(server: Server): void {
    const { asked, stuck } = server;
    server.helper = undefined;
    server.asked = undefined;
    server.stuck = false;
    server.queue = server.queue.filter(({ answered }) => answered !== undefined);
    asked?.answered?.({ op: 'error', errno: 'EIO' });
    next(server);
    if (stuck) answering();
  }

  /** Puts the next request to a helper that has nothing to do. */
  function next(server: Server): void {
    if (server.asked !== undefined) return;
    const asked = server.queue.shift();
    if (asked === undefined) return;
    server.asked = asked;
    const errno = provide(server);
    if (errno === undefined && server.helper?.send(requestLine(asked.request)) === true) return;
    soon(() => {
      if (server.asked !== asked) return;
      dismiss(server);
      ended(server);
    });
  }

  function closeLater(server: Server, file: number): void {
    const request: FileRequest = { op: 'close', file };
    server.queue.unshift({ request, since: now(), patience: 0, answered: undefined });
  }

  function arm(): void {
    const waits = [...servers.values()].flatMap(({ asked, queue }) =>
      [...(asked === undefined ? [] : [asked]), ...queue].flatMap(({ since, patience, answered }) =>
        answered === undefined ? [] : [since + patience - now()],
      ),
    );
    if (waits.length > 0) wake(Math.max(0, Math.min(...waits)));
  }

  function giveUp(server: Server): void {
    const late = [...(server.asked === undefined ? [] : [server.asked]), ...server.queue].filter(
      ({ since, patience, answered }) => answered !== undefined && since + patience <= now(),
    );
    if (late.length === 0) return;
    // Who waits behind it would wait for the same.
    const waiting = [server.asked, ...server.queue].flatMap((one) =>
      one?.answered === undefined ? [] : [one],
    );
    server.stuck = true;
    server.queue = server.queue.filter(({ answered }) => answered === undefined);
    for (const one of waiting) {
      const { answered } = one;
      one.answered = undefined;
      answered?.({ op: 'error', errno: 'ETIMEDOUT' });
    }
  }

  return {
    ask(device, request, patience, answered) {
      const server = serverOf(device);
      if (server.stuck) return { op: 'error', errno: 'ETIMEDOUT' };
      const errno = provide(server);
      if (errno !== undefined) return { op: 'error', errno };
      server.queue.push({ request, since: now(), patience, answered });
      next(server);
      arm();
      return undefined;
    },
    life: (device) => serverOf(device).life,
    close(device, life, file) {
      const server = serverOf(device);
      if (server.life !== life || server.helper === undefined) return;
      closeLater(server, file);
      next(server);
    },
    keep(devices) {
      for (const [device, server] of servers) {
        if (devices.has(device) || !isIdle(server)) continue;
        dismiss(server);
        servers.delete(device);
      }
    },
    due() {
      for (const server of [...servers.values()]) giveUp(server);
      arm();
    },
  };
}
