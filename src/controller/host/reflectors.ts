import type { ControllerSettings } from '../../cli/commands/controller.ts';
import { type ApiLease, SLOT_OF } from '../core/fleet/slots.ts';
import { objectKey, putObject, putPod } from '../core/planning/store.ts';
import type { ApiObject, ApiPod, Metadata } from '../core/reading/api.ts';
import type { Hash } from '../core/reading/digest.ts';
import { configObject, OBJECT_KINDS, type ObjectKind } from '../core/reading/object.ts';
import { podOf } from '../core/reading/pod.ts';
import { WORKLOAD_KINDS } from '../core/reading/workload.ts';
import type { Client } from './client.ts';
import type { Tender } from './fleet/tending.ts';
import { createTurns, type Turns } from './limiter.ts';
import type { Log } from './log.ts';
import { coreCollection, leaseCollection, workloadCollection } from './paths.ts';
import { createReflector, type Reflector } from './reflector.ts';
import type { Runner } from './runner.ts';

type Lister = () => Reflector;

/**
 * Pages of lists that are in memory at once, how long one that does not come holds up the others, ms, and after how many
 * what they were is collected: by itself it would pile up to a quarter more than the controller has else.
 */
const PAGES = { abreast: 2, longest: 5000, kept: 4 } as const;

/** What is listed and watched, and where it goes. */
export type Reflecting = {
  readonly client: Client;
  readonly log: Log;
  readonly settings: Pick<ControllerSettings, 'namespaces' | 'namespaceSelector'>;
  readonly secrets: boolean;
  readonly runner: Runner;
  readonly hash: Hash;
  /** Undefined where there is no right to Leases. */
  readonly tender: Tender | undefined;
};

/** Those of workloads have to be listed anew by who becomes the leader. */
export function createReflectors(reflecting: Reflecting): {
  readonly namespaces: Reflector | undefined;
  readonly workloads: Lister[];
  readonly others: Lister[];
  /** Whether a namespace is looked after. */
  readonly isOurs: (namespace: string) => boolean;
} {
  const { client, log, settings, secrets, runner, hash, tender } = reflecting;
  const { namespaces, namespaceSelector } = settings;
  const { store, mark, takeWorkload } = runner;
  const places = namespaces.length === 0 ? [undefined] : namespaces;
  const turns = createTurns(PAGES.abreast, PAGES.longest);
  let listed = 0;
  const pages: Turns = async (act) => {
    const value = await turns(act);
    listed += 1;
    if (listed % PAGES.kept === 0) globalThis.gc?.();
    return value;
  };
  const made: Reflector[] = [];
  const selected = new Set<string>();
  let isListed = false;
  const isOurs = (key: string): boolean => {
    const [namespace = ''] = key.split('/');
    if (namespaceSelector !== undefined) return selected.has(namespace);
    return namespaces.length === 0 || namespaces.includes(namespace);
  };
  const lister =
    (
      path: string,
      take: (object: { readonly metadata?: Metadata }, key: string) => void,
      drop: (key: string) => void,
      query = '',
    ): Lister =>
    () => {
      const reflected = {
        ...{ path, query, drop },
        take: (object: { readonly metadata?: Metadata }, key: string) =>
          isOurs(key) ? take(object, key) : drop(key),
      };
      const reflector = createReflector(client, log, reflected, pages);
      made.push(reflector);
      return reflector;
    };
  const selection = (): void => {
    // What was passed over has to be seen now.
    if (isListed) for (const reflector of made) void reflector.relist();
  };
  const watched =
    namespaceSelector === undefined
      ? undefined
      : createReflector(
          client,
          log,
          {
            path: coreCollection('namespaces'),
            query: `&labelSelector=${encodeURIComponent(namespaceSelector)}`,
            take: (_, key) => {
              if (selected.has(key)) return;
              selected.add(key);
              selection();
            },
            drop: (key) => {
              if (selected.delete(key)) selection();
            },
          },
          pages,
        );
  void watched?.synced.then(() => {
    isListed = true;
  });
  const workloads = WORKLOAD_KINDS.flatMap((kind) =>
    places.map((place) =>
      lister(
        workloadCollection(kind, place),
        (object, key) => takeWorkload(kind, `${kind}/${key}`, object),
        (key) => takeWorkload(kind, `${kind}/${key}`, undefined),
      ),
    ),
  );
  const objects = OBJECT_KINDS.filter((kind) => kind !== 'secret' || secrets).flatMap((kind) =>
    places.map((place) => {
      const put = (key: string, object: ApiObject | undefined): void => {
        const [namespace = '', name = ''] = key.split('/');
        const read = object === undefined ? undefined : configObject(kind, object, hash);
        mark(putObject(store, objectKey(namespace, `${kind}/${name}`), read, Date.now()));
      };
      return lister(
        coreCollection(pluralOf(kind), place),
        (object, key) => put(key, object),
        (key) => put(key, undefined),
      );
    }),
  );
  /** Which pod stands under a name, since one that is gone is told by its name. */
  const pods = new Map<string, { readonly uid: string; readonly workload: string }>();
  const dropPod = (key: string): void => {
    tender?.takePod(key, undefined);
    const known = pods.get(key);
    if (known === undefined) return;
    pods.delete(key);
    mark(putPod(store, known.uid, undefined, known.workload));
  };
  const takePod = (object: ApiPod, key: string): void => {
    const pod = podOf(object);
    if (pods.get(key)?.uid !== pod?.uid) dropPod(key);
    tender?.takePod(key, object);
    if (pod === undefined) return;
    pods.set(key, { uid: pod.uid, workload: pod.workload });
    mark(putPod(store, pod.uid, pod, pod.workload));
  };
  const podListers = places.map((place) => lister(coreCollection('pods', place), takePod, dropPod));
  const leaseListers =
    tender === undefined
      ? []
      : places.map((place) =>
          lister(
            leaseCollection(place),
            (lease: ApiLease, key) => tender.takeLease(key, lease),
            (key) => tender.takeLease(key, undefined),
            `&labelSelector=${encodeURIComponent(SLOT_OF)}`,
          ),
        );
  const others = [...objects, ...podListers, ...leaseListers];
  return { namespaces: watched, workloads, others, isOurs };
}

function pluralOf(kind: ObjectKind): string {
  return `${kind}s`;
}
