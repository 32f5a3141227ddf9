import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { ROOT } from '../../scripts/build/product.ts';
import { deployments } from '../../scripts/release/deployment.ts';
import { factsOf } from '../../scripts/release/facts.ts';
import { createApi, type Resource } from './client/api.ts';
import { field, isTrue, list } from './client/objects.ts';
import { kubectl } from './client/pod.ts';
import { thePlace } from './client/room.ts';
import { awaited } from './client/waiting.ts';
import { phaseOf, taking, workload } from './controller/workloads.ts';
import { imageOf } from './engine/images.ts';
import { buildHelm, KUBERNETES } from './engine/programs.ts';

/** The Helm chart, by Helm itself, and beside the kustomization. */

const CHART = join(ROOT, 'deploy/chart');
const [REPOSITORY = '', TAG = ''] = imageOf('node').split(/:(?=[^:]*$)/);

const place = thePlace();
const api = createApi(place);
let program: string;

beforeAll(async () => {
  program = await buildHelm(() => {});
});

type Output = { readonly code: number; readonly output: string };

async function helm(...words: readonly string[]): Promise<Output> {
  const env = { ...process.env, KUBECONFIG: join(place.folder, 'admin.kubeconfig'), HOME: place.folder };
  try {
    const { stdout, stderr } = await promisify(execFile)(program, words, { env });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    return {
      code: Number(field(error, 'code')),
      output: `${field(error, 'stdout')}${field(error, 'stderr')}`,
    };
  }
}

const set = (values: readonly string[]) => values.flatMap((value) => ['--set', value]);

/** Helm knows the version of a cluster only where it asks one. */
const template = (name: string, ...words: readonly string[]) =>
  helm('template', name, CHART, '-n', 'rehup', '--kube-version', KUBERNETES, ...words);

async function rendered(...values: readonly string[]): Promise<readonly Resource[]> {
  const { code, output } = await template('rehup-controller', ...set(values));
  expect(code, output).toBe(0);
  return resources(output);
}

const resources = (text: string): readonly Resource[] =>
  parseAllDocuments(text).flatMap((document) => (document.toJS() as Resource | null) ?? []);

/** `GROUP/RESOURCE: VERB`, of all roles of a kind. */
function rights(all: readonly Resource[], kind: string): readonly string[] {
  const strings = (value: unknown, name: string) => list(value, name).map(String);
  const found = all
    .filter((one) => one.kind === kind)
    .flatMap((role) => list(role, 'rules'))
    .flatMap((rule) =>
      strings(rule, 'apiGroups').flatMap((group) =>
        strings(rule, 'resources').flatMap((resource) =>
          strings(rule, 'verbs').map((verb) => `${group}/${resource}: ${verb}`),
        ),
      ),
    );
  return [...new Set(found)].toSorted();
}

const podSpec = (all: readonly Resource[]) =>
  field(
    all.find(({ kind }) => kind === 'Deployment'),
    'spec',
    'template',
    'spec',
  );

const wordsOf = (all: readonly Resource[]) => list(podSpec(all), 'containers', 0, 'args').map(String);

