import { expect } from 'vitest';
import { CONFIG } from '../client/room.ts';
import { awaited } from '../client/waiting.ts';
import { keeping, POST_START } from './restarted.ts';
import type { Row } from './row.ts';
import { ALONE } from './untouched.ts';

/** `--health`: the livenessProbe that the application had, asked by the sidecar for the kubelet. */

/** The sidecar gives the application 800 ms by itself; what it answers late on a busy machine is no failure. */
const LIVENESS = {
  httpGet: { path: '/livez', port: 9847 },
  periodSeconds: 2,
  timeoutSeconds: 10,
  failureThreshold: 4,
};

function ofOneThat(does: string, becomes: string): Row {
  return {
    name: `a sidecar asked for the health of an application that ${does}`,
    async run(room) {
      await room.config({ greeting: 'one' });
      const sidecar = keeping(room, 'unhealthy');
      const health = ['--health', 'http://127.0.0.1:8080/healthz'];
      const pod = await room.pod({
        volumes: { ...CONFIG, state: { emptyDir: {} } },
        container: {
          ...ALONE,
          args: ['run', '-serve', ':8080', '/etc/app'],
          lifecycle: POST_START,
          livenessProbe: LIVENESS,
        },
        spec: {
          initContainers: [
            {
              ...sidecar,
              args: [...sidecar.args, ...health],
              // One of /livez would wait for the application, which waits for it.
              startupProbe: { ...sidecar.startupProbe, httpGet: { path: '/metrics', port: 9847 } },
            },
          ],
        },
      });
      await pod.said('start greeting=one');
      await pod.ready();
      const at = `/api/v1/namespaces/${room.namespace}/pods/app:8080/proxy/become/${becomes}`;
      await awaited('it to serve', () => room.api.text('POST', at));
      // It has the kubelet restart it, gently, and the new one is well.
      await awaited('its next life', () => pod.output().find(({ life }) => life === 1), {
        shown: pod.everything,
      });
      await pod.restarted(1);
      await pod.ready();
      expect([await pod.restarts(), await pod.restarts('rehup')]).toEqual([1, 0]);
      expect(pod.output().map(({ text }) => text)).toEqual([
        'start greeting=one',
        `POST /become/${becomes} greeting=one`,
        'stop',
        'start greeting=one',
      ]);
      // Of a change there was no word, and one is applied as ever.
      const told = () => pod.log('rehup').map(({ event }) => event);
      expect(told()).not.toContain('sidecar.unhealthy');
      await room.change({ greeting: 'two' });
      await pod.logged('reload.applied', 1, 'rehup');
      expect((await pod.said('start greeting=two')).life).toBe(2);
      expect(told().filter((event) => event === 'sidecar.unhealthy')).toHaveLength(1);
    },
  };
}

export const HEALTH: readonly Row[] = [
  ofOneThat('hangs', 'deaf'),
  ofOneThat('refuses', 'closed'),
  ofOneThat('answers slowly', 'slow'),
];
