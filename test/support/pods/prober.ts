import type { IContainer, IProbe } from 'kubernetes-models/v1';
import { probed } from './handlers.ts';
import type { Life, Runtime } from './runtime.ts';
import { sleeping } from './sleeping.ts';

/**
 * A worker for each probe of a container: pkg/kubelet/prober/worker.go of Kubernetes 1.36.3, `run` and `doProbe`.
 *
 * Differs: it is begun with its container, where the kubelet's finds it at its next tick; nothing spreads the first probes of a
 * kubelet that was restarted.
 */

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

export type Watched = {
  readonly container: IContainer;
  readonly life: Life;
  /** When its start, and its postStart hook, were done, ms since the epoch. */
  readonly startedAt: number;
  /** Whether its startupProbe has succeeded, if it has one. */
  readonly started: () => boolean;
  /** The result of the probe: told when the threshold is reached, whether it is another one or not. */
  readonly told: (kind: ProbeKind, healthy: boolean, message: string) => void;
};

/** Probes until `over`; resolves when the last one has ended. */
export async function probing(
  runtime: Runtime,
  kind: ProbeKind,
  probe: IProbe,
  watched: Watched,
  over: AbortSignal,
): Promise<void> {
  const { container, life, startedAt, started, told } = watched;
  const { periodSeconds = 10, initialDelaySeconds = 0, failureThreshold = 3, successThreshold = 1 } = probe;
  let last: boolean | undefined;
  let run = 0;
  for (let tick = 0; !over.aborted; tick += 1) {
    const next = startedAt + tick * periodSeconds * 1_000;
    // Ticks that a slow probe has missed are left out, as by a ticker of Go.
    if (next + periodSeconds * 1_000 < Date.now()) continue;
    await sleeping(next - Date.now(), over);
    if (over.aborted) return;
    if (Math.floor((Date.now() - startedAt) / 1_000) < initialDelaySeconds) continue;
    // Others wait for the startup probe, which is over once it has succeeded.
    if (started() === (kind === 'startup')) continue;
    const verdict = await probed(runtime, life, container, probe).catch(() => undefined);
    // An error of the prober is thrown away, and so is what was found while the container was stopped.
    if (verdict === undefined || over.aborted) continue;
    const { healthy, message } = verdict;
    run = healthy === last ? run + 1 : 1;
    last = healthy;
    if (run < (healthy ? successThreshold : failureThreshold)) continue;
    told(kind, healthy, message);
    // On hold until there is a new container.
    if (kind === 'startup' || (kind === 'liveness' && !healthy)) return;
  }
}
