import { readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

/** Removes the control sockets of rehups that tests have killed, once all tests are over. */
export async function teardown(): Promise<void> {
  const own = `rehup-${process.geteuid?.() ?? 0}-`;
  for (const base of ['/run', '/tmp', '/dev/shm']) {
    for (const name of readdirSync(base).filter((entry) => entry.startsWith(own))) {
      const directory = join(base, name);
      if (!(await answers(join(directory, 'control.sock'))))
        rmSync(directory, { recursive: true, force: true });
    }
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
