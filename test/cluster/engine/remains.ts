import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/**
 * What a cluster leaves behind, and its removal. Its processes live in a PID namespace, its mounts, sockets and links in
 * namespaces of their own: all of that ends with the first process of that namespace. Its cgroups and its folder do not.
 */

const PREFIX = 'rehup-cluster-';

/** Where the folders of runs are made; sockets in them need short paths. */
export const RUNS = tmpdir();

export const RUN_PREFIX = join(RUNS, PREFIX);

/** A process that is told from a later one of the same number by when it was started (proc_pid_stat(5), field 22). */
export function identityOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : `${pid} ${fields[19]}`;
  } catch {
    return undefined;
  }
}

/** The process that a file of the run names, if it is still the one that was meant. */
export function livingProcess(file: string): number | undefined {
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const pid = Number(text.split(' ')[0]);
  return text !== '' && identityOf(pid) === text ? pid : undefined;
}

/** Ends what is still running of a run, and removes what it made outside of its namespaces, and its folder. */
export async function removeRemains(folder: string): Promise<void> {
  const first = join(folder, 'first');
  const pid = livingProcess(first);
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
  // The kernel ends all others of the namespace before that one is gone.
  await until(() => livingProcess(first) === undefined);
  const link = join(folder, 'link');
  if (existsSync(link)) spawnSync('ip', ['link', 'delete', readFileSync(link, 'utf8')], { stdio: 'ignore' });
  await until(() => removeCgroups(basename(folder)));
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
}

/** Removes what was left by runs whose guardian was killed as well. */
export async function removeOldRemains(): Promise<void> {
  const folders = readdirSync(RUNS).filter((name) => name.startsWith(PREFIX));
  for (const name of folders) {
    const folder = join(RUNS, name);
    // One that is just being made has no guardian yet.
    const isYoung = Date.now() - statSync(folder).mtimeMs < 60_000;
    if (livingProcess(join(folder, 'guardian')) === undefined && !isYoung) await removeRemains(folder);
  }
}

/** The roots of all cgroup hierarchies of this machine: one of version 2, several of version 1, or both. */
export function cgroupRoots(): readonly string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return mounts.flatMap((line) => {
    const [, place = '', type = ''] = line.split(' ');
    return type === 'cgroup' || type === 'cgroup2' ? [place] : [];
  });
}

/** Removes the cgroups of a run; whether all of them are gone. */
function removeCgroups(name: string): boolean {
  return cgroupRoots()
    .map((root) => removeCgroup(join(root, name)))
    .every((gone) => gone);
}

/** A cgroup can be removed when its last process has been reaped. */
function removeCgroup(path: string): boolean {
  if (!existsSync(path)) return true;
  for (const entry of readdirSync(path, { withFileTypes: true }))
    if (entry.isDirectory()) removeCgroup(join(path, entry.name));
  try {
    rmdirSync(path);
    return true;
  } catch {
    return false;
  }
}

async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + 30_000;
  while (!holds() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 50));
}

/** What of a run can still be seen on this machine, for the test of it. */
export function remainsOf(name: string): readonly string[] {
  const seen = (what: string, text: string) =>
    text
      .split('\n')
      .filter((line) => line.includes(name))
      .map((line) => `${what}: ${line}`);
  return [
    ...seen('process', execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })),
    ...seen('link', execFileSync('ip', ['link'], { encoding: 'utf8' })),
    ...seen('mount', readFileSync('/proc/self/mountinfo', 'utf8')),
    ...cgroupRoots().flatMap((root) => (existsSync(join(root, name)) ? [`cgroup: ${join(root, name)}`] : [])),
    ...(existsSync(join(RUNS, name)) ? [`folder: ${name}`] : []),
  ];
}
