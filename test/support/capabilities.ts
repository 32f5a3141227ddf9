import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestAPI, test } from 'vitest';

/** Where tests that are left out are listed for the end of `npm test`. */
export const LEFT_OUT = join(import.meta.dirname, '../../node_modules/.cache/rehup/left-out.txt');

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

/** A user namespace in which inotify is used up; the limit of the machine is not touched (shared/kubelet.md 5). */
export const NO_INOTIFY: Capability = {
  prefix: firstThatWorks([['unshare', '--user', '--map-root-user', 'sh', '-c', EXHAUSTED, 'sh']], ['true']),
  remedy: 'a user namespace in which inotify can be limited (a kernel that allows user namespaces)',
};

/** A test that needs something of the machine: left out and listed where it is not there, failed under REHUP_TEST_ALL=1. */
export function needing(capability: Capability): TestAPI {
  if (capability.prefix !== undefined) return test;
  if (process.env['REHUP_TEST_ALL'] === '1')
    throw new Error(`REHUP_TEST_ALL=1 and this machine lacks ${capability.remedy}`);
  mkdirSync(dirname(LEFT_OUT), { recursive: true });
  appendFileSync(LEFT_OUT, `${capability.remedy}\n`);
  return test.skipIf(true) as TestAPI;
}
