import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from '../../../scripts/build/product.ts';
import type { Api, Resource } from '../client/api.ts';
import { awaited } from '../client/waiting.ts';
import type { Place } from '../engine/place.ts';
import { buildGitOps, fluxModule } from '../engine/programs.ts';

/** GitOps tools that look every few seconds at what applications have in what stands for Git. */

/** How often they look. */
const EVERY = '3s';

export type Application = {
  /** Of the application, and of the namespace in which its objects are. */
  readonly name: string;
  /** What the tool is told beyond where they are: fields of the spec of an Application, or of a Kustomization. */
  readonly spec: object;
  readonly manifests: readonly Resource[];
};

export type Tool = {
  /** What the controller calls it. */
  readonly title: 'Argo CD' | 'Flux';
  /** Makes an application what it is in Git, the first time or anew. */
  put(application: Application): Promise<void>;
  /** How often it has looked at an application, and left it well. */
  looks(name: string): number;
  shown(): string;
  end(): Promise<void>;
};

/** The example in docs/controller.md for a tool, as what its applications have as `spec`. */
export function documented(kind: 'Application' | 'Kustomization'): object {
  const text = readFileSync(join(ROOT, 'docs/controller.md'), 'utf8');
  const examples = [...text.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(([, example = '']) => parse(example));
  const found = examples.find((example) => example.kind === kind);
  if (found === undefined) throw new Error(`docs/controller.md: no example of the kind ${kind}`);
  return found.spec;
}

/** Both of them, as programs of this machine that may do anything in the cluster. */
export async function startTools(place: Place, api: Api): Promise<readonly Tool[]> {
  const [engine = '', flux = ''] = await buildGitOps((line) => console.log(line));
  const kubeconfig = join(place.folder, 'admin.kubeconfig');
  return [
    argo(engine, kubeconfig, mkdtempSync(join(place.folder, 'git-'))),
    await fluxOf(flux, kubeconfig, place, api),
  ];
}

function argo(program: string, kubeconfig: string, folder: string): Tool {
  const running = started(program, [kubeconfig, EVERY, folder], {});
  return {
    title: 'Argo CD',
    put({ name, spec, manifests }) {
      const destination = { namespace: name };
      const application = { metadata: { name }, spec: { ...spec, destination } };
      const text = JSON.stringify({ application, manifests: manifests.map(complete) });
      writeFileSync(join(folder, `${name}.new`), text);
      renameSync(join(folder, `${name}.new`), join(folder, `${name}.json`));
      return Promise.resolve();
    },
    looks: (name) => running.count(new RegExp(`^${name}: (in sync|Succeeded)`, 'gm')),
    shown: running.output,
    end: running.end,
  };
}

/** Kinds that its controller watches, of the source-controller, which is not here: what a source is, the tests say. */
const SOURCES = { GitRepository: 'gitrepositories', OCIRepository: 'ocirepositories', Bucket: 'buckets' };
const SOURCE = 'source.toolkit.fluxcd.io';
const KUSTOMIZE = 'kustomize.toolkit.fluxcd.io';

async function fluxOf(program: string, kubeconfig: string, place: Place, api: Api): Promise<Tool> {
  const crd = join(
    fluxModule('github.com/fluxcd/kustomize-controller'),
    'config/crd/bases',
    `${KUSTOMIZE}_kustomizations.yaml`,
  );
  const definitions = [
    parse(readFileSync(crd, 'utf8')),
    ...Object.entries(SOURCES).map(([kind, plural]) => sourceKind(kind, plural)),
  ];
  for (const definition of definitions)
    await api.text('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition);
  // Flux's controller ends at its start where one of its kinds is not served yet.
  for (const { spec } of definitions)
    await awaited(`${spec.names.plural} to be served`, async () => {
      const served = await api.text('GET', `/apis/${spec.group}/v1`);
      return served.includes(`"${spec.names.plural}"`) ? true : undefined;
    });
  const folder = mkdtempSync(join(place.folder, 'git-'));
  const archives = new Map<string, Buffer>();
  const server = createServer((asked, answer) => {
    answer.end(archives.get(asked.url ?? ''));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const listening = ['--metrics-addr', '127.0.0.1:0', '--health-addr', '127.0.0.1:0'];
  const running = started(program, [...listening, '--interval-jitter-percentage', '0'], {
    KUBECONFIG: kubeconfig,
    RUNTIME_NAMESPACE: 'default',
    TMPDIR: folder,
  });
  let revision = 0;
  const made = new Set<string>();
  const collection = (group: string, namespace: string, plural: string) =>
    `/apis/${group}/v1/namespaces/${namespace}/${plural}`;
  return {
    title: 'Flux',
    async put({ name, spec, manifests }) {
      revision += 1;
      const tree = join(folder, String(revision));
      mkdirSync(tree);
      writeFileSync(
        join(tree, 'app.yaml'),
        manifests.map((one) => JSON.stringify(complete(one))).join('\n---\n'),
      );
      const archive = execFileSync('tar', ['-cz', '-C', tree, 'app.yaml']);
      const path = `/${name}-${revision}.tar.gz`;
      archives.set(path, archive);
      const sources = collection(SOURCE, name, 'gitrepositories');
      if (!made.has(name)) {
        const metadata = { name: 'git', namespace: name };
        const source = { interval: '1h', url: address };
        await awaited('the source', () =>
          api.text('POST', sources, {
            apiVersion: `${SOURCE}/v1`,
            kind: 'GitRepository',
            metadata,
            spec: source,
          }),
        );
      }
      const artifact = {
        ...{ url: `${address}${path}`, path, revision: `main@sha1:${revision}`, size: archive.length },
        digest: `sha256:${createHash('sha256').update(archive).digest('hex')}`,
        lastUpdateTime: new Date().toISOString(),
      };
      const status = { observedGeneration: 1, artifact };
      await api.text('PATCH', `${sources}/git/status`, { status }, 'application/merge-patch+json');
      if (made.has(name)) return;
      made.add(name);
      const source = { sourceRef: { kind: 'GitRepository', name: 'git' } };
      await awaited('the kustomization', () =>
        api.text('POST', collection(KUSTOMIZE, name, 'kustomizations'), {
          apiVersion: `${KUSTOMIZE}/v1`,
          kind: 'Kustomization',
          metadata: { name, namespace: name },
          spec: { ...spec, ...source, interval: EVERY, prune: true, targetNamespace: name },
        }),
      );
    },
    looks: (name) =>
      running.count(new RegExp(`Reconciliation finished.*"Kustomization":\\{"name":"${name}"`, 'g')),
    shown: running.output,
    async end() {
      await running.end();
      server.close();
      for (const { metadata } of definitions)
        await api.text('DELETE', `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${metadata.name}`);
    },
  };
}

function sourceKind(kind: string, plural: string) {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${SOURCE}` },
    spec: {
      ...{ group: SOURCE, scope: 'Namespaced' },
      names: { kind, plural, listKind: `${kind}List`, singular: kind.toLowerCase() },
      versions: [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema }],
    },
  };
}

function complete(resource: Resource): object {
  return { apiVersion: resource.kind === 'ConfigMap' ? 'v1' : 'apps/v1', ...resource };
}

type Started = {
  count(pattern: RegExp): number;
  output(): string;
  end(): Promise<void>;
};

function started(
  program: string,
  words: readonly string[],
  variables: Readonly<Record<string, string>>,
): Started {
  const child: ChildProcess = spawn(program, words, {
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  return {
    count: (pattern) => [...output.matchAll(pattern)].length,
    output: () => output.slice(-20_000),
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}
