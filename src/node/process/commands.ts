import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { constants as system } from 'node:os';
import { resolve } from 'node:path/posix';
import { environmentMap } from '../../core/files/environment.ts';
import { executableCandidates, tryCandidates } from '../../core/process/executable.ts';
import type { ExitStatus } from '../../core/process/exit.ts';
import { OUTPUT_KEPT } from '../../core/state/job.ts';
import type { CommandReports, Commands } from '../../core/state/ports.ts';
import { errnoOf } from '../errno.ts';
import { libc, memory } from './libc.ts';

/** fcntl.h of Linux. */
const O_CLOEXEC = 0o2000000;

/** lseek(2). */
const SEEK_SET = 0;

const PIECE = 64 * 1024;

/**
 * What a pipe holds when the command has exited is read in so many pieces at most: a pipe can be made to hold 1 MiB
 * (pipe(7)), and who left the group may go on writing for ever.
 */
const LAST_PIECES = 16;

/**
 * The Commands port over execa, which is loaded when it is first needed.
 *
 * @param cwd the working directory of the commands, a byte string
 * @param foreign where the process ids are noted as long as libuv waits for them
 */
export function createCommands(cwd: string, foreign: Set<number>): Commands {
  return {
    run(words, environment, reports, input, files) {
      let cancelled = false;
      let kill: (() => void) | undefined;
      void Promise.all([import('execa'), import('node:net')]).then(([{ execa }, { Socket }]) => {
        if (!cancelled)
          kill = begin({ execa, Socket }, { words, environment, cwd, foreign, input, files }, reports);
        if (input !== undefined) closeSync(input);
      });
      return () => {
        cancelled = true;
        kill?.();
      };
    },
  };
}

type Libraries = {
  readonly execa: typeof import('execa').execa;
  readonly Socket: typeof import('node:net').Socket;
};

type CommandRequest = {
  readonly words: readonly string[];
  readonly environment: readonly string[];
  readonly cwd: string;
  readonly foreign: Set<number>;
  readonly input: number | undefined;
  readonly files: readonly string[] | undefined;
};

function begin(
  { execa, Socket }: Libraries,
  { words, environment, cwd, foreign, input, files }: CommandRequest,
  reports: CommandReports,
): () => void {
  const variables = environmentMap(environment);
  const directory = textOf(cwd);
  let file = '';
  const candidates = files ?? executableCandidates(words[0] ?? '', variables.get('PATH'));
  const unusable = tryCandidates(candidates, (candidate) => {
    file = resolve(directory, textOf(candidate));
    return executableErrno(file);
  });
  const ends = unusable === undefined ? pipe() : { errno: unusable };
  if ('errno' in ends) {
    reports.failed(ends.errno);
    return () => {};
  }
  const nothing = openNothing();
  if (nothing === undefined) {
    closeSync(ends.readEnd);
    closeSync(ends.writeEnd);
    reports.failed('EMFILE');
    return () => {};
  }
  const { readEnd, writeEnd } = ends;
  if (input !== undefined) libc.lseek(input, 0n, SEEK_SET);
  // execa's types know no descriptors but 0 to 2, and it hands any on.
  const stdin = nothing as 0;
  const stdout = writeEnd as 1;
  // Not a pipe of Node's, which is a socket: what opens /dev/stderr (nginx -t) would fail.
  const command = execa(file, words.slice(1).map(textOf), {
    argv0: textOf(words[0] ?? ''),
    cwd: directory,
    env: Object.fromEntries([...variables].map(([name, value]) => [textOf(name), textOf(value)])),
    extendEnv: false,
    stdio: input === undefined ? [stdin, stdout, stdout] : [stdin, stdout, stdout, input as 1],
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
  });
  const { pid } = command;
  closeSync(writeEnd);
  closeSync(nothing);
  if (pid !== undefined) foreign.add(pid);
  let over = false;
  let open = true;
  const output = new Socket({ fd: readEnd, readable: true, writable: false });
  output.on('data', (piece: Buffer) => told(piece));
  output.on('end', close);
  output.on('error', close);

  function told(piece: Buffer): void {
    if (!over) reports.wrote(piece.subarray(-OUTPUT_KEPT).toString('latin1'));
  }

  function close(): void {
    open = false;
    output.destroy();
  }

  function killGroup(): void {
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch (error) {
      // All of it has ended.
      errnoOf(error);
    }
  }

  command.once('exit', (code, signal) => {
    if (pid !== undefined) foreign.delete(pid);
    if (over) return;
    killGroup();
    if (open) for (const piece of lastPieces(readEnd)) told(piece);
    over = true;
    close();
    reports.exited(statusOf(code, signal));
  });
  void command.then((result) => {
    if (pid !== undefined || over) return;
    over = true;
    close();
    reports.failed(errnoOf(result));
  });
  return () => {
    if (over) return;
    over = true;
    killGroup();
    close();
  };
}

function statusOf(code: number | null, signal: NodeJS.Signals | null): ExitStatus {
  return signal === null
    ? { kind: 'code', code: code ?? 0 }
    : { kind: 'signal', signal: system.signals[signal] };
}

/** What a pipe still holds. */
function* lastPieces(descriptor: number): Generator<Buffer, void, void> {
  const piece = Buffer.allocUnsafe(PIECE);
  for (let count = 0; count < LAST_PIECES; count++) {
    let length = 0;
    try {
      length = readSync(descriptor, piece, 0, PIECE, null);
    } catch (error) {
      // EAGAIN: those that left the group hold the pipe, and have written nothing more.
      errnoOf(error);
    }
    if (length === 0) return;
    yield piece.subarray(0, length);
  }
}

function pipe(): { readonly readEnd: number; readonly writeEnd: number } | { readonly errno: string } {
  const ends = memory(8);
  // Node does not tell what errno(3) was; the limit on descriptors is what makes a pipe fail.
  if (libc.pipe2(ends, O_CLOEXEC) !== 0) return { errno: 'EMFILE' };
  return { readEnd: ends.readInt32LE(0), writeEnd: ends.readInt32LE(4) };
}

/** What is empty when it is read: /dev/null, or where an image has none a pipe into which nobody writes. */
function openNothing(): number | undefined {
  try {
    return openSync('/dev/null', 'r');
  } catch (error) {
    const ends = errnoOf(error) === 'ENOENT' ? pipe() : undefined;
    if (ends === undefined || 'errno' in ends) return undefined;
    closeSync(ends.writeEnd);
    return ends.readEnd;
  }
}

/** Why execve(2) would refuse a file; libuv would have a shell run what is no program. */
function executableErrno(file: string): string | undefined {
  try {
    if (!statSync(file).isFile()) return 'EACCES';
    accessSync(file, constants.X_OK);
  } catch (error) {
    return errnoOf(error);
  }
  try {
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const start = Buffer.alloc(4);
    readSync(descriptor, start, 0, start.length, 0);
    closeSync(descriptor);
    const text = start.toString('latin1');
    return text.startsWith('#!') || text === '\x7fELF' ? undefined : 'ENOEXEC';
  } catch (error) {
    // A program that may be executed and not read is none of a shell's either.
    errnoOf(error);
    return undefined;
  }
}

/** child_process takes text; bytes that are no UTF-8 are lost on the way. */
function textOf(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString();
}
