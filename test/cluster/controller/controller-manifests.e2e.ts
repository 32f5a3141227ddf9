import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { ROOT } from '../../../scripts/build/product.ts';
import { createApi, type Resource } from '../client/api.ts';
import { field, isTrue } from '../client/objects.ts';
import { kubectl } from '../client/pod.ts';
import { thePlace } from '../client/room.ts';
import { awaited } from '../client/waiting.ts';
import { imageOf } from '../engine/images.ts';
import { phaseOf, revisionOf, taking, workload } from './workloads.ts';

/** What is shipped for the cluster, as people apply it. */

const FOLDER = join(ROOT, 'deploy/controller');

const place = thePlace();
const api = createApi(place);

/** Builds a kustomization, and has its pods take the image of the tests. */
async function built(folder: string): Promise<string> {
  const { output } = await kubectl(place, 'kustomize', folder);
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  const image = `rehup-node:${version}`;
  expect(output).toContain(`image: ${image}`);
  const line = new RegExp(`^( *)image: ${image}$`, 'm');
  return output.replace(line, `$1image: ${imageOf('node')}\n$1imagePullPolicy: Never`);
}

const resources = (text: string): readonly Resource[] =>
  parseAllDocuments(text).map((document) => document.toJS() as Resource);

test('two controllers run as the kustomization has them, one of them leads, and a change is rolled out', async () => {
  const file = join(place.folder, 'controller.yaml');
  writeFileSync(file, await built(FOLDER));
  const [namespace, user] = ['rehup', 'controller-user'];
  await api.create({ kind: 'Namespace', metadata: { name: user } });
  try {
    const applied = await kubectl(place, 'apply', '-f', file);
    expect(applied.code, applied.output).toBe(0);
    const pods = await awaited(
      'both to be ready',
      async () => {
        const all = await api.list('Pod', namespace);
        return all.filter((pod) => isTrue(pod, 'Ready')).length === 2 ? all : undefined;
      },
      { patience: 120_000 },
    );
    await api.create({ kind: 'ConfigMap', metadata: { name: 'app', namespace: user }, data: { key: 'one' } });
    const made = workload('Deployment', 'app', taking('envFrom', 'ConfigMap', 'app'));
    await api.create({ ...made, metadata: { ...made.metadata, namespace: user } });
    const app = () => api.get('Deployment', 'app', user);
    await awaited('the adoption', async () => phaseOf(await app()));
    await api.patch('ConfigMap', 'app', user, { data: { key: 'two' } });
    await awaited('the roll-out', async () => (phaseOf(await app()) === 'applied' ? true : undefined));
    expect(revisionOf(await app())).toBe(2);
    const leaders = await Promise.all(
      pods.map(async (pod) => {
        const path = `/api/v1/namespaces/${namespace}/pods/${pod.metadata.name}:9847/proxy/metrics`;
        return /^rehup_controller_leader (\d)$/m.exec(await api.text('GET', path))?.[1];
      }),
    );
    expect(leaders.toSorted()).toEqual(['0', '1']);
    expect(pods.map((pod) => field(pod, 'spec', 'serviceAccountName'))).toEqual([
      'rehup-controller',
      'rehup-controller',
    ]);
  } finally {
    await kubectl(place, 'delete', '--wait=false', '-f', file);
    await api.delete('Namespace', user);
  }
});

test('the variant for one namespace has no rights of the cluster, and looks after its own', async () => {
  const all = resources(await built(join(FOLDER, 'namespaced')));
  expect(all.filter(({ kind }) => kind.startsWith('Cluster'))).toEqual([]);
  const deployment = all.find(({ kind }) => kind === 'Deployment');
  expect(field(deployment, 'spec', 'template', 'spec', 'containers', 0, 'env', 0, 'name')).toBe(
    'REHUP_NAMESPACE',
  );
});
