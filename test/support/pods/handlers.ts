import { execFile } from 'node:child_process';
import type { IContainer, ILifecycleHandler, IProbe } from 'kubernetes-models/v1';
import type { Life, Runtime } from './runtime.ts';

/**
 * What probes and hooks do, as the kubelet does it. Sources: pkg/probe/{exec,http,tcp} and pkg/kubelet/prober/prober.go for
 * probes, pkg/kubelet/lifecycle/handlers.go for hooks, Kubernetes 1.36.3.
 *
 * Differs: the pod's address is that of its loopback, since its network has no other; a server that listens on that alone is
 * reached here, and by no kubelet. gRPC, https and fields of a request are not here.
 */

/** An error is thrown away by the kubelet: it is neither success nor failure. */
export type Verdict = { readonly healthy: boolean; readonly message: string };

/** The most that is waited for an answer to a hook, s: the kubelet waits without end, and a test must not. */
const HOOK_TIMEOUT = 60;

/** A port by number, or by its name in this very container: another one's are not known (probe/util.go, ResolveContainerPort). */
function portOf(port: string | number, container: IContainer): number {
  if (typeof port === 'number') return port;
  const found = container.ports?.find(({ name }) => name === port)?.containerPort;
  if (found === undefined) throw new Error(`couldn't find port: ${port}`);
  return found;
}

/** Runs a program in the network of the pod; its exit code. */
function inNetwork(runtime: Runtime, words: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile('nsenter', ['--target', `${runtime.sandbox}`, '--net', ...words], (error, stdout) =>
      resolve({
        code: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1,
        output: stdout,
      }),
    );
  });
}

/** The status of a GET, 0 if there was no answer in time. A redirect is an answer. */
async function get(runtime: Runtime, url: string, agent: string, seconds: number): Promise<number> {
  const silent = ['--silent', '--output', '/dev/null', '--write-out', '%{http_code}', '--globoff'];
  const words = [
    '--max-time',
    `${seconds}`,
    '--user-agent',
    `${agent}/1.36`,
    '--header',
    'Connection: close',
    url,
  ];
  const { output } = await inNetwork(runtime, ['curl', ...silent, ...words]);
  return Number(output);
}

/** Runs the handler of a probe once. */
export async function probed(
  runtime: Runtime,
  life: Life,
  container: IContainer,
  probe: IProbe,
): Promise<Verdict> {
  const seconds = probe.timeoutSeconds ?? 1;
  if (probe.exec !== undefined) {
    const ran = await runtime.exec(life, probe.exec.command ?? [], seconds);
    if (ran === undefined) return { healthy: false, message: `timed out after ${seconds} s` };
    return { healthy: ran.code === 0, message: ran.output.trim() };
  }
  if (probe.httpGet !== undefined) {
    const { path = '/', port } = probe.httpGet;
    const url = `http://127.0.0.1:${portOf(port, container)}${path}`;
    const status = await get(runtime, url, 'kube-probe', seconds);
    return { healthy: status >= 200 && status < 400, message: `status ${status}` };
  }
  if (probe.tcpSocket !== undefined) {
    const address = `/dev/tcp/127.0.0.1/${portOf(probe.tcpSocket.port, container)}`;
    const { code } = await inNetwork(runtime, ['timeout', `${seconds}`, 'bash', '-c', `exec 3<>${address}`]);
    return { healthy: code === 0, message: `connect: ${code}` };
  }
  throw new Error('a probe of a kind that is not here');
}

/** Runs a hook; whether it succeeded. Any status of an answer does, and no connection does not. */
export async function hooked(
  runtime: Runtime,
  life: Life,
  container: IContainer,
  hook: ILifecycleHandler,
): Promise<boolean> {
  if (hook.exec !== undefined) {
    const ran = await runtime.exec(life, hook.exec.command ?? [], HOOK_TIMEOUT);
    return ran?.code === 0;
  }
  if (hook.httpGet !== undefined) {
    const { path = '/', port } = hook.httpGet;
    const url = `http://127.0.0.1:${portOf(port, container)}${path}`;
    return (await get(runtime, url, 'kube-lifecycle', HOOK_TIMEOUT)) > 0;
  }
  const { seconds } = hook.sleep ?? { seconds: 0 };
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  return true;
}
