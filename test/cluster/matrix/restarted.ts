import { join } from 'node:path';
import { expect } from 'vitest';
import { inside } from '../client/daemons.ts';
import { field } from '../client/objects.ts';
import type { Pod } from '../client/pod.ts';
import { CONFIG, type Room } from '../client/room.ts';
import { awaited } from '../client/waiting.ts';
import { imageOf } from '../engine/images.ts';
import { CHECK, STRICT } from './gate.ts';
import { NEW_CONTAINER, type Row } from './row.ts';
import { ALONE, EDITIONS, MOUNTED, sidecarOf } from './untouched.ts';

/** An application that a sidecar has restarted: by its own probe (`unhealthy`), or with all of its pod (`exit:CODE`). */

export const STATE = { name: 'state', mountPath: '/state' };

/** What answers late on a busy machine is no failure. */
const LIVENESS = {
  httpGet: { path: '/livez', port: 9847 },
  periodSeconds: 1,
  timeoutSeconds: 10,
  failureThreshold: 3,
};

export const POST_START = { postStart: { httpGet: { path: '/started', port: 9847 } } };

/** A sidecar that keeps what it has done. */
export function keeping(room: Room, action: string, fields: object = {}, check = CHECK) {
  return {
    ...sidecarOf(room, action, ['--state', '/state', ...check]),
    volumeMounts: [MOUNTED, STATE],
    ...fields,
  };
}

/** The application is started while it runs for the first time. */
const SLOW_CHECK = ['--check', "/bin/busybox sh -c 'sleep 4; exec /witness check {dir}'"];

function unhealthy(name: string, container: object, spec: object, check = CHECK): Row {
  return {
    name,
    editions: EDITIONS,
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod({
        volumes: { ...CONFIG, state: { emptyDir: {} } },
        container: { ...ALONE, args: ['run', '/etc/app'], livenessProbe: LIVENESS, ...container },
        spec: { initContainers: [keeping(room, 'unhealthy', {}, check)], ...spec },
      });
      await pod.said('start greeting=one');
      await pod.ready();
      await pod.logged('sidecar.started', 1, 'rehup');
      await room.change({ greeting: 'bad' });
      await pod.logged('reload.rejected', 1, 'rehup');
      const since = await room.change({ greeting: 'two' });
      room.took(since, await pod.logged('sidecar.unhealthy', 1, 'rehup'));
      expect((await pod.said('start greeting=two')).life).toBe(1);
      await pod.logged('sidecar.main_started', 1, 'rehup');
      await pod.logged('reload.applied', 1, 'rehup');
      await pod.restarted(1);
      await pod.ready();
      expect([await pod.restarts(), await pod.restarts('rehup')]).toEqual([1, 0]);
      // It was asked to stop, and what the check rejects has restarted nothing.
      expect(pod.output().map(({ text }) => text)).toEqual([
        'start greeting=one',
        'stop',
        'start greeting=two',
      ]);
    },
  };
}

export const RULES = {
  restartPolicyRules: [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [88] } }],
};

const VARIABLES = { envFrom: [{ configMapRef: { name: 'app' } }] };

/** An application that has its settings as variables, of a single file, and of what an init container has rendered. */
export function inPlace(room: Room, rules: object): Promise<Pod> {
  const render = {
    name: 'render',
    image: imageOf(room.edition),
    imagePullPolicy: 'Never',
    command: ['/bin/busybox', 'sh', '-c', 'echo "$greeting" >/rendered/greeting'],
    securityContext: STRICT,
    volumeMounts: [{ name: 'rendered', mountPath: '/rendered' }],
    ...VARIABLES,
  };
  const args = ['run', '-serve', ':8080', '-env', 'greeting', '/rendered/greeting', '/etc/single'];
  return room.pod({
    volumes: { ...CONFIG, state: { emptyDir: {} }, rendered: { emptyDir: {} } },
    mounts: [
      { name: 'rendered', mountPath: '/rendered' },
      { name: 'config', mountPath: '/etc/single', subPath: 'greeting' },
    ],
    container: { ...ALONE, args, ...VARIABLES },
    spec: { initContainers: [keeping(room, 'exit:88', rules), render] },
  });
}

/** What it says at its start, with a text in all three. */
export const started = (text: string) => `start ${text}, ${text} greeting=${text}`;

/** What makes a pod the same one. */
async function identityOf(pod: Pod): Promise<readonly unknown[]> {
  const object = await pod.object();
  return [field(object, 'metadata', 'uid'), field(object, 'status', 'podIP')];
}

/** When the kubelet had put the content of the ConfigMap into its volume, ms since the epoch. */
async function publishedAt({ place }: Room, pod: Pod): Promise<number> {
  const uid = String(field(await pod.object(), 'metadata', 'uid'));
  const volume = join(place.folder, 'kubelet/pods', uid, 'volumes/kubernetes.io~configmap/config');
  return Number(await inside(place, 'stat', '-c', '%.3Y', join(volume, '..data'))) * 1000;
}

export const RESTARTED: readonly Row[] = [
  unhealthy('a sidecar for which the kubelet restarts, told by postStart', { lifecycle: POST_START }, {}),
  unhealthy(
    'a sidecar for which the kubelet restarts, told by postStart while its first check runs',
    { lifecycle: POST_START },
    {},
    SLOW_CHECK,
  ),
  unhealthy(
    'a sidecar for which the kubelet restarts, told by processes',
    {},
    { shareProcessNamespace: true },
  ),
  {
    name: 'a sidecar that ends so that all containers are restarted in place, five times',
    editions: EDITIONS,
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await inPlace(room, RULES);
      await pod.said(started('one'));
      await pod.ready();
      await pod.logged('sidecar.started', 1, 'rehup');
      const before = await identityOf(pod);
      await room.change({ greeting: 'bad' });
      await pod.logged('reload.rejected', 1, 'rehup');
      expect([await pod.restarts(), await pod.restarts('rehup')]).toEqual([0, 0]);
      for (const [nth, text] of ['two', 'three', 'four', 'five', 'six'].entries()) {
        const since = await room.change({ greeting: text });
        const read = await pod.said(started(text));
        room.took(since, read, NEW_CONTAINER);
        room.tookOf('from the volume', await publishedAt(room, pod), read);
        // The kubelet keeps nothing of what earlier lives wrote.
        await awaited(
          `life ${nth + 1} to answer for ${text}`,
          () => {
            const events = pod.log('rehup').filter(({ life }) => life === nth + 1);
            const told = events.map(({ event }) => event);
            return told.includes('sidecar.resumed') && told.includes('reload.applied') ? true : undefined;
          },
          { shown: pod.everything },
        );
      }
      await pod.restarted(5);
      await pod.restarted(5, 'rehup');
      await pod.ready();
      expect([await pod.restarts(), await pod.restarts('rehup')]).toEqual([5, 5]);
      expect(await identityOf(pod)).toEqual(before);
      expect(pod.output().some(({ text }) => text.includes('bad'))).toBe(false);
    },
  },
];
