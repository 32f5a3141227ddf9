import type { ExitStatus } from '../core/process/exit.ts';
import { SIGKILL } from '../core/process/signals.ts';
import { OUTPUT_KEPT } from '../core/state/job.ts';
import type { CommandReports, Commands } from '../core/state/ports.ts';
import type { Loop } from './loop.ts';
import { errnoOf } from './native.ts';
import { attempt, kill, spawn } from './processes.ts';

export type CommandOptions = {
  readonly cwd: string | undefined;
  /** Has the end of a process told, by the one that reaps. */
  readonly onEnd: (pid: number, ended: (status: ExitStatus) => void) => void;
};

/** No gift for spawn. */
const NONE = -1;

/** Where a command finds the file that it is given: `/proc/self/fd/3` (specification 5, *check*). */
const FILE_NUMBER = 3;

/**
 * What a pipe holds when the command has exited is read in so many pieces of 64 KiB at most: a pipe can be made to hold
 * 1 MiB (pipe(7)), and who left the group may go on writing for ever.
 */
const LAST_PIECES = 16;

/** The Commands port. */
export function createCommands(loop: Loop, { cwd, onEnd }: CommandOptions): Commands {
  function start(
    words: readonly string[],
    environment: readonly string[],
    input: number | undefined,
    files?: readonly string[],
  ) {
    const opened: number[] = input === undefined ? [] : [input];
    let output: number | undefined;
    try {
      const [readEnd, writeEnd] = native.pipe();
      output = readEnd;
      opened.push(writeEnd);
      const nothing = openNothing();
      opened.push(nothing);
      const given = input ?? NONE;
      const begin = (file: string) =>
        native.spawn(file, words, environment, cwd, false, nothing, writeEnd, writeEnd, given, FILE_NUMBER);
      const started = spawn(words, environment, begin, files);
      if ('pid' in started) return { pid: started.pid, output };
      native.close(output);
      return started;
    } catch (error) {
      if (output !== undefined) native.close(output);
      return { errno: errnoOf(error) };
    } finally {
      for (const descriptor of opened) native.close(descriptor);
    }
  }

  return {
    run(words, environment, reports, input, files) {
      const started = start(words, environment, input, files);
      if ('errno' in started) return failing(loop, started.errno, reports);
      const { pid, output } = started;
      let over = false;
      let open = true;

      /** Reads a piece; false if there is no more, now or for ever. */
      function read(): boolean {
        let piece = '';
        const errno = attempt(() => {
          piece = native.readTail(output, OUTPUT_KEPT);
        });
        if (errno === 'EAGAIN') return false;
        if (piece === '') close();
        else reports.wrote(piece);
        return open;
      }

      function close(): void {
        if (open) loop.close(output);
        open = false;
      }

      loop.onReadable(output, read);
      onEnd(pid, (status) => {
        if (over) return;
        over = true;
        kill(-pid, SIGKILL);
        for (let piece = 0; open && piece < LAST_PIECES && read(); piece++) {}
        close();
        reports.exited(status);
      });
      return () => {
        if (over) return;
        over = true;
        kill(-pid, SIGKILL);
        close();
      };
    },
  };
}

/** What is empty when it is read: /dev/null, or where an image has none a pipe into which nobody writes. */
function openNothing(): number {
  try {
    return native.open('/dev/null');
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    const [readEnd, writeEnd] = native.pipe();
    native.close(writeEnd);
    return readEnd;
  }
}

/** Tells a failure once the call that it belongs to has returned. */
function failing(loop: Loop, errno: string, reports: CommandReports): () => void {
  let cancelled = false;
  loop.soon(() => {
    if (!cancelled) reports.failed(errno);
  });
  return () => {
    cancelled = true;
  };
}
