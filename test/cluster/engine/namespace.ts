import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { childrenOf } from '../../support/rehup.ts';
import { cgroupRoots, identityOf } from './remains.ts';

/**
 * The namespaces of a cluster: processes, mounts, network and names of its own, so that every port, bridge, socket and rule
 * of a packet filter is the same in each cluster and meets none of this machine, and all of it ends with one process.
 */

export type Namespace = {
  /** Its first process, seen from outside. */
  readonly pid: number;
  /** Of the cluster, on a link of its own with this machine. */
  readonly address: string;
  /** The words before a command that runs in it. */
  readonly prefix: readonly string[];
};

// What the kubelet sets for the whole machine (its setupKernelTunables): it sets files instead.
const TUNABLES = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
];

const SCRIPT = `set -e
mount --make-rshared /
for place in /run /var/log /var/lib; do mount -t tmpfs none $place; done
mkdir -p /run/lock /run/netns /run/tunables
for name in ${TUNABLES.join(' ')}; do
  file=/run/tunables/$(basename $name)
  cat /proc/sys/$name >$file
  mount --bind $file /proc/sys/$name
done
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
echo ready
exec "$0" >/dev/null`;

/**
 * Makes the namespaces, with a first process that reaps, and a link to them. It is ended with this process.
 *
 * @param pause the program that is its first process
 */
export async function createNamespace(folder: string, pause: string): Promise<Namespace> {
  for (const root of cgroupRoots()) mkdirSync(join(root, basename(folder)), { recursive: true });
  const kinds = ['--mount', '--uts', '--ipc', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const words = ['--pdeathsig', 'KILL', 'unshare', ...kinds, 'sh', '-c', SCRIPT, pause];
  // A session of its own: a Ctrl-C is for this process alone.
  const child = spawn('setpriv', words, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  await readyLine(child, 'the namespaces of the cluster');
  const pid = childrenOf(child.pid ?? 0)[0] ?? 0;
  writeFileSync(join(folder, 'first'), identityOf(pid) ?? '');
  const prefix = ['nsenter', '--target', `${pid}`, '--mount', '--uts', '--ipc', '--net', '--pid', '--'];
  return { pid, prefix, address: link(folder, pid, prefix) };
}

/** Waits until a process writes that it is ready. */
export async function readyLine(child: ChildProcess, what: string): Promise<void> {
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${what}: ${errors.trim()}`);
  });
  const { stdout } = child;
  if (stdout === null) throw new Error(`${what}: its output is not read`);
  await Promise.race([once(stdout, 'data'), ended]);
  ended.catch(() => {});
}

/** Links a network namespace with this machine, by the first of 250 small subnets that nobody has. */
function link(folder: string, pid: number, prefix: readonly string[]): string {
  const taken = execFileSync('ip', ['-4', '-oneline', 'address'], { encoding: 'utf8' });
  for (let number = 0; number < 250; number += 1) {
    const subnet = `198.18.${number}`;
    const name = `rehup-c${number}`;
    if (taken.includes(` ${subnet}.`)) continue;
    // Of those who try at once only one makes the link of this name.
    const words = ['link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `${pid}`];
    if (spawnSync('ip', words, { stdio: 'ignore' }).status !== 0) continue;
    writeFileSync(join(folder, 'link'), name);
    execFileSync('ip', ['link', 'set', name, 'alias', basename(folder)]);
    const [nsenter = '', ...rest] = prefix;
    const inside = (...more: readonly string[]) => execFileSync(nsenter, [...rest, 'ip', ...more]);
    execFileSync('ip', ['address', 'add', `${subnet}.1/30`, 'dev', name]);
    execFileSync('ip', ['link', 'set', name, 'up']);
    inside('address', 'add', `${subnet}.2/30`, 'dev', 'eth0');
    inside('link', 'set', 'eth0', 'up');
    inside('route', 'add', 'default', 'via', `${subnet}.1`);
    return `${subnet}.2`;
  }
  throw new Error('no subnet of 198.18.0.0/16 is free');
}
