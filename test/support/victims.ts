import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE } from '../../scripts/build/product.ts';
import type { Capability } from './machine.ts';

const VICTIMS = join(import.meta.dirname, '../victims');

/** Makes a victim anew when its source is younger; several test files may do so at once, with the same result. */
function build(name: string): boolean {
  const source = join(VICTIMS, `${name}.c`);
  const program = join(CACHE, name);
  if (existsSync(program) && statSync(program).mtimeMs > statSync(source).mtimeMs) return true;
  mkdirSync(CACHE, { recursive: true });
  const beside = `${program}-${process.pid}`;
  const { status } = spawnSync('gcc', ['-O2', '-pthread', '-o', beside, source]);
  return status === 0 && spawnSync('mv', [beside, program]).status === 0;
}

/** A C compiler for the victims that a script could not be. */
export const VICTIMS_IN_C: Capability = {
  prefix: ['teller', 'storm', 'refuser', 'waiter', 'silent', 'traced', 'refusing', 'vandal'].every(build)
    ? []
    : undefined,
  remedy: 'a C compiler (apt-get install -y gcc libc6-dev)',
};

/** The words that run the teller: it tells of signals by number with the content of a file, and ends with a code at TERM. */
export function teller(file: string, code = 0): readonly string[] {
  return [join(CACHE, 'teller'), file, String(code)];
}

let interpreter = '';

/** Python itself: where a version manager stands before it each start takes a dozen shells. */
function python(): string {
  interpreter ||= spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], {
    encoding: 'utf8',
  }).stdout.trim();
  return interpreter;
}

/** The words that run a child which says by sd_notify(3) what this Python tells it to: when it starts, and at each HUP. */
export function announcer(start: string, hangUp = 'pass'): readonly string[] {
  return [python(), join(VICTIMS, 'announcer.py'), start, hangUp];
}

/** The words that run a command where no Unix socket can be made. */
export function refusing(...command: readonly string[]): readonly string[] {
  return [join(CACHE, 'refuser'), ...command];
}

/** The words that run the waiter: it takes HUP and TERM without a handler, as `how` says, and ends with 3. */
export function waiter(
  how: 'sigwait' | 'signalfd' | 'timer' | 'left' | 'ended' | 'named',
  ...more: readonly string[]
): readonly string[] {
  return [join(CACHE, 'waiter'), how, ...more];
}

/** The words that run the storm: it leaves so many orphans that die at once, and ends with a code. */
export function storm(count: number, code: number, ...more: readonly string[]): readonly string[] {
  return [join(CACHE, 'storm'), String(count), String(code), ...more];
}

/** The program that does to a directory what whoever may write in it can do: see its source. */
export const VANDAL = join(CACHE, 'vandal');

/** The program of a file server that stops answering when it is told to. */
export const SILENT = join(CACHE, 'silent');
/** The words that run what asks to be traced by its parent: before an exec, at once, or to die of a signal then. */
export function traced(way: 'first' | 'itself' | 'dies'): readonly string[] {
  return [join(CACHE, 'traced'), way];
}

/** Where Debian's linux-libc-dev has the numbers of the system calls of x86-64. */
const NUMBERS = '/usr/include/x86_64-linux-gnu/asm/unistd_64.h';

/** The numbers of system calls, and a machine whose executables lie below 4 GiB as the refusing victim wants it. */
export const SYSTEM_CALLS: Capability = {
  prefix: process.arch === 'x64' && existsSync(NUMBERS) ? [] : undefined,
  remedy: 'the system calls of x86-64 (apt-get install -y linux-libc-dev)',
};

/** The words before a static executable to which a system call is refused with an errno. */
export function withoutCall(call: string, errno: number): readonly string[] {
  const number = new RegExp(`#define __NR_${call} (\\d+)`).exec(readFileSync(NUMBERS, 'utf8'))?.[1];
  if (number === undefined) throw new Error(`${call}: no such system call`);
  return [join(CACHE, 'refusing'), String(errno), number];
}
