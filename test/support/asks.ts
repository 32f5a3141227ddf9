import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { REHUP_BIN } from './rehup.ts';

/** Runs the executable to its end, as `kubectl exec` would run a subcommand; its code and what it wrote. */
export async function asks(
  words: readonly string[],
  prefix: readonly string[] = [],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const [program = '', ...rest] = [...prefix, REHUP_BIN, ...words];
  try {
    const { stdout, stderr } = await promisify(execFile)(program, rest);
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}
