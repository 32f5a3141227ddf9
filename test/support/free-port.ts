import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below those that the kernel hands out to whoever asks for any (ip_local_port_range): one of these may go to somebody else
 * between the moment that it is found free and that in which it is listened on.
 */
const FIRST = 10_000;
/** How many there are for each process of tests. */
const BLOCK = 100;
const BLOCKS = 200;

let block: Promise<number> | undefined;
let asked = 0;

/**
 * A TCP port that nobody listens on, and that no other process of tests finds, not even while nobody listens on it: an
 * application that is not to be ready is none because another test's happens to be.
 */
export async function freePort(): Promise<number> {
  block ??= claimedBlock();
  const first = FIRST + (await block) * BLOCK;
  for (let tries = 0; tries < BLOCK; tries++) {
    const port = first + (asked++ % BLOCK);
    if (await isFree(port)) return port;
  }
  throw new Error('no TCP port is free');
}

/**
 * One that is this process's until it ends: it holds the abstract socket (unix(7)) of its number, of which there is one. Where
 * there are none (Node before 20.4) it is the process's by its number alone.
 */
async function claimedBlock(): Promise<number> {
  for (let tries = 0; tries < BLOCKS; tries++) {
    const number = (process.pid + tries) % BLOCKS;
    if (await claims(number)) return number;
  }
  throw new Error('no block of TCP ports is free');
}

async function claims(number: number): Promise<boolean> {
  const server = createServer();
  const free = once(server, 'listening').then(
    () => true,
    ({ code }: NodeJS.ErrnoException) => code !== 'EADDRINUSE',
  );
  server.listen(`\0rehup-test-ports-${number}`).unref();
  return free;
}

/** Whether it can be listened on, on all addresses. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
      .on('error', () => resolve(false))
      .listen(port, () => server.close(() => resolve(true)));
  });
}
