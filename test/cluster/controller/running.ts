import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ROOT } from '../../../scripts/build/product.ts';
import { freePort } from '../../support/free-port.ts';
import { awaited } from '../client/waiting.ts';

/** A controller as a process of this machine, with the rights of its service account. */
export type Running = {
  readonly process: ChildProcess;
  readonly port: number;
  /** The lines of its log, as they are. */
  lines(): readonly string[];
  /** The first line with this event, when it comes. */
  said(event: string): Promise<string>;
  kill(signal?: NodeJS.Signals): Promise<void>;
};

/** Where it runs, when that is not this machine. */
export type Elsewhere = { readonly prefix: readonly string[]; readonly listen: string };

export async function startController(
  kubeconfig: string,
  words: readonly string[],
  elsewhere?: Elsewhere,
): Promise<Running> {
  const port = elsewhere === undefined ? await freePort() : 0;
  const all = [
    'controller',
    '--kubeconfig',
    kubeconfig,
    '--listen',
    elsewhere?.listen ?? `127.0.0.1:${port}`,
    '--log-format',
    'json',
  ];
  const [program = '', ...first] = [...(elsewhere?.prefix ?? []), join(ROOT, 'dist/rehup-node')];
  const child = spawn(program, [...first, ...all, ...words], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const lines = () => output.split('\n').slice(0, -1);
  return {
    process: child,
    port,
    lines,
    said: (event) =>
      awaited(event, () => lines().find((line) => line.includes(`"event":"${event}"`)), {
        shown: () => output,
      }),
    async kill(signal = 'SIGKILL') {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
  };
}
