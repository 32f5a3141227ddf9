import { createHash, createHmac } from 'node:crypto';
import type { Patch } from '../../src/controller/core/planning/decision.ts';
import type { ApiObject, ApiPod, ApiWorkload } from '../../src/controller/core/reading/api.ts';
import type { Hash } from '../../src/controller/core/reading/digest.ts';
import { MANAGER } from '../../src/controller/core/reading/owned.ts';
import { CONFIG_DIGEST, HISTORY, STATE, stateText } from '../../src/controller/core/reading/state.ts';

/** A double of the API server, and of the controllers that make pods of templates, for tests of the core. */

export const NAMESPACE = 'shop';

export function hashWith(key: string): Hash {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  return {
    keyId: sha256(key).slice(0, 16),
    sha256,
    hmac: (text) => createHmac('sha256', key).update(text).digest('hex'),
  };
}

export type Stored = {
  /** Of each of a name another one. */
  readonly uid: string;
  /** Names of ConfigMaps that its template takes variables from. */
  readonly refers: readonly string[];
  readonly replicas: number;
  readonly extra: Readonly<Record<string, string>>;
  annotations: Record<string, string>;
  template: string | undefined;
  version: number;
  generation: number;
  /** Whether the annotations of the controller were written by it. */
  stateIsOurs: boolean;
  templateIsOurs: boolean;
  /** Who wrote the template, when that was not the controller. */
  templateBy: string;
  stateBy: string;
  paused: boolean;
  pods: Pod[];
};

type Pod = {
  readonly name: string;
  readonly digest: string | undefined;
  readonly created: number;
  readonly isBad: boolean;
};

/** What is rolled out by the patch that was written. */
export type Written = { readonly name: string; readonly patch: Patch; readonly before: Stored };

export class Conflict extends Error {}

/** Pods are Ready so long after they were made, ms. */
const READY_AFTER = 2000;

export class ApiServer {
  now = Date.parse('2026-01-01T00:00:00Z');
  version = 1;
  readonly workloads = new Map<string, Stored>();
  /** Contents by name; one that begins with `bad` lets pods crash. */
  readonly objects = new Map<string, string>();
  /** Annotations of ConfigMaps, by name. */
  readonly marks = new Map<string, Readonly<Record<string, string>>>();
  readonly written: ((written: Written) => void)[] = [];
  /** Names in the order of their changes: `configmap/a`, `workload/w`, `pods/w`. */
  readonly changes: string[] = [];
  made = 0;
  /** Whether bad content is bad: what was missing beside it may have come. */
  isCured = false;

  change(what: string): void {
    this.version += 1;
    this.changes.push(what);
  }

  addWorkload(
    name: string,
    refers: readonly string[],
    extra: Readonly<Record<string, string>> = {},
    replicas = 1,
  ): void {
    this.workloads.set(name, {
      uid: `${name}-${this.version}`,
      ...{
        refers,
        replicas,
        extra,
        annotations: {},
        template: undefined,
        version: this.version,
        generation: 1,
      },
      ...{
        stateIsOurs: false,
        templateIsOurs: false,
        templateBy: 'kubectl',
        stateBy: 'kubectl',
        paused: false,
        pods: [],
      },
    });
    this.change(`workload/${name}`);
    this.progress();
  }

  put(name: string, content: string | undefined): void {
    if (content === undefined) this.objects.delete(name);
    else this.objects.set(name, content);
    this.change(`configmap/${name}`);
  }

  edit(name: string, edit: (stored: Stored) => void): void {
    const stored = this.workloads.get(name);
    if (stored === undefined) return;
    edit(stored);
    this.change(`workload/${name}`);
    stored.version = this.version;
    this.progress();
  }

  /** A patch of the controller, by what it had seen. */
  apply(name: string, resourceVersion: string, patch: Patch): void {
    const stored = this.workloads.get(name);
    if (stored === undefined || String(stored.version) !== resourceVersion) throw new Conflict(name);
    for (const tell of this.written) tell({ name, patch, before: { ...stored } });
    this.edit(name, (one) => {
      one.annotations = { [STATE]: stateText(patch.state), [HISTORY]: patch.history.join(',') };
      one.stateIsOurs = true;
      if (patch.template !== undefined) {
        if (one.template !== patch.template) one.generation += 1;
        one.template = patch.template;
        one.templateIsOurs = true;
      }
    });
  }

