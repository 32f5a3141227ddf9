import type { Decision } from '../../src/controller/core/planning/decision.ts';
import { createMemory, refusedAgain } from '../../src/controller/core/planning/memory.ts';
import { plan } from '../../src/controller/core/planning/plan.ts';
import type { Restoring } from '../../src/controller/core/planning/restore.ts';
import {
  createStore,
  objectKey,
  putObject,
  putPod,
  putWorkload,
} from '../../src/controller/core/planning/store.ts';
import { configObject } from '../../src/controller/core/reading/object.ts';
import { podOf } from '../../src/controller/core/reading/pod.ts';
import { GOOD_OF, ROLLED_BACK } from '../../src/controller/core/reading/rollback.ts';
import type { PlanSettings } from '../../src/controller/core/reading/settings.ts';
import { workloadOf } from '../../src/controller/core/reading/workload.ts';
import { type ApiServer, Conflict, hashWith, NAMESPACE } from './api-server.ts';

/** A controller as the host runs it, one step at a time: its copy of the cluster is as old as the test wants. */

export const SETTINGS: PlanSettings = {
  ...{ reloadAll: false, secrets: true, settle: 2000, splay: 0, maxRolling: 2, maxRollingTotal: 3 },
  ...{ strategy: 'template', deadline: 600_000, halt: true },
};

export const keyOf = (name: string) => `Deployment/${NAMESPACE}/${name}`;

export class ControllerDouble {
  readonly hash;
  readonly settings: PlanSettings;
  readonly server: ApiServer;
  readonly store;
  readonly memory = createMemory();
  readonly dirty = new Set<string>();
  readonly wakes = new Map<string, number>();
  readonly flying: Decision[] = [];
  readonly told: string[] = [];
  /** Those of what was told that are Events. */
  readonly events: string[] = [];
  seen: number;

  constructor(server: ApiServer, settings: PlanSettings = SETTINGS, key = 'key') {
    this.server = server;
    this.settings = settings;
    this.hash = hashWith(key);
    this.store = createStore(settings.settle);
    // The list with which it begins.
    this.seen = server.changes.length;
    for (const name of server.objects.keys()) this.take(`configmap/${name}`);
    for (const name of server.workloads.keys()) this.take(`workload/${name}`);
    for (const name of server.workloads.keys()) this.take(`pods/${name}`);
  }

  /** Takes in so many of the changes that it has not seen. */
  see(count = Number.POSITIVE_INFINITY): void {
    for (let taken = 0; taken < count && this.seen < this.server.changes.length; taken += 1) {
      this.take(this.server.changes[this.seen] ?? '');
      this.seen += 1;
    }
  }

  take(what: string): void {
    const [kind, name = ''] = what.split('/');
    const { server, store } = this;
    if (kind === 'configmap') {
      const object = server.object(name);
      const read = object === undefined ? undefined : configObject('configmap', object, this.hash);
      this.mark(putObject(store, objectKey(NAMESPACE, what), read, server.now));
    } else if (kind === 'workload') {
      // What is being written is known better here.
      if (this.flying.some(({ workload }) => workload.name === name)) return;
      const object = server.workload(name);
      const read = object === undefined ? undefined : workloadOf('Deployment', object, this.settings);
      this.mark(putWorkload(store, keyOf(name), read));
    } else {
      const pods = server.podsOf(name).flatMap((pod) => podOf(pod) ?? []);
      for (const uid of [...(store.pods.get(keyOf(name))?.keys() ?? [])])
        if (!pods.some((pod) => pod.uid === uid)) this.mark(putPod(store, uid, undefined, keyOf(name)));
      for (const pod of pods) this.mark(putPod(store, pod.uid, pod, pod.workload));
    }
  }

  mark(keys: Iterable<string>): void {
    for (const key of keys) this.dirty.add(key);
  }

  /** One pass; what is to be written is under way after it. */
  plan(): void {
    for (const [key, at] of this.wakes) {
      if (at > this.server.now) continue;
      this.dirty.add(key);
      this.wakes.delete(key);
    }
    const busy = new Set(this.flying.map(({ workload }) => workload.key));
    const keys = [...this.dirty].filter((key) => !busy.has(key));
    for (const key of keys) this.dirty.delete(key);
    const { store, memory, settings, hash } = this;
    const { decisions, wake, restorings } = plan(
      { store, memory, settings, hash, now: this.server.now, chance: () => 0.5 },
      keys,
    );
    this.mark(wake);
    for (const restoring of restorings) this.restore(restoring);
    for (const decision of decisions) {
      const { workload, patch, again, tell, remove } = decision;
      for (const { reason, message, isForLog } of tell) {
        this.told.push(`${workload.name} ${reason}: ${message}`);
        if (isForLog !== true) this.events.push(`${workload.name} ${reason}`);
      }
      if (patch !== undefined) this.flying.push(decision);
      for (const pod of remove) this.server.remove(pod.name);
      if (again !== undefined) this.wakes.set(workload.key, again);
    }
  }

  restore(restoring: Restoring): void {
    const { server } = this;
    const name = restoring.object.name.replace('configmap/', '');
    if (restoring.kind !== 'keep')
      this.told.push(`${restoring.failed.name} ${restoring.telling.reason}: ${restoring.telling.message}`);
    if (restoring.kind === 'keep') {
      for (const old of restoring.old) server.put(old, undefined);
      server.marks.set(restoring.copy, { [GOOD_OF]: name });
      server.put(restoring.copy, server.objects.get(name));
    } else if (restoring.kind === 'restore') {
      const done = [...(restoring.object.rollback?.done ?? []), restoring.object.digest].join(',');
      server.marks.set(name, { ...server.marks.get(name), [ROLLED_BACK]: done });
      server.put(name, server.objects.get(restoring.copy));
    }
  }

  /** One write arrives, or is refused. */
  land(outcome: 'done' | 'refused' = 'done'): void {
    const decision = this.flying.shift();
    if (decision?.patch === undefined) return;
    const { workload, patch } = decision;
    try {
      if (outcome === 'refused') throw new Error('admission webhook denied the request');
      this.server.apply(workload.name, workload.resourceVersion, patch);
      this.memory.refused.delete(workload.key);
    } catch (error) {
      if (!(error instanceof Conflict)) {
        const times = { shortest: 1000, longest: 60_000 };
        const refusal = refusedAgain(this.memory.refused.get(workload.key), this.server.now, times);
        this.memory.refused.set(workload.key, refusal);
      }
    }
    // What came of it, as the answer or a fresh look tells.
    this.take(`workload/${workload.name}`);
    this.dirty.add(workload.key);
  }

  /** Everything that there is to do until nothing is left but to wait. */
  settle(): void {
    for (let round = 0; round < 1000; round += 1) {
      this.see();
      this.plan();
      if (this.flying.length === 0 && this.dirty.size === 0 && this.seen === this.server.changes.length)
        return;
      while (this.flying.length > 0) this.land();
    }
    throw new Error('it does not come to rest');
  }

  /** Lets time pass, second by second, doing what is to be done. */
  pass(seconds: number): void {
    this.settle();
    for (let second = 0; second < seconds; second += 1) {
      this.server.pass(1000);
      this.settle();
    }
  }
}
