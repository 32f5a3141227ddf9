import { createServer } from 'node:net';
import { join } from 'node:path';
import { type Rehup, rehup, witness } from './rehup.ts';
import { AT_ONCE } from './volume.ts';

/** A running rehup that answers at a port of the loopback address and at a control socket. */
export type Listening = { readonly run: Rehup; readonly port: number; readonly socket: string };

/** A port that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

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
