import { readFileSync, readlinkSync } from 'node:fs';
import { isSea } from 'node:sea';
import { HOST_FILES, hostOf, NO_HOST } from '../core/process/host.ts';
import { argumentBytes, LIMITS } from '../core/process/proc.ts';
import type { Identity } from '../core/state/state.ts';
import { bytesOfText } from '../core/text/bytes.ts';
import { cString, later, libc } from './process/libc.ts';

/** The words after the program's name, byte strings: Node's own argv has lost what is not UTF-8. */
export function givenWords(): readonly string[] {
  const words = zeroSeparated('/proc/self/cmdline');
  // A launcher runs as `node OPTION... FILE WORD...`, a single executable as `rehup-node WORD...`.
  const own = isSea() ? 1 : process.execArgv.length + 2;
  return words?.slice(own) ?? process.argv.slice(2).map(bytesOfText);
}

/** The `NAME=value` entries that rehup was given, byte strings. */
export function givenEnvironment(): readonly string[] {
  const entries = zeroSeparated('/proc/self/environ');
  return entries ?? Object.entries(process.env).map(([name, value]) => bytesOfText(`${name}=${value ?? ''}`));
}

/** The most bytes that execve(2) takes of arguments and environment together; the usual ones where that is not asked. */
export function givenArgumentBytes(asked: boolean): number {
  return argumentBytes(asked ? textOf(LIMITS) : undefined);
}

/** The user, and the name of the host where that is asked. */
export function givenIdentity(asked: boolean): Omit<Identity, 'version' | 'edition'> {
  const host = asked ? hostOf(textOf(HOST_FILES.name), linkTarget(HOST_FILES.namespace)) : NO_HOST;
  return { uid: process.geteuid?.() ?? 0, ...host };
}

/** The working directory, a byte string; undefined if it is gone. */
export function givenDirectory(): string | undefined {
  try {
    const text = process.cwd();
    // Node has lost what is not UTF-8; the link tells it, but would name a directory that is gone as well.
    return linkTarget('/proc/self/cwd') ?? bytesOfText(text);
  } catch {
    return undefined;
  }
}

/**
 * Moves to `/`, so that from here on rehup keeps no mount busy; the child is started in the directory that was given.
 * False where rehup would not get back there (a WORKDIR that this user may not enter): then it stays, and the child with it.
 */
export function leaveDirectory(cwd: string): boolean {
  if (later.addChdir === undefined || libc.chdir(cString(cwd)) !== 0) return false;
  process.chdir('/');
  return true;
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path, 'buffer').toString('latin1');
  } catch {
    return undefined;
  }
}

/** Whether a descriptor is a terminal; asked of the C library, since `node:tty` would bring Node's sockets with it. */
export function isTerminal(descriptor: number): boolean {
  return libc.isatty(descriptor) === 1;
}

/** The columns of the terminal on a descriptor; undefined if it is none. */
export function terminalWidth(descriptor: number): number | undefined {
  if (!isTerminal(descriptor)) return undefined;
  const { WriteStream } = process.getBuiltinModule('node:tty');
  return new WriteStream(descriptor).columns;
}

function zeroSeparated(path: string): readonly string[] | undefined {
  const text = textOf(path);
  return text === '' ? [] : text?.replace(/\0$/, '').split('\0');
}

/** A file of /proc, a byte string; undefined without it. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
