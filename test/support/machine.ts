import { spawnSync } from 'node:child_process';

/** What tests and the demo need of the machine beyond Node. */
export type Capability = {
  /** Words before a command that give it what is needed; undefined if this machine does not have it. */
  readonly prefix: readonly string[] | undefined;
  /** What is missing, and what brings it. */
  readonly remedy: string;
};

function firstThatWorks(candidates: readonly (readonly string[])[], command: readonly string[]) {
  return candidates.find(
    ([program = '', ...words]) => spawnSync(program, [...words, ...command]).status === 0,
  );
}

const NAMESPACE = ['--pid', '--fork', '--mount-proc', '--kill-child'];

/** A PID namespace of its own, in which a command is PID 1. */
export const PID_NAMESPACE: Capability = {
  prefix: firstThatWorks(
    [
      ['unshare', ...NAMESPACE],
      ['unshare', '--user', '--map-root-user', ...NAMESPACE],
    ],
    ['true'],
  ),
  remedy:
    'a PID namespace (apt-get install -y util-linux, and a kernel that allows unprivileged user namespaces)',
};

const EXHAUSTED = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"';

/** A PID and user namespace in which inotify is used up; the limit of the machine is not touched (shared/kubelet.md 5). */
export const NO_INOTIFY: Capability = {
  prefix: firstThatWorks(
    [['unshare', '--user', '--map-root-user', ...NAMESPACE, 'sh', '-c', EXHAUSTED, 'sh']],
    ['true'],
  ),
  remedy: 'a user namespace in which inotify can be limited (a kernel that allows user namespaces)',
};
