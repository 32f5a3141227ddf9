import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { type Rehup, rehup, witness } from './rehup.ts';
import { AT_ONCE } from './volume.ts';

/** A running rehup that answers at a port of the loopback address and at a control socket. */
export type Listening = { readonly run: Rehup; readonly port: number; readonly socket: string };

/** Starts one with a witness as its child; the socket lies in `directory`. */
export async function listening(directory: string, options: readonly string[] = []): Promise<Listening> {
  const port = await freePort();
  const socket = join(directory, 'socket');
  const run = rehup([
    '--listen',
    `127.0.0.1:${port}`,
    '--socket',
    socket,
    ...AT_ONCE,
    ...options,
    ...witness('/dev/null'),
  ]);
  await run.said('start');
  await run.logged('child.started');
  return { run, port, socket };
}

export function url({ port }: Listening, path: string): string {
  return `http://127.0.0.1:${port}${path}`;
}
