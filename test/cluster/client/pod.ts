import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Place } from '../engine/place.ts';
import type { Api, Resource } from './api.ts';
import { ctr } from './daemons.ts';
import { type Line, linesOf } from './lines.ts';
import { field, isTrue, list } from './objects.ts';
import { reportOf, shownLines } from './report.ts';
import { awaited } from './waiting.ts';

/** A line of the log of rehup. */
export type Logged = Readonly<Record<string, unknown>> & {
  readonly event: string;
  /** When the runtime got it, ms since the epoch. */
  readonly at: number;
  /** How often the container had been started anew by then. */
  readonly life: number;
};

/** How a container ended, as the kubelet tells it. */
export type Ended = { readonly code: number; readonly reason: string };

/** A pod that runs, and a container of it that is meant where none is named. */
export type Pod = {
  readonly name: string;
  readonly namespace: string;
  /** What the application wrote. */
  output(container?: string): readonly Line[];
  log(container?: string): readonly Logged[];
  /** How many log lines there are of an event. */
  count(event: string): number;
  /** Waits for the nth (from 1) line of the application that has this text in it. */
  said(text: string, nth?: number, container?: string): Promise<Line>;
  /** Waits for the nth log line of an event. */
  logged(event: string, nth?: number, container?: string): Promise<Logged>;
  ready(): Promise<Resource>;
  object(): Promise<Resource>;
  /**
   * How often the kubelet has started the container anew, as far as it has told. It may not have told of the container at
   * all yet: an application may have done all its work by then.
   */
  toldRestarts(container?: string): Promise<number | undefined>;
  /** The same, once it has told. */
  restarts(container?: string): Promise<number>;
  /** Waits until it has told that it has started the container anew so often. */
  restarted(times: number, container?: string): Promise<void>;
  /** How the container ended: the present one, or the one before it. */
  ended(container?: string): Promise<Ended>;
  /** Runs a command in the container by `kubectl exec`. */
  exec(...words: readonly string[]): Promise<{ readonly code: number; readonly output: string }>;
  /** Has the runtime kill the first process of the container, as running out of memory would. */
  kill(): Promise<void>;
  /** All that the container wrote. */
  everything(): string;
  /** All that is known of it, for a failed test. */
  report(): Promise<string>;
};

export function podOf(place: Place, api: Api, namespace: string, name: string, main = 'app'): Pod {
  const { folder } = place;
  const lines = (container = main) => linesOf(folder, namespace, name, container);
  const everything = () => shownLines(lines());

  const pod: Pod = {
    name,
    namespace,
    output: (container) => lines(container).filter(({ stream, text }) => stream === 'stdout' && text !== ''),
    log: (container) => lines(container).flatMap(logged),
    count: (event) => pod.log().filter((line) => line.event === event).length,
    said: (text, nth = 1, container = main) =>
      awaited(
        `line ${nth} with "${text}" of ${name}`,
        () => pod.output(container).filter((line) => line.text.includes(text))[nth - 1],
        { shown: everything },
      ),
    logged: (event, nth = 1, container = main) =>
      awaited(
        `${event} ${nth} of ${name}`,
        () => pod.log(container).filter((line) => line.event === event)[nth - 1],
        { shown: everything },
      ),
    object: () => api.get('Pod', name, namespace),
    ready: () =>
      awaited(
        `${name} to be ready`,
        async () => {
          const object = await pod.object();
          return isTrue(object, 'Ready') ? object : undefined;
        },
        { shown: everything },
      ),
    async toldRestarts(container = main) {
      const count = field(statusOf(await pod.object(), container), 'restartCount');
      return typeof count === 'number' ? count : undefined;
    },
    restarts: (container) =>
      awaited(`the kubelet to tell of ${name}`, () => pod.toldRestarts(container), { shown: everything }),
    async restarted(times, container) {
      const enough = async () => ((await pod.restarts(container)) >= times ? true : undefined);
      await awaited(`${times} restarts of ${name}`, enough, { shown: everything });
    },
    ended: (container = main) =>
      awaited(
        `the end of ${container} in ${name}`,
        async () => {
          const status = statusOf(await pod.object(), container);
          const end = field(status, 'state', 'terminated') ?? field(status, 'lastState', 'terminated');
          if (end === undefined) return undefined;
          return { code: Number(field(end, 'exitCode')), reason: String(field(end, 'reason')) };
        },
        { shown: everything },
      ),
    exec: (...words) =>
      kubectl(place, 'exec', '--namespace', namespace, name, '--container', main, '--', ...words),
    async kill() {
      // It may run before the kubelet has told that.
      const running = async () => {
        const status = statusOf(await pod.object(), main);
        const id = field(status, 'containerID');
        return field(status, 'state', 'running') === undefined || typeof id !== 'string' ? undefined : id;
      };
      const id = await awaited(`the container of ${name}`, running, { shown: everything });
      await ctr(place, 'tasks', 'kill', '--signal', 'SIGKILL', id.replace('containerd://', ''));
    },
    everything,
    report: () => reportOf(place, api, namespace, name),
  };
  return pod;
}

/** What the kubelet tells of a container, of whatever kind. */
function statusOf(pod: Resource, container: string): unknown {
  return ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses']
    .flatMap((kind) => list(pod, 'status', kind))
    .find((status) => field(status, 'name') === container);
}

function logged({ text, time, life }: Line): readonly Logged[] {
  if (!text.startsWith('{')) return [];
  try {
    const line: unknown = JSON.parse(text);
    const event = field(line, 'event');
    return typeof event === 'string' ? [{ ...Object(line), event, at: time, life }] : [];
  } catch {
    return [];
  }
}

/** Runs kubectl on this machine, as a person would. */
export async function kubectl(
  { programs, folder }: Place,
  ...words: readonly string[]
): Promise<{ readonly code: number; readonly output: string }> {
  const env = { ...process.env, KUBECONFIG: join(folder, 'admin.kubeconfig'), HOME: folder };
  try {
    const { stdout, stderr } = await promisify(execFile)(programs.kubernetes, ['kubectl', ...words], { env });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const code = field(error, 'code');
    if (typeof code !== 'number') throw error;
    return { code, output: `${field(error, 'stdout')}${field(error, 'stderr')}` };
  }
}
