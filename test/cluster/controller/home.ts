import { type Api, createApi, type Resource } from '../client/api.ts';
import { encoded, thePlace } from '../client/room.ts';
import { awaited } from '../client/waiting.ts';
import { grant, kubeconfigOf, revoke } from './account.ts';
import { type Running, startController } from './running.ts';
import { type Kind, type ObjectKind, phaseOf, revisionOf } from './workloads.ts';

/** A namespace with an account of a controller that has the rights that are shipped, and what tests do in it. */
export type Home = {
  readonly namespace: string;
  readonly api: Api;
  /** Starts a controller; all of them are ended at the end. */
  start(...words: readonly string[]): Promise<Running>;
  config(name: string, key: string, kind?: ObjectKind): Promise<Resource>;
  change(name: string, key: string, kind?: ObjectKind): Promise<Resource>;
  make(resource: Resource): Promise<Resource>;
  phase(name: string, kind?: Kind): Promise<string | undefined>;
  revision(name: string, kind?: Kind): Promise<number>;
  /** Ends all controllers, as a machine does that fails. */
  killAll(): Promise<void>;
  /** Waits for these Deployments to be in a phase. */
  comeTo(phase: string, names: readonly string[], namespace?: string): Promise<void>;
  end(): Promise<void>;
};

const PATIENCE = 240_000;

export async function createHome(namespace: string, more: readonly string[] = []): Promise<Home> {
  const place = thePlace();
  const api = createApi(place);
  const running: Running[] = [];
  await api.create({ kind: 'Namespace', metadata: { name: namespace } });
  await grant(api, namespace, ['cluster-role.yaml', 'secrets.yaml', 'base/account.yaml', ...more]);
  const kubeconfig = await kubeconfigOf(place, api, namespace);
  const dataOf = (key: string, kind: ObjectKind) => ({
    data: kind === 'Secret' ? encoded({ key }) : { key },
  });
  const home: Home = {
    ...{ namespace, api },
    async start(...words) {
      const one = await startController(kubeconfig, words);
      running.push(one);
      return one;
    },
    config: (name, key, kind = 'ConfigMap') =>
      api.create({ kind, metadata: { name, namespace }, ...dataOf(key, kind) }),
    change: (name, key, kind = 'ConfigMap') => api.patch(kind, name, namespace, dataOf(key, kind)),
    // The controller of service accounts makes that of a new namespace in its own time.
    make: (resource) =>
      awaited(`${resource.metadata.name} to be made`, () =>
        api.create({ ...resource, metadata: { namespace, ...resource.metadata } }),
      ),
    phase: async (name, kind = 'Deployment') => phaseOf(await api.get(kind, name, namespace)),
    revision: async (name, kind = 'Deployment') => revisionOf(await api.get(kind, name, namespace)),
    async comeTo(phase, names, where = namespace) {
      let late: readonly string[] = names;
      await awaited(
        `all to be ${phase}`,
        async () => {
          const all = await api.list('Deployment', where);
          const reached = new Set(
            all.filter((one) => phaseOf(one) === phase).map(({ metadata }) => metadata.name),
          );
          late = names.filter((name) => !reached.has(name));
          return late.length === 0 ? true : undefined;
        },
        {
          patience: PATIENCE,
          shown: () => [late.join(), ...running.flatMap((one) => one.lines().slice(-20))].join('\n'),
        },
      );
    },
    async killAll() {
      await Promise.all(running.map((one) => one.kill()));
    },
    async end() {
      await home.killAll();
      await revoke(api, namespace);
      await api.delete('Namespace', namespace);
    },
  };
  return home;
}
