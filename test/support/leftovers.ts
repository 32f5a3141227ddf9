import { readdirSync, readlinkSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

/**
 * Removes the control sockets of rehups that tests have killed, once all tests are over. Those of another run beside it may
 * be about to be made: the directory of a mount namespace in which somebody lives is left alone.
 */
export async function teardown(): Promise<void> {
  const own = `rehup-${process.geteuid?.() ?? 0}-`;
  const found = ['/run', '/tmp', '/dev/shm'].flatMap((base) =>
    readdirSync(base)
      .filter((entry) => entry.startsWith(own))
      .map((entry) => ({ path: join(base, entry), namespace: entry.slice(own.length) })),
  );
  const inhabited = mountNamespaces();
  for (const { path, namespace } of found) {
    if (inhabited.has(namespace) || (await answers(join(path, 'control.sock')))) continue;
    rmSync(path, { recursive: true, force: true });
  }
}

/** The numbers of the mount namespaces of all processes that may be asked: namespaces(7). */
function mountNamespaces(): ReadonlySet<string> {
  const numbers = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      numbers.add(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/mnt`))?.[0] ?? '');
    } catch {
      // Ended, or another's.
    }
  }
  return numbers;
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
