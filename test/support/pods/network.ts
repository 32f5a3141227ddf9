import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Pod } from './pod.ts';

/** Asks a server in a pod, from within its network, until this text is in its answer; see asking.ts. */
export async function served({ runtime }: Pod, port: number, text: string, path: string): Promise<string> {
  const ask = [process.execPath, join(import.meta.dirname, '../asking.ts'), `${port}`, text, path];
  const words = ['--target', `${runtime.sandbox}`, '--net', ...ask];
  return (await promisify(execFile)('nsenter', words)).stdout;
}
