import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { childrenOf, PATIENCE, type Rehup } from './rehup.ts';

/** The command lines of all processes below one, seen from outside its namespace; a zombie's is empty. */
export function commandsBelow(pid: number): readonly string[] {
  return childrenOf(pid).flatMap((child) => {
    try {
      const command = readFileSync(`/proc/${child}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return [command, ...commandsBelow(child)];
    } catch {
      // It has ended since.
      return [];
    }
  });
}

/** Waits until a command is below rehup: a shell that is about to run it may lose a signal, and is still named otherwise. */
export async function runs(run: Rehup, command: string): Promise<void> {
  await expect.poll(() => commandsBelow(run.pid()), { timeout: PATIENCE }).toContain(command);
}

/** Waits until all orphans of rehup have ended and been reaped: a zombie is a child of it too. */
export async function onlyTheChild(run: Rehup): Promise<void> {
  await expect.poll(() => childrenOf(run.pid()), { timeout: PATIENCE }).toHaveLength(1);
}

/** A shell script that can be run by its path. */
export function script(path: string, text: string): string {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** The lines of a file that a command writes; none if it is not there yet. */
export function linesOf(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n');
  } catch {
    return [];
  }
}