describe('the chart', () => {
  test('has nothing that helm lint finds', async () => {
    for (const values of [[], ['namespaces={a,b}'], ['serviceMonitor.enabled=true', 'notify.secret=hooks']]) {
      const { code, output } = await helm('lint', '--strict', CHART, ...set(values));
      expect(code, output).toBe(0);
    }
  });

  test('is in the release as a package that helm lint finds nothing in, helm package makes anew, and helm template reads', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rehup-chart-'));
    try {
      const [name = ''] = deployments(folder, await factsOf());
      const archive = join(folder, name);
      const done = async (...words: readonly string[]) => {
        const { code, output } = await helm(...words);
        expect(code, output).toBe(0);
        return output;
      };
      await done('lint', '--strict', archive);
      await promisify(execFile)('tar', ['-C', folder, '-xzf', archive]);
      await done('package', join(folder, 'rehup-controller'), '-d', join(folder, 'anew'));
      const listed = async (file: string) =>
        (await promisify(execFile)('tar', ['-tzf', file])).stdout
          .split('\n')
          .filter((entry) => entry !== '' && !entry.endsWith('/'))
          .toSorted();
      expect(await listed(join(folder, 'anew', name))).toEqual(await listed(archive));
      const words = ['-n', 'rehup', '--kube-version', KUBERNETES];
      expect(await done('template', 'x', archive, ...words)).toBe(
        await done('template', 'x', CHART, ...words),
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('gives the same rights, and the same pods, as the kustomization', async () => {
    const ours = await rendered();
    const theirs = resources((await kubectl(place, 'kustomize', join(ROOT, 'deploy/controller'))).output);
    // Those are for --namespace-selector, which the kustomization can't know of.
    const common = rights(theirs, 'ClusterRole').filter((right) => !right.startsWith('/namespaces'));
    expect(rights(ours, 'ClusterRole')).toEqual(common);
    expect(rights(ours, 'Role')).toEqual(rights(theirs, 'Role'));
    const kinds = (all: readonly Resource[]) =>
      all.map(({ kind }) => kind).filter((kind) => kind !== 'Namespace');
    expect(new Set(kinds(ours))).toEqual(new Set(kinds(theirs)));
    for (const path of [
      ['securityContext', 'runAsNonRoot'],
      ['containers', 0, 'securityContext'],
    ])
      expect(field(podSpec(ours), ...path)).toEqual(field(podSpec(theirs), ...path));
    for (const name of ['resources', 'livenessProbe', 'readinessProbe', 'image', 'ports'])
      expect(field(podSpec(ours), 'containers', 0, name)).toEqual(
        field(podSpec(theirs), 'containers', 0, name),
      );
    for (const kind of ['NetworkPolicy', 'PodDisruptionBudget'])
      for (const name of ['egress', 'ingress', 'policyTypes', 'maxUnavailable']) {
        const [one, other] = [ours, theirs].map((all) => all.find((resource) => resource.kind === kind));
        expect(field(one, 'spec', name)).toEqual(field(other, 'spec', name));
      }
  });

  test('has no right of the cluster where namespaces are named', async () => {
    const all = await rendered('namespaces={shop,bar}');
    expect(all.filter(({ kind }) => kind.startsWith('Cluster'))).toEqual([]);
    const roles = all.filter(({ kind }) => kind === 'Role').map(({ metadata }) => metadata.namespace);
    expect(roles.toSorted()).toEqual(['bar', 'rehup', 'shop']);
    expect(wordsOf(all)).toEqual(expect.arrayContaining(['--namespace=shop', '--namespace=bar']));
    const fleet = await rendered('namespaces={shop}', 'rights.fleetLock=true');
    expect(rights(fleet, 'ClusterRole')).toEqual(['authentication.k8s.io/tokenreviews: create']);
  });

  test('gives no right that is not wanted', async () => {
    const blind = await rendered('rights.secrets=false');
    expect([...rights(blind, 'ClusterRole'), ...rights(blind, 'Role')].join()).not.toContain('secrets');
    expect(wordsOf(blind)).toContain('--no-secrets');
    const all = await rendered('rights.rollback=true', 'rights.fleetLock=true', 'namespaceSelector=team=a');
    expect(rights(all, 'ClusterRole')).toEqual(
      expect.arrayContaining([
        ...['/configmaps: update', '/namespaces: list', '/pods: get', 'coordination.k8s.io/leases: update'],
      ]),
    );
    expect(wordsOf(all)).toContain('--namespace-selector=team=a');
  });

  test('has a ServiceMonitor and a mounted file of webhooks where they are wanted', async () => {
    const all = await rendered(
      'serviceMonitor.enabled=true',
      'serviceMonitor.labels.a=b',
      'notify.secret=ours',
    );
    const monitor = all.find(({ kind }) => kind === 'ServiceMonitor');
    const service = all.find(({ kind }) => kind === 'Service');
    expect(field(monitor, 'metadata', 'labels', 'a')).toBe('b');
    expect(field(service, 'metadata', 'labels')).toMatchObject(
      field(monitor, 'spec', 'selector', 'matchLabels') as object,
    );
    expect(field(monitor, 'spec', 'endpoints', 0, 'port')).toBe(field(service, 'spec', 'ports', 0, 'name'));
    expect(wordsOf(all)).toContain('--notify-file=/etc/rehup/notify/hooks');
    expect(field(podSpec(all), 'volumes', 0, 'secret', 'secretName')).toBe('ours');
  });

  test.for([
    ['replicas=0', 'replicas'],
    ['options.settle=5x', 'settle'],
    ['options.strategy=restart', 'strategy'],
    ['option.settle=5s', 'option'],
    ['namespaces={Shop}', 'namespaces'],
    ['rights.secrets=perhaps', 'secrets'],
  ] as const)('refuses %s by its schema', async ([value, named]) => {
    const { code, output } = await template('x', '--set', value);
    expect(code).not.toBe(0);
    expect(output).toContain("values don't meet the specifications of the schema");
    expect(output).toContain(named);
  });

  test('refuses namespaces together with a selector', async () => {
    const { code, output } = await template('x', ...set(['namespaces={a}', 'namespaceSelector=a=b']));
    expect(code).not.toBe(0);
    expect(output).toContain('use one of them');
  });

  test('is installed by Helm for one namespace, rolls out a change there, and is gone after its end', async () => {
    const [home, shop] = ['chart', 'chart-shop'];
    await api.create({ kind: 'Namespace', metadata: { name: home } });
    await api.create({ kind: 'Namespace', metadata: { name: shop } });
    const values = [`image.repository=${REPOSITORY}`, 'image.pullPolicy=Never', `namespaces={${shop}}`];
    const words = ['install', 'mine', CHART, '-n', home, ...set(values), '--set-string', `image.tag=${TAG}`];
    try {
      const installed = await helm(...words);
      expect(installed.code, installed.output).toBe(0);
      expect(installed.output).toContain('port-forward deployment/mine-rehup-controller 9847');
      await awaited('both to be ready', async () => {
        const pods = await api.list('Pod', home);
        return pods.filter((pod) => isTrue(pod, 'Ready')).length === 2 ? true : undefined;
      });
      await api.create({
        kind: 'ConfigMap',
        metadata: { name: 'app', namespace: shop },
        data: { key: 'one' },
      });
      const made = workload('Deployment', 'app', taking('envFrom', 'ConfigMap', 'app'));
      await api.create({ ...made, metadata: { ...made.metadata, namespace: shop } });
      const phase = async () => phaseOf(await api.get('Deployment', 'app', shop));
      await awaited('the adoption', phase);
      await api.patch('ConfigMap', 'app', shop, { data: { key: 'two' } });
      await awaited('the roll-out', async () => ((await phase()) === 'applied' ? true : undefined));
      const removed = await helm('uninstall', 'mine', '-n', home);
      expect(removed.code, removed.output).toBe(0);
      await awaited('it to go', async () => ((await api.list('Pod', home)).length === 0 ? true : undefined));
    } finally {
      await api.delete('Namespace', home);
      await api.delete('Namespace', shop);
    }
  });
});
