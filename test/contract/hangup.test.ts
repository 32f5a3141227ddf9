import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { PYTHON } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { REHUP_BIN } from '../support/rehup.ts';
import { eachWithDirectory } from '../support/volume.ts';

/** A terminal that hangs up: its HUP is forwarded, and it ends neither a start nor rehup. */

const test = needing(PYTHON);
const directory = eachWithDirectory();

/** Leads a session on a terminal, hangs up once a text has come, and tells how the command ended. */
const HANG_UP = `
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execv(sys.argv[2], sys.argv[2:])
seen = b''
while sys.argv[1].encode() not in seen: seen += os.read(terminal, 1000)
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

function hangUp(after: string, script: string, options: readonly string[] = []): number | null {
  return spawnSync('python3', ['-c', HANG_UP, after, REHUP_BIN, ...options, 'sh', '-c', script]).status;
}

test('before the child has started', () => {
  // The HUP may find a shell that has just begun, and end that; the start itself does not fail for it (125).
  for (let time = 0; time < 5; time++) expect([3, 129]).toContain(hangUp('not PID 1', 'trap "" HUP; exit 3'));
});

test('while it runs: it gets the HUP and goes on', () => {
  const told = join(directory.path, 'told');
  const script = `trap 'echo HUP > ${told}' HUP; echo waiting; while ! [ -e ${told} ]; do sleep 0.02; done; exit 3`;
  expect(hangUp('waiting', script)).toBe(3);
  expect(readFileSync(told, 'utf8')).toBe('HUP\n');
});

test('while it runs, where a HUP asks for a reload: the child is told once', () => {
  const told = join(directory.path, 'told');
  const key = join(directory.path, 'key');
  writeFileSync(key, 'one');
  // Long enough after the first for another one to come.
  const script = `trap 'echo HUP >> ${told}' HUP; echo waiting; while ! [ -e ${told} ]; do sleep 0.02; done; sleep 0.5; exit 3`;
  expect(hangUp('waiting', script, ['-w', key, '--on-change', 'HUP', '--verify', '0', '--'])).toBe(3);
  expect(readFileSync(told, 'utf8')).toBe('HUP\n');
});
