import { expect } from 'vitest';
import { AT_ONCE, CONFIG, type Room } from '../client/room.ts';
import { imageOf } from '../engine/images.ts';
import { STRICT } from './gate.ts';
import { NEW_CONTAINER, type Row } from './row.ts';

/** rehup where it is not in front of the application: run by its probes, and in a container beside it. */

export const EDITIONS = ['static', 'node'] as const;

export const MOUNTED = { name: 'config', mountPath: '/etc/app' };

/** The application by itself, in the image that the test's edition is in. */
export const ALONE = { command: ['/witness'], securityContext: STRICT };

export const PROBE = ['/rehup', 'probe', '--watch', '/etc/app', '--state', '/state'];

/** A container with a sidecar that does this with a change, started before the application. */
export function sidecarOf(room: Room, action: string, more: readonly string[] = []) {
  return {
    name: 'rehup',
    image: imageOf(room.edition),
    imagePullPolicy: 'Never',
    restartPolicy: 'Always',
    args: ['sidecar', '--watch', '/etc/app', '--on-change', action, ...AT_ONCE, ...more],
    startupProbe: { httpGet: { path: '/livez', port: 9847 }, periodSeconds: 1, failureThreshold: 60 },
    securityContext: STRICT,
    volumeMounts: [MOUNTED],
  };
}

function sidecar(
  name: string,
  action: string,
  args: readonly string[],
  { tells, spec }: { tells: string; spec?: object },
): Row {
  return {
    name,
    editions: EDITIONS,
    async run(room) {
      await room.config({ greeting: 'one' });
      const initContainers = [sidecarOf(room, action)];
      const pod = await room.pod({ container: { ...ALONE, args }, spec: { initContainers, ...spec } });
      await pod.said('start greeting=one');
      room.took(await room.change({ greeting: 'two' }), await pod.said(`${tells} greeting=two`));
      await pod.logged('reload.applied', 1, 'rehup');
      expect(pod.output()).toHaveLength(2);
      expect([await pod.restarts(), await pod.restarts('rehup')]).toEqual([0, 0]);
    },
  };
}

export const UNTOUCHED: readonly Row[] = [
  {
    // That of Node takes a fraction of a second of processor time at each probe, which the other rows would feel.
    name: 'rehup probe, whose failure has the container restarted',
    async run(room) {
      await room.config({ greeting: 'one' });
      const often = { periodSeconds: 1, timeoutSeconds: 10 };
      const pod = await room.pod({
        volumes: { ...CONFIG, state: { emptyDir: {} } },
        mounts: [MOUNTED, { name: 'state', mountPath: '/state' }],
        container: {
          ...ALONE,
          args: ['run', '/etc/app'],
          startupProbe: { exec: { command: PROBE }, failureThreshold: 60, ...often },
          livenessProbe: { exec: { command: PROBE }, failureThreshold: 1, ...often },
        },
      });
      await pod.said('start greeting=one');
      // What changes before the first probe is not seen.
      await pod.ready();
      const since = await room.change({ greeting: 'two' });
      const again = await pod.said('start greeting=two');
      // And what the kubelet takes for a probe besides.
      room.took(since, again, 2 * NEW_CONTAINER);
      expect(again.life).toBe(1);
      // The kubelet tells the API of it in its own time.
      await pod.restarted(1);
      await pod.ready();
      expect(await pod.restarts()).toBe(1);
      // The application was asked to stop.
      expect(pod.output().map(({ text }) => text)).toEqual([
        'start greeting=one',
        'stop',
        'start greeting=two',
      ]);
    },
  },
  sidecar('a sidecar that signals', 'SIGHUP:witness', ['run', '/etc/app'], {
    tells: 'SIGHUP',
    spec: { shareProcessNamespace: true },
  }),
  sidecar('a sidecar that posts', 'http://127.0.0.1:8080/reload', ['run', '-serve', ':8080', '/etc/app'], {
    tells: 'POST /reload',
  }),
];
