import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { IContainer, IPodSpec } from 'kubernetes-models/v1';
import { LIMITS } from '../images.ts';

/** The part of the container runtime for one pod: podman and runc, with containers that share what those of a pod share. */

export type Ran = { readonly code: number; readonly output: string };

/** A life of a container. */
export type Life = {
  readonly name: string;
  /** Resolves with its exit code when it has ended. */
  readonly ended: Promise<number>;
};

export type Runtime = {
  /** The process id of the sandbox, seen from outside: its network is that of the pod. */
  readonly sandbox: number;
  /** Starts a container; `attempt` counts its lives from 0. */
  start(container: IContainer, attempt: number): Promise<Life>;
  /** Asks it to end, and kills it after so many seconds. */
  stop(life: Life, seconds: number): Promise<void>;
  /** Runs a command in a container: undefined if it did not end in time, which ends it. */
  exec(life: Life, words: readonly string[], seconds?: number): Promise<Ran | undefined>;
  /** All that it has written. */
  logs(life: Life): string;
  /** Removes everything. */
  remove(): Promise<void>;
};

export type RuntimeOptions = {
  readonly name: string;
  readonly pod: IPodSpec;
  /** An image that does nothing but wait and reap: its container holds the namespaces (see pause.c). */
  readonly sandbox: string;
  /** Images as podman knows them, by what the manifest calls them. */
  readonly images: Readonly<Record<string, string>>;
  /** Directories of this machine by the names of volumes. */
  readonly volumes: Readonly<Record<string, string>>;
};

const PODMAN = ['--runtime', 'runc'];

export function createRuntime({ name, pod, sandbox, images, volumes }: RuntimeOptions): Runtime {
  const made: string[] = [];
  const starting = new Set<Promise<unknown>>();
  const podman = (...words: readonly string[]) => promisify(execFile)('podman', [...PODMAN, ...words]);

  const holder = `${name}-sandbox`;
  const shares = ['--network', 'none', '--ipc', 'shareable', '--name', holder];
  made.push(holder);
  execFileSync('podman', [...PODMAN, 'run', '--detach', ...LIMITS, ...shares, sandbox], { stdio: 'pipe' });
  const inspected = execFileSync('podman', ['inspect', '--format', '{{.State.Pid}}', holder]);

  function words(container: IContainer, life: string): readonly string[] {
    const { command, args = [], env = [], volumeMounts = [], resources, securityContext } = container;
    const image = images[String(container.image)];
    if (image === undefined) throw new Error(`there is no image for ${container.image}`);
    const shared = ['network', 'ipc', ...(pod.shareProcessNamespace === true ? ['pid'] : [])];
    const user = securityContext?.runAsUser ?? pod.securityContext?.runAsUser;
    const memory = resources?.limits?.['memory'];
    const mounts = volumeMounts.map(({ name: volume, mountPath, readOnly }) => {
      // The kubelet mounts ConfigMaps read-only, whatever is said.
      const isConfig = pod.volumes?.find((one) => one.name === volume)?.configMap !== undefined;
      return `--volume=${volumes[volume]}:${mountPath}${readOnly === true || isConfig ? ':ro' : ''}`;
    });
    return [
      ...['run', '--detach', '--name', life, ...LIMITS],
      ...shared.map((namespace) => `--${namespace}=container:${holder}`),
      ...(user === undefined ? [] : ['--user', `${user}:${user}`]),
      ...(memory === undefined ? [] : ['--memory', String(memory).replace('Mi', 'm')]),
      ...(securityContext?.readOnlyRootFilesystem === true ? ['--read-only', '--read-only-tmpfs=false'] : []),
      ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', ...mounts],
      ...env.flatMap(({ name: variable, value }) =>
        value === undefined ? [] : ['--env', `${variable}=${value}`],
      ),
      ...(command === undefined ? [] : ['--entrypoint', JSON.stringify(command)]),
      ...[image, ...args],
    ];
  }

  return {
    sandbox: Number(inspected),
    async start(container, attempt) {
      const life = `${name}-${container.name}-${attempt}`;
      made.push(life);
      const start = podman(...words(container, life));
      starting.add(start);
      await start.finally(() => starting.delete(start));
      const ended = podman('wait', life).then(({ stdout }) => Number(stdout));
      // Who removes the pod does not wait for it.
      ended.catch(() => undefined);
      return { name: life, ended };
    },
    async stop(life, seconds) {
      await podman('stop', '--time', `${seconds}`, life.name);
    },
    exec: (life, command, seconds) =>
      new Promise((resolve, reject) => {
        const options =
          seconds === undefined ? {} : { timeout: seconds * 1_000, killSignal: 'SIGKILL' as const };
        execFile('podman', [...PODMAN, 'exec', life.name, ...command], options, (error, stdout, stderr) => {
          const output = stdout + stderr;
          if (error === null) resolve({ code: 0, output });
          else if (error.killed === true) resolve(undefined);
          else if (typeof error.code === 'number') resolve({ code: error.code, output });
          else reject(error);
        });
      }),
    logs(life) {
      const { stdout, stderr } = spawnSync('podman', ['logs', life.name], { encoding: 'utf8' });
      return stdout + stderr;
    },
    async remove() {
      // What is only just being made would be left.
      await Promise.allSettled(starting);
      // What shares the namespaces of another goes before it.
      for (const one of made.splice(0).reverse()) await podman('rm', '--force', '--time', '0', one);
    },
  };
}
