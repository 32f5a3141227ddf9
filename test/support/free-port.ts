import { createServer } from 'node:net';

/**
 * Below those that the kernel hands out to whoever asks for any (ip_local_port_range): one of these may go to somebody else
 * between the moment that it is found free and that in which it is listened on.
 */
const FIRST = 10_000;
/** How many there are for each process of tests; those that run at once have numbers that are near to each other. */
const BLOCK = 100;
const BLOCKS = 200;

let asked = 0;

/** A TCP port that nobody listens on, nor will by chance. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < BLOCK; tries++) {
    const port = FIRST + (process.pid % BLOCKS) * BLOCK + (asked++ % BLOCK);
    if (await isFree(port)) return port;
  }
  throw new Error('no TCP port is free');
}

/** Whether it can be listened on, on all addresses. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
      .on('error', () => resolve(false))
      .listen(port, () => server.close(() => resolve(true)));
  });
}
