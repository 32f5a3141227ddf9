import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type ContainerOptions, containerWords } from './images.ts';
import type { Payload, Volume } from './kubelet.ts';
import { type Rehup, rehup } from './rehup.ts';
import { writtenVolume } from './volume.ts';

export type Container = {
  readonly name: string;
  readonly self: Rehup;
  /** A command of podman on this container. */
  podman(...words: readonly string[]): void;
  /** Runs a command in the container, as `kubectl exec` does; answers what it wrote. */
  exec(...words: readonly string[]): string;
  /** The process id of rehup, seen from outside. */
  pid(): number;
  /** Asks a server in it, from within its network, which is its own and no more than a loopback: see asking.ts. */
  served(port: number, text: string, path?: string): Promise<string>;
};

let count = 0;

/** Containers whose volumes lie below a directory. */
export function createContainers(directory: string) {
  function newDirectory(mode: number): string {
    mkdirSync(directory, { recursive: true });
    const path = mkdtempSync(join(directory, 'volume-'));
    for (const folder of [join(directory, '..'), directory]) chmodSync(folder, 0o755);
    chmodSync(path, mode);
    return path;
  }

  return {
    newVolume: (payload: Payload): Volume => writtenVolume(newDirectory(0o755), payload),

    /** A directory that anybody may write to, as the kubelet makes an emptyDir; it outlives containers. */
    newEmptyDirectory: (): string => newDirectory(0o777),

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
        pid: () => pidOf(name),
        async served(port, text, path = '/') {
          const ask = [process.execPath, join(import.meta.dirname, 'asking.ts'), `${port}`, text, path];
          const words = ['--target', `${pidOf(name)}`, '--net', ...ask];
          return (await promisify(execFile)('nsenter', words)).stdout;
        },
      };
    },
  };
}

function pidOf(name: string): number {
  const words = ['inspect', '--format', '{{.State.Pid}}', name];
  return Number(execFileSync('podman', words, { encoding: 'utf8' }));
}
