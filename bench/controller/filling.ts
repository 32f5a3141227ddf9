import type { Api, Resource } from '../../test/cluster/client/api.ts';
import { encoded } from '../../test/cluster/client/room.ts';
import { KINDS, type Kind, taking, workload } from '../../test/cluster/controller/workloads.ts';

/** What the cluster of the measurement is filled with: workloads without pods, each with a ConfigMap and a Secret of its name. */

export type Extent = {
  readonly workloads: number;
  readonly namespaces: number;
  /** Deployments that take one ConfigMap, `shared`, in a namespace of their own. */
  readonly sharing: number;
};

export type App = { readonly kind: Kind; readonly namespace: string; readonly name: string };

export const SHARED = 'shared';

/** So many requests at once. */
const ABREAST = 24;

export async function each<Value>(
  values: readonly Value[],
  act: (value: Value, index: number) => Promise<unknown>,
  abreast = ABREAST,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next; index < values.length; index = next) {
      next += 1;
      await act(values[index] as Value, index);
    }
  };
  await Promise.all(Array.from({ length: abreast }, work));
}

/** Half of them are Deployments. */
export function placesOf({ workloads, namespaces }: Extent): readonly App[] {
  return Array.from({ length: workloads }, (_, index) => ({
    kind: KINDS[Math.max(0, (index % 4) - 1)] ?? 'Deployment',
    namespace: `bench-${index % namespaces}`,
    name: `app-${index}`,
  }));
}

export function sharingOf({ sharing }: Extent): readonly App[] {
  const of = (index: number): App => ({ kind: 'Deployment', namespace: SHARED, name: `sharing-${index}` });
  return Array.from({ length: sharing }, (_, index) => of(index));
}

/** A kilobyte in four keys. */
const dataOf = (text: string) =>
  Object.fromEntries(['a', 'b', 'c', 'd'].map((key) => [key, `${key} ${text} `.repeat(20).slice(0, 256)]));

export async function fill(api: Api, extent: Extent, marks: Readonly<Record<string, string>>): Promise<void> {
  const places = placesOf(extent);
  for (const name of new Set([...places.map(({ namespace }) => namespace), SHARED]))
    await api.create({ kind: 'Namespace', metadata: { name } });
  await each(places, async ({ namespace, name }) => {
    const metadata = { name, namespace };
    await api.create({ kind: 'ConfigMap', metadata, data: dataOf('one') });
    await api.create({ kind: 'Secret', metadata, data: encoded(dataOf('one')) });
  });
  await api.create({ kind: 'ConfigMap', metadata: { name: SHARED, namespace: SHARED }, data: dataOf('one') });
  await each(places, async ({ kind, namespace, name }) => {
    const [config, secret] = [taking('envFrom', 'ConfigMap', name), taking('volume', 'Secret', name)];
    const container = { ...config.container, ...secret.container };
    await make(api, workload(kind, name, { container, spec: secret.spec }), namespace, marks);
  });
  await each(sharingOf(extent), ({ kind, namespace, name }) =>
    make(api, workload(kind, name, taking('envFrom', 'ConfigMap', SHARED)), namespace, marks),
  );
}

function make(api: Api, made: Resource, namespace: string, marks: Readonly<Record<string, string>>) {
  const { name } = made.metadata;
  // What an application's own chart says besides.
  const labels = { app: name, 'app.kubernetes.io/name': name, 'app.kubernetes.io/managed-by': 'Helm' };
  return api.create({ ...made, metadata: { name, namespace, labels, annotations: marks } });
}

let contents = 0;

/** Changes one key of a ConfigMap; when the API server had answered, ms. */
export async function change(api: Api, { namespace, name }: Pick<App, 'namespace' | 'name'>) {
  contents += 1;
  await api.patch('ConfigMap', name, namespace, {
    data: { a: `another content ${contents} of ${process.pid}` },
  });
  return performance.now();
}
