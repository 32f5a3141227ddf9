import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type ContainerOptions, containerWords } from './images.ts';
import type { Payload, Volume } from './kubelet.ts';
import { PATIENCE, type Rehup, rehup } from './rehup.ts';
import { writtenVolume } from './volume.ts';

export type Container = {
  readonly name: string;
  readonly self: Rehup;
  /** A command of podman on this container. */
  podman(...words: readonly string[]): void;
  /** Runs a command in the container, as `kubectl exec` does; answers what it wrote. */
  exec(...words: readonly string[]): string;
};

let count = 0;

/** Containers whose volumes lie below a directory. */
export function createContainers(directory: string) {
  return {
    newVolume(payload: Payload): Volume {
      mkdirSync(directory, { recursive: true });
      const path = mkdtempSync(join(directory, 'volume-'));
      for (const folder of [join(directory, '..'), directory, path]) chmodSync(folder, 0o755);
      return writtenVolume(path, payload);
    },

    /** Runs an image, with other words than its own if they are given. */
    run(options: Omit<ContainerOptions, 'name'>, words: readonly string[] = []): Container {
      count += 1;
      const name = `rehup-test-${process.pid}-${count}`;
      const [program = '', ...rest] = [...containerWords({ ...options, name }), ...words];
      // conmon leaves a file `oom` in its working directory when a container runs out of memory.
      const self = rehup(rest, { prefix: [], executable: program, cwd: directory });
      return {
        name,
        self,
        podman: (command, ...more) =>
          void execFileSync('podman', [command ?? '', ...more, name], { stdio: 'ignore' }),
        exec: (...command) =>
          execFileSync('podman', ['--runtime', 'runc', 'exec', name, ...command], { encoding: 'utf8' }),
      };
    },
  };
}

/** A TCP port of the loopback that nothing listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

/** Asks a server until it answers with this text, or for as long as tests wait; answers what it said last. */
export async function served(port: number, text: string): Promise<string> {
  const end = Date.now() + PATIENCE;
  let last = '';
  do {
    try {
      // A connection that is kept would keep the worker that has it.
      const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
      last = (await answer.text()).trim();
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    if (last !== text) await new Promise((resolve) => setTimeout(resolve, 20));
  } while (last !== text && Date.now() < end);
  return last;
}