  /** Pods follow their template: an old one goes when the new one is Ready. */
  progress(): void {
    for (const [name, stored] of this.workloads) {
      const before = JSON.stringify(stored.pods);
      const isCurrent = (pod: Pod) => pod.digest === stored.template;
      const isMissing = stored.refers.some((object) => !this.objects.has(object));
      if (!stored.paused && !isMissing) {
        while (stored.pods.filter(isCurrent).length < stored.replicas) {
          this.made += 1;
          const isBad =
            !this.isCured &&
            stored.refers.some((object) => this.objects.get(object)?.startsWith('bad') === true);
          stored.pods.push({
            name: `${name}-${this.made}`,
            digest: stored.template,
            created: this.now,
            isBad,
          });
        }
        const current = stored.pods.filter(isCurrent);
        const areReady = current.every((pod) => !pod.isBad && this.now >= pod.created + READY_AFTER);
        if (areReady) stored.pods = current;
        // A deployment replaces what does not work first.
        else stored.pods = stored.pods.filter((pod) => isCurrent(pod) || !pod.isBad);
      }
      if (JSON.stringify(stored.pods) !== before) this.change(`pods/${name}`);
    }
  }

  pass(ms: number): void {
    const step = 1000;
    for (let gone = 0; gone < ms; gone += step) {
      this.now += step;
      this.progress();
    }
  }

  remove(pod: string): void {
    for (const [name, stored] of this.workloads) {
      if (!stored.pods.some((one) => one.name === pod)) continue;
      stored.pods = stored.pods.filter((one) => one.name !== pod);
      this.change(`pods/${name}`);
    }
    this.progress();
  }

  object(name: string): ApiObject | undefined {
    const content = this.objects.get(name);
    if (content === undefined) return undefined;
    const annotations = this.marks.get(name) ?? {};
    return {
      metadata: { name, namespace: NAMESPACE, uid: name, resourceVersion: '1', annotations },
      data: { key: content },
    };
  }

  workload(name: string): ApiWorkload | undefined {
    const stored = this.workloads.get(name);
    if (stored === undefined) return undefined;
    const { annotations, template, generation, replicas, refers, stateIsOurs, templateIsOurs } = stored;
    const owned = (path: readonly string[], is: boolean, other = 'kubectl') => ({
      manager: is ? MANAGER : other,
      fieldsV1: path.reduceRight<object>((inner, field) => ({ [`f:${field}`]: inner }), {}),
    });
    return {
      metadata: {
        ...{ name, namespace: NAMESPACE, uid: stored.uid },
        ...{ resourceVersion: String(stored.version), generation },
        annotations: { 'rehup.dev/reload': 'auto', ...stored.extra, ...annotations },
        managedFields: [
          owned(['metadata', 'annotations', STATE], stateIsOurs, stored.stateBy),
          owned(
            ['spec', 'template', 'metadata', 'annotations', CONFIG_DIGEST],
            templateIsOurs,
            stored.templateBy,
          ),
        ],
      },
      spec: {
        ...{ replicas, paused: stored.paused },
        template: {
          metadata: template === undefined ? {} : { annotations: { [CONFIG_DIGEST]: template } },
          spec: { containers: [{ envFrom: refers.map((object) => ({ configMapRef: { name: object } })) }] },
        },
      },
      status: {
        observedGeneration: generation,
        availableReplicas: stored.pods.filter((pod) => this.isReady(pod)).length,
      },
    };
  }

  podsOf(name: string): readonly ApiPod[] {
    return (this.workloads.get(name)?.pods ?? []).map((pod) => ({
      metadata: {
        ...{ name: pod.name, namespace: NAMESPACE, uid: pod.name },
        creationTimestamp: new Date(pod.created).toISOString(),
        labels: { 'pod-template-hash': 'h' },
        annotations: pod.digest === undefined ? {} : { [CONFIG_DIGEST]: pod.digest },
        ownerReferences: [{ kind: 'ReplicaSet', name: `${name}-h`, controller: true }],
      },
      status: {
        phase: 'Running',
        conditions: [
          {
            type: 'Ready',
            status: this.isReady(pod) ? 'True' : 'False',
            lastTransitionTime: new Date(pod.created + READY_AFTER).toISOString(),
          },
        ],
        containerStatuses: [
          pod.isBad
            ? { restartCount: 3, state: { waiting: { reason: 'CrashLoopBackOff' } } }
            : { restartCount: 0, state: { running: { startedAt: new Date(pod.created).toISOString() } } },
        ],
      },
    }));
  }

  isReady(pod: Pod): boolean {
    return !pod.isBad && this.now >= pod.created + READY_AFTER;
  }
}
