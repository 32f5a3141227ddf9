import { chmodSync, mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { IContainer, IPodSpec, IProbe } from 'kubernetes-models/v1';
import { PATIENCE } from '../patience.ts';
import { type BackOff, createBackOff } from './back-off.ts';
import { hooked } from './handlers.ts';
import { type ProbeKind, probing } from './prober.ts';
import { createRuntime, type Life, type Runtime } from './runtime.ts';
import { sleeping } from './sleeping.ts';

/**
 * A pod as a kubelet leads it, over containers of podman: init containers, native sidecars, hooks, probes, restarts with their
 * back-off, the end. Sources: pkg/kubelet/kuberuntime/{kuberuntime_manager,kuberuntime_container}.go of Kubernetes 1.36.3, and
 * what its neighbours here name.
 *
 * Differs: each container is led for itself and at once, where the kubelet looks at a pod when it has heard of something, at the
 * latest after a second; restartPolicy is Always; what each life wrote is kept. test/cluster tells the same stories to a real one.
 */

/** What the kubelet would make an Event of. */
export type Happened = {
  readonly at: number;
  readonly what: 'Started' | 'Unhealthy' | 'Killing' | 'Ended' | 'BackOff' | 'FailedPostStartHook';
  readonly container: string;
  readonly message: string;
};

export type Pod = {
  readonly events: readonly Happened[];
  readonly runtime: Runtime;
  /** How often a container was started anew. */
  restarts(container: string): number;
  /** Whether a container runs, has started, and is ready by its readinessProbe. */
  ready(container: string): boolean;
  /** What all lives of a container have written. */
  logs(container: string): string;
  /** Waits until this holds, looking whenever something has happened. */
  until(what: string, holds: () => boolean): Promise<void>;
  /** Ends and removes all of it. */
  remove(): Promise<void>;
};

export type PodOptions = {
  readonly name: string;
  readonly pod: IPodSpec;
  readonly sandbox: string;
  readonly images: Readonly<Record<string, string>>;
  /** Directories of this machine by the names of volumes; an emptyDir is made below `directory`. */
  readonly volumes: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly backOff?: () => BackOff;
};

/** Containers get this long, s, before they are killed, and 2 s whatever is said (minimumGracePeriodInSeconds). */
const GRACE = 30;
const LEAST_GRACE = 2;

type State = {
  readonly container: IContainer;
  readonly lives: Life[];
  running: boolean;
  started: boolean;
  healthy: boolean;
};

export function startPod({ backOff = createBackOff, directory, ...options }: PodOptions): Pod {
  const { pod, volumes } = options;
  const runtime = createRuntime({ ...options, volumes: { ...volumes, ...emptyDirectories(pod, directory) } });
  const events: Happened[] = [];
  const waiting = new Set<() => void>();
  const deleted = new AbortController();
  const states = new Map<string, State>();
  const leading: Promise<void>[] = [];

  function happened(what: Happened['what'], container: IContainer, message = ''): void {
    events.push({ at: Date.now(), what, container: container.name, message });
    look();
  }
  function look(): void {
    for (const one of [...waiting]) one();
  }
  /** As {@link killed}: waited for when the container has ended, and no fault where it is removed meanwhile. */
  function kill(container: IContainer, life: Life, message: string): Promise<void> {
    const killing = killed(container, life, message);
    killing.catch(() => undefined);
    return killing;
  }

  /** killContainer: the preStop hook counts for the grace period. */
  async function killed(container: IContainer, life: Life, message: string): Promise<void> {
    const grace = pod.terminationGracePeriodSeconds ?? GRACE;
    const since = Date.now();
    happened('Killing', container, message);
    const { preStop } = container.lifecycle ?? {};
    if (preStop !== undefined) await hooked(runtime, life, container, preStop);
    const left = Math.ceil(grace - (Date.now() - since) / 1_000);
    await runtime.stop(life, Math.max(LEAST_GRACE, left));
  }

  /** A life of a container, from its start to its end. */
  async function live(state: State): Promise<void> {
    const { container, lives } = state;
    const { lifecycle, startupProbe, readinessProbe, livenessProbe } = container;
    const life = await runtime.start(container, lives.length);
    lives.push(life);
    const over = new AbortController();
    const until = AbortSignal.any([over.signal, deleted.signal]);
    let end: Promise<void> | undefined;
    if (
      lifecycle?.postStart !== undefined &&
      !(await hooked(runtime, life, container, lifecycle.postStart))
    ) {
      happened('FailedPostStartHook', container);
      end = kill(container, life, 'FailedPostStartHook');
    } else {
      state.running = true;
      state.started = startupProbe === undefined;
      state.healthy = readinessProbe === undefined;
      happened('Started', container);
    }
    const told = (kind: ProbeKind, healthy: boolean, message: string) => {
      if (!healthy) happened('Unhealthy', container, `${kind} probe failed: ${message}`);
      if (kind === 'readiness') state.healthy = healthy;
      if (kind === 'startup' && healthy) state.started = true;
      if (kind !== 'readiness' && !healthy) {
        over.abort();
        end = kill(container, life, `failed ${kind} probe`);
      }
      look();
    };
    const watched = { container, life, startedAt: Date.now(), started: () => state.started, told };
    const probes: readonly (readonly [ProbeKind, IProbe | undefined])[] =
      end === undefined
        ? [
            ['startup', startupProbe],
            ['readiness', readinessProbe],
            ['liveness', livenessProbe],
          ]
        : [];
    const workers = probes.map(([kind, probe]) =>
      probe === undefined ? undefined : probing(runtime, kind, probe, watched, until),
    );
    const code = await life.ended;
    over.abort();
    await Promise.all(workers);
    await end;
    Object.assign(state, { running: false, started: false, healthy: false });
    happened('Ended', container, `${code}`);
  }

  async function lead(container: IContainer): Promise<void> {
    const state: State = { container, lives: [], running: false, started: false, healthy: false };
    states.set(container.name, state);
    const delays = backOff();
    for (;;) {
      await live(state).catch((error: unknown) => {
        // What is removed under it is no fault.
        if (!deleted.signal.aborted) throw error;
      });
      if (deleted.signal.aborted) return;
      const finishedAt = Date.now();
      const wait = delays.wait(finishedAt, finishedAt);
      if (wait > 0) {
        happened('BackOff', container, `${wait} ms`);
        await sleeping(wait, deleted.signal);
      }
      if (deleted.signal.aborted) return;
      delays.next(finishedAt, Date.now());
    }
  }

  function begin(container: IContainer): void {
    leading.push(lead(container));
  }

  async function initialize(): Promise<void> {
    for (const container of pod.initContainers ?? []) {
      if (container.restartPolicy === 'Always') {
        begin(container);
        const started = () => states.get(container.name)?.started === true || deleted.signal.aborted;
        await self.until(`${container.name} to have started`, started);
        if (deleted.signal.aborted) return;
        continue;
      }
      const life = await runtime.start(container, 0);
      const code = await life.ended;
      if (code !== 0) throw new Error(`${container.name} ended with ${code}: ${runtime.logs(life)}`);
    }
    for (const container of pod.containers) begin(container);
  }

  const self: Pod = {
    events,
    runtime,
    restarts: (container) => Math.max(0, (states.get(container)?.lives.length ?? 0) - 1),
    ready(container) {
      const state = states.get(container);
      return state?.running === true && state.started && state.healthy;
    },
    logs: (container) => (states.get(container)?.lives ?? []).map((life) => runtime.logs(life)).join(''),
    until: (what, holds) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(check);
          const shown = events.map((one) => `${one.container}: ${one.what} ${one.message}`).join('\n');
          const logs = [...states.keys()].map((name) => `${name}:\n${self.logs(name)}`).join('\n');
          reject(new Error(`waited in vain for ${what}\n${shown}\n${logs}`));
        }, 2 * PATIENCE);
        function check(): void {
          if (!holds()) return;
          clearTimeout(timer);
          waiting.delete(check);
          resolve();
        }
        waiting.add(check);
        check();
      }),
    async remove() {
      deleted.abort();
      look();
      await begun.catch(() => undefined);
      await runtime.remove();
      await Promise.allSettled(leading);
    },
  };
  const begun = initialize();
  begun.catch(() => undefined);
  return self;
}

/** Writable by all, and kept over the lives of containers, as the kubelet makes them. */
function emptyDirectories(pod: IPodSpec, directory: string): Readonly<Record<string, string>> {
  mkdirSync(directory, { recursive: true });
  const those = (pod.volumes ?? []).filter(({ emptyDir }) => emptyDir !== undefined);
  return Object.fromEntries(
    those.map(({ name }) => {
      const path = mkdtempSync(join(directory, `${name}-`));
      chmodSync(path, 0o777);
      return [name, path];
    }),
  );
}
