import { expect } from 'vitest';
import { deleted, KEPT } from '../client/keeping.ts';
import { list } from '../client/objects.ts';
import { AT_ONCE, ON_HUP } from '../client/room.ts';
import { awaited } from '../client/waiting.ts';
import { imageOf } from '../engine/images.ts';
import { STRICT } from './gate.ts';
import type { Row } from './row.ts';

/** What else Kubernetes does to a container, and the places where it may run. */

const SICK_PROBE = {
  httpGet: { path: '/healthz', port: 8080 },
  periodSeconds: 1,
  failureThreshold: 2,
  initialDelaySeconds: 1,
};

/** A change that is told, in a pod that runs in some special way. */
function told(name: string, spec: object, container: object = {}): Row {
  return {
    name,
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod({ spec, container });
      await pod.said('start greeting=one');
      room.took(await room.change({ greeting: 'two' }), await pod.said('SIGHUP greeting=two'));
      expect(pod.output().filter(({ text }) => text.startsWith('SIGHUP'))).toHaveLength(1);
      expect(await pod.restarts()).toBe(0);
    },
  };
}

export const LIVES: readonly Row[] = [
  told('a shared process namespace', { shareProcessNamespace: true }),
  told('hostPID', { hostPID: true }),
  told('tty', {}, { tty: true, stdin: true }),
  {
    name: 'a namespace that enforces the restricted profile',
    labels: { 'pod-security.kubernetes.io/enforce': 'restricted' },
    run: (room) => told('restricted', {}, { securityContext: STRICT }).run(room),
  },
  {
    name: 'out of memory',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod({ container: { resources: { limits: { memory: '64Mi' } } } });
      await pod.said('start greeting=one');
      room.took(await room.change({ greeting: 'hog' }), await pod.said('SIGHUP greeting=hog'));
      expect(await pod.ended()).toEqual({ code: 137, reason: 'OOMKilled' });
      await room.change({ greeting: 'three' });
      await pod.said('start greeting=three');
      await pod.restarted(1);
    },
  },
  {
    name: 'preStop, and SIGTERM within the grace period',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod({
        command: ['/witness', 'run', '-code', '7', '-linger', '1s', '/etc/app'],
        container: { lifecycle: { preStop: { exec: { command: ['/bin/sleep', '2'] } } } },
        metadata: KEPT,
      });
      await pod.said('start greeting=one');
      await pod.ready();
      const since = Date.now();
      const [stop, code] = await Promise.all([pod.said('stop'), deleted(room, pod)]);
      expect(stop.time - since).toBeGreaterThan(1900);
      // That of the application, not that of a kill.
      expect(code).toBe(7);
    },
  },
  {
    name: 'a liveness probe that fails',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod({
        command: ['/witness', 'run', '-code', '7', '-serve', ':8080', '/etc/app'],
        container: { livenessProbe: SICK_PROBE },
      });
      await pod.said('start greeting=one');
      room.took(await room.change({ greeting: 'sick' }), await pod.said('SIGHUP greeting=sick'));
      await pod.said('stop');
      await pod.said('start greeting=sick');
      await pod.restarted(1);
      expect(await pod.ended()).toEqual({ code: 7, reason: 'Error' });
      await room.change({ greeting: 'three' });
      await pod.said('greeting=three');
    },
  },
  {
    name: 'a native sidecar',
    async run(room) {
      await room.config({ greeting: 'one' });
      const sidecar = {
        name: 'proxy',
        image: imageOf(room.edition),
        imagePullPolicy: 'Never',
        restartPolicy: 'Always',
        args: [...ON_HUP, '--', '/witness', 'run', '/etc/app'],
        volumeMounts: [{ name: 'config', mountPath: '/etc/app' }],
      };
      const pod = await room.pod({
        words: [],
        command: ['/witness', 'run', '/tmp'],
        spec: { initContainers: [sidecar] },
      });
      await pod.said('start greeting=one', 1, 'proxy');
      await pod.said('start');
      room.took(await room.change({ greeting: 'two' }), await pod.said('SIGHUP greeting=two', 1, 'proxy'));
      expect(await pod.restarts('proxy')).toBe(0);
      expect(await pod.restarts()).toBe(0);
    },
  },
  {
    name: 'an init container',
    async run(room) {
      await room.config({ greeting: 'one' });
      const init = {
        name: 'prepare',
        image: imageOf(room.edition),
        imagePullPolicy: 'Never',
        args: [...ON_HUP, '--', '/bin/sh', '-c', '(sleep 100 &); echo prepared'],
        volumeMounts: [{ name: 'config', mountPath: '/etc/app' }],
      };
      const pod = await room.pod({ spec: { initContainers: [init] } });
      // It ends with its child, whatever that leaves behind.
      await pod.said('start greeting=one');
      expect(await pod.ended('prepare')).toEqual({ code: 0, reason: 'Completed' });
    },
  },
  {
    name: 'a Job',
    async run(room) {
      await room.config({ greeting: 'one' });
      const job = (name: string, code: number) => {
        const template = room.template({
          words: ['--watch', '/etc/app', '--on-change', 'none', ...AT_ONCE],
          command: ['/bin/sh', '-c', `exit ${code}`],
          spec: { restartPolicy: 'Never' },
        });
        return room.make('Job', name, { spec: { backoffLimit: 0, template } });
      };
      await job('good', 0);
      await job('poor', 3);
      const ended = async (name: string) => {
        const pod = await awaited(`the pod of ${name}`, async () => {
          const pods = await room.api.list('Pod', room.namespace);
          return pods.find(({ metadata }) => metadata.name.startsWith(name));
        });
        return room.find(pod.metadata.name).ended();
      };
      expect(await ended('good')).toEqual({ code: 0, reason: 'Completed' });
      expect(await ended('poor')).toEqual({ code: 3, reason: 'Error' });
      await awaited('the verdict on the Jobs', async () => {
        const [good, poor] = await Promise.all(
          ['good', 'poor'].map((name) => room.api.get('Job', name, room.namespace)),
        );
        return good?.status?.['succeeded'] === 1 && poor?.status?.['failed'] === 1 ? true : undefined;
      });
    },
  },
  ...['StatefulSet', 'DaemonSet', 'Deployment'].map(
    (kind): Row => ({
      name: `a ${kind}`,
      async run(room) {
        await room.config({ greeting: 'one' });
        const selector = { matchLabels: { app: 'app' } };
        const more = kind === 'DaemonSet' ? {} : { replicas: 2 };
        await room.make(kind, 'app', { spec: { selector, template: room.template(), ...more } });
        const found = await awaited(`the pods of the ${kind}`, async () => {
          const pods = await room.api.list('Pod', room.namespace);
          return pods.length === (kind === 'DaemonSet' ? 1 : 2) ? pods : undefined;
        });
        const pods = found.map(({ metadata }) => room.find(metadata.name));
        for (const pod of pods) await pod.said('start greeting=one');
        const since = await room.change({ greeting: 'two' });
        for (const pod of pods) {
          room.took(since, await pod.said('SIGHUP greeting=two'));
          await pod.logged('reload.applied');
          expect(pod.count('reload.started')).toBe(1);
          expect(await pod.restarts()).toBe(0);
        }
        expect(list(await pods[0]?.object(), 'metadata', 'ownerReferences')).toHaveLength(1);
      },
    }),
  ),
];
