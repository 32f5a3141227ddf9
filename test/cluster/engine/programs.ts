import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { built, folderOf, type GoModule, keptIn } from '../../support/go.ts';

/** The programs of a cluster, built from their Go modules: once for each state of the files that say what they are. */

const SOURCES = join(import.meta.dirname, '../programs');

/** Where they are kept: outside of the checkout, so that another checkout has them too. */
export const KEPT = keptIn('cluster');

/** The newest Kubernetes of which every manifest and promise was tried. */
export const KUBERNETES = '1.36.3';

const [MAJOR, MINOR] = KUBERNETES.split('.');
const VERSION = 'k8s.io/component-base/version';

type Module = GoModule<'kubernetes' | 'containerd' | 'etcd' | 'pause' | 'witness'>;

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
    // Without these it takes itself for v0.0.0.
    variables: {
      [`${VERSION}.gitVersion`]: `v${KUBERNETES}`,
      [`${VERSION}.gitMajor`]: MAJOR ?? '',
      [`${VERSION}.gitMinor`]: MINOR ?? '',
    },
  },
];

/** For the tests of the chart alone. */
const HELM: GoModule<'helm'> = { name: 'helm', packages: ['helm.sh/helm/v3/cmd/helm'] };

/** Builds Helm if it is not there yet; its path. */
export async function buildHelm(tell: (line: string) => void): Promise<string> {
  return join(
    await built(HELM, { sources: SOURCES, kept: KEPT, tell }, ', which takes two minutes'),
    HELM.name,
  );
}

/** For the tests beside GitOps tools alone: Argo CD's engine with what there is of its controller, and Flux's controller. */
const GITOPS: readonly GoModule<'gitops-engine' | 'flux'>[] = [
  { name: 'gitops-engine', packages: ['.'] },
  { name: 'flux', packages: ['github.com/fluxcd/kustomize-controller'] },
];

/** Builds them if they are not there yet; their paths. */
export async function buildGitOps(tell: (line: string) => void): Promise<readonly string[]> {
  const files: string[] = [];
  for (const one of GITOPS)
    files.push(
      join(await built(one, { sources: SOURCES, kept: KEPT, tell }, ', which takes some minutes'), one.name),
    );
  return files;
}

/** What a module that Flux is built of has in it. */
export function fluxModule(name: string): string {
  const text = execFileSync('go', ['mod', 'download', '-json', name], {
    encoding: 'utf8',
    cwd: join(SOURCES, 'flux'),
  });
  return (JSON.parse(text) as { readonly Dir: string }).Dir;
}

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
  for (const one of MODULES) {
    const remark = one.name === 'kubernetes' ? ', which takes up to 10 minutes' : '';
    folders.set(one.name, await built(one, { sources: SOURCES, kept: KEPT, tell }, remark));
  }
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
  return MODULES.every((one) => existsSync(folderOf(one, { sources: SOURCES, kept: KEPT })));
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
