import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IContainer } from 'kubernetes-models/v1';
import { beforeAll, expect, test as plain } from 'vitest';
import { standInsFor } from '../support/bases.ts';
import { CONTAINERS } from '../support/images.ts';
import { needing } from '../support/needing.ts';
import { createBackOff } from '../support/pods/back-off.ts';
import { keepPods } from '../support/pods/keeping.ts';
import { type Pod, startPod } from '../support/pods/pod.ts';
import { makeSandbox } from '../support/pods/sandbox.ts';

/** The kubelet double of pods itself: what the sources that it names say. */

const test = needing(CONTAINERS);

const context = mkdtempSync(join(tmpdir(), 'rehup-pods-double-'));
const pods = keepPods(context);
let images: Readonly<Record<string, string>> = {};
let sandbox = '';

beforeAll(async () => {
  if (CONTAINERS.prefix === undefined) return;
  images = await standInsFor('FROM alpine:3.22');
  sandbox = makeSandbox(context);
});

/** A pod of a container that ends when it is asked to, with these fields, and a directory that outlives it. */
function podOf(name: string, fields: Partial<IContainer>, initContainers: IContainer[] = []): Pod {
  const container: IContainer = {
    name: 'app',
    image: 'alpine:3.22',
    command: ['sh', '-c', 'trap "exit 0" TERM; echo started; sleep 600 & wait'],
    volumeMounts: [{ name: 'state', mountPath: '/state' }],
    ...fields,
  };
  const pod = startPod({
    name: `rehup-double-${name}-${process.pid}`,
    pod: {
      initContainers,
      containers: [container],
      volumes: [{ name: 'state', emptyDir: {} }],
      terminationGracePeriodSeconds: 5,
    },
    sandbox,
    images,
    volumes: {},
    directory: join(context, 'volumes'),
    // Short, but not forgotten while this machine is busy.
    backOff: () => createBackOff(200, 60_000),
  });
  pods.push(pod);
  return pod;
}

/** Oftener than any kubelet, and however long one takes: this machine may be busy. */
const OFTEN = { periodSeconds: 0.2, timeoutSeconds: 60 };

const shell = (script: string) => ({ exec: { command: ['sh', '-c', script] } });

plain('a container that ended is started at once the first time, and after 10 s, 20 s … 5 min then', () => {
  const delays = createBackOff();
  const waits: number[] = [];
  let now = 0;
  for (let end = 0; end < 8; end += 1) {
    const wait = delays.wait(now, now);
    waits.push(wait);
    now += wait;
    delays.next(now - wait, now);
    now += 1_000;
  }
  expect(waits).toEqual([0, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
  // What ran for longer than 10 min begins anew.
  expect(delays.wait(now + 700_000, now + 700_000)).toBe(0);
});

test('a postStart hook that fails has its container killed, and it does not count as started', async () => {
  const postStart = shell('[ -e /state/there ] || { echo >/state/there; exit 1; }');
  const pod = podOf('hook', { lifecycle: { postStart } });
  await pod.until('the second life', () => pod.ready('app'));
  expect(pod.events.map(({ what }) => what)).toEqual(['FailedPostStartHook', 'Killing', 'Ended', 'Started']);
});

test('an answer of any status does for a postStart hook, and no connection does not', async () => {
  const server: IContainer = {
    name: 'server',
    image: 'alpine:3.22',
    restartPolicy: 'Always',
    command: ['busybox', 'httpd', '-f', '-p', '8080'],
    ports: [{ name: 'http', containerPort: 8080 }],
    startupProbe: { tcpSocket: { port: 'http' }, ...OFTEN, failureThreshold: 600 },
  };
  const hook = (port: number) => ({ postStart: { httpGet: { path: '/nothing', port } } });
  const answered = podOf('answered', { lifecycle: hook(8080) }, [server]);
  await answered.until('the answer', () => answered.ready('app'));
  expect(answered.events.map(({ what, container }) => `${container}: ${what}`)).toEqual([
    'server: Started',
    'app: Started',
  ]);
  const refused = podOf('refused', { lifecycle: hook(8081) }, [server]);
  await refused.until('the refusal', () => refused.restarts('app') > 0);
  const [, first] = refused.events;
  expect([first?.container, first?.what]).toEqual(['app', 'FailedPostStartHook']);
  expect(refused.restarts('server')).toBe(0);
});

test('a startup probe holds the others up, and what fails it is started anew with a back-off', async () => {
  // Well in the third life.
  const startupProbe = {
    ...shell('[ -e /state/2 ] && exit 0; [ -e /state/1 ] && echo >/state/2; echo >/state/1; exit 1'),
    ...OFTEN,
    failureThreshold: 1,
  };
  const livenessProbe = { ...shell('[ -e /state/2 ]'), ...OFTEN, failureThreshold: 1 };
  const pod = podOf('startup', { startupProbe, livenessProbe });
  await pod.until('a life that has started', () => pod.ready('app'));
  const life = ['Started', 'Unhealthy', 'Killing', 'Ended'];
  expect(pod.events.map(({ what }) => what)).toEqual([...life, ...life, 'BackOff', 'Started']);
  expect(pod.restarts('app')).toBe(2);
});

test('a probe counts when it has failed so often in a row, and a readiness probe stops nothing', async () => {
  // Fails, fails, succeeds, and fails from then on.
  const livenessProbe = {
    ...shell('n=$(cat /state/n 2>/dev/null); echo "x$n" >/state/n; [ "$n" = xx ]'),
    ...OFTEN,
    failureThreshold: 3,
  };
  const readinessProbe = { ...shell('exit 1'), ...OFTEN, failureThreshold: 1 };
  const script = 'trap "cat /state/n; exit 0" TERM; sleep 600 & wait';
  const pod = podOf('threshold', { livenessProbe, readinessProbe, command: ['sh', '-c', script] });
  const told = (kind: string) =>
    pod.events.filter(({ message }) => message.startsWith(`${kind} probe failed`));
  await pod.until('the restart', () => pod.restarts('app') > 0 && told('readiness').length > 0);
  expect(pod.logs('app').match(/^x+$/m)?.[0]).toBe('xxxxxx');
  const first = pod.events.findIndex(({ what }) => what === 'Killing');
  expect(pod.events[first]?.message).toBe('failed liveness probe');
  expect(pod.events.slice(0, first).filter(({ message }) => message.startsWith('liveness'))).toHaveLength(1);
});
