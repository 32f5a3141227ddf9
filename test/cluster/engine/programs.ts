import { execFile, execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The programs of a cluster, built from their Go modules: once for each state of the files that say what they are. */

const SOURCES = join(import.meta.dirname, '../programs');

/** Where they are kept: outside of the checkout, so that another checkout has them too. */
export const KEPT = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'rehup/cluster');

/** The newest Kubernetes of which every manifest and promise was tried. */
export const KUBERNETES = '1.36.3';

const [MAJOR, MINOR] = KUBERNETES.split('.');
const VERSION = 'k8s.io/component-base/version';

type Module = {
  readonly name: 'kubernetes' | 'containerd' | 'etcd' | 'pause' | 'witness';
  /** What is built of it: packages, or `.` for that of the module itself. */
  readonly packages: readonly string[];
  /** Without these Kubernetes takes itself for v0.0.0. */
  readonly variables?: Readonly<Record<string, string>>;
};

const CONTAINERD = 'github.com/containerd/containerd/v2/cmd';

const MODULES: readonly Module[] = [
  { name: 'pause', packages: ['.'] },
  { name: 'witness', packages: ['.'] },
  { name: 'etcd', packages: ['go.etcd.io/etcd/server/v3'] },
  {
    name: 'containerd',
    packages: ['containerd', 'containerd-shim-runc-v2', 'ctr'].map((program) => `${CONTAINERD}/${program}`),
  },
  {
    name: 'kubernetes',
    packages: ['.'],
    variables: {
      [`${VERSION}.gitVersion`]: `v${KUBERNETES}`,
      [`${VERSION}.gitMajor`]: MAJOR ?? '',
      [`${VERSION}.gitMinor`]: MINOR ?? '',
    },
  },
];

/** The built programs, by absolute paths. */
export type Programs = {
  /** Kubernetes: its first word chooses the program. */
  readonly kubernetes: string;
  readonly etcd: string;
  readonly pause: string;
  readonly witness: string;
  /** The folder of containerd, its shim and ctr. */
  readonly containerd: string;
};

/**
 * Builds what is not there yet. The first time takes some minutes: `tell` gets a line for each step.
 *
 * @throws if the Go toolchain is too old, or a build fails
 */
export async function buildPrograms(tell: (line: string) => void): Promise<Programs> {
  const folders = new Map<string, string>();
  for (const one of MODULES) folders.set(one.name, await built(one, tell));
  const file = (name: Module['name']) => join(folders.get(name) ?? '', name);
  return {
    kubernetes: file('kubernetes'),
    etcd: file('etcd'),
    pause: file('pause'),
    witness: file('witness'),
    containerd: folders.get('containerd') ?? '',
  };
}

/** Whether all of them are built, so that a start takes seconds. */
export function areBuilt(): boolean {
  return MODULES.every((one) => existsSync(folderOf(one)));
}

function folderOf(one: Module): string {
  const source = join(SOURCES, one.name);
  const hash = createHash('sha256').update(JSON.stringify(one));
  for (const name of readdirSync(source).sort())
    hash.update(`${name}\n${readFileSync(join(source, name))}\n`);
  return join(KEPT, hash.digest('hex').slice(0, 16));
}

async function built(one: Module, tell: (line: string) => void): Promise<string> {
  const folder = folderOf(one);
  if (existsSync(folder)) return folder;
  mkdirSync(KEPT, { recursive: true });
  const began = performance.now();
  tell(`${one.name}: building${one.name === 'kubernetes' ? ', which takes up to 10 minutes' : ''}`);
  // Beside it, and put there in one step: another run may be building the same.
  const beside = `${folder}.${randomUUID()}`;
  try {
    mkdirSync(beside);
    const set = Object.entries(one.variables ?? {}).map(([name, value]) => `-X ${name}=${value}`);
    const flags = ['-trimpath', '-buildvcs=false', `-ldflags=${['-s -w', ...set].join(' ')}`];
    const target = one.packages.length === 1 ? join(beside, one.name) : `${beside}/`;
    await promisify(execFile)('nice', ['-n', '10', 'go', 'build', ...flags, '-o', target, ...one.packages], {
      cwd: join(SOURCES, one.name),
      env: { ...process.env, CGO_ENABLED: '0' },
      maxBuffer: 2 ** 26,
    });
    if (!existsSync(folder)) renameSync(beside, folder);
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
  tell(`${one.name}: built in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  return folder;
}

/** Go 1.26, which the go.mod of Kubernetes asks for; where it is older, whether it may bring that itself. */
export function hasGo(): boolean {
  try {
    const version = execFileSync('go', ['env', 'GOVERSION'], {
      encoding: 'utf8',
      cwd: join(SOURCES, 'kubernetes'),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [, minor = '0'] = /^go1\.(\d+)/.exec(version) ?? [];
    return Number(minor) >= 26;
  } catch {
    return false;
  }
}
