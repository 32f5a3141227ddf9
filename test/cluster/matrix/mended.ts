import { expect } from 'vitest';
import { deleted, KEPT } from '../client/keeping.ts';
import { field } from '../client/objects.ts';
import { AT_ONCE, CONFIG } from '../client/room.ts';
import { imageOf } from '../engine/images.ts';
import { CHECK, DISK, LIVE, STAGE, STAGED } from './gate.ts';
import { NEW_CONTAINER, type Row } from './row.ts';

/** What a first pass over 90 situations brought to light (issue 17, the items 17a to 17j). */

const OPTIONAL = { ...DISK, config: { configMap: { name: 'app', optional: true } } };

const RULE = [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [88] } }];

export const MENDED: readonly Row[] = [
  {
    name: '17b: the alarm ends when the content goes back',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod({
        words: [...STAGE, ...CHECK],
        command: LIVE,
        volumes: DISK,
        mounts: STAGED,
      });
      await pod.said('start greeting=one');
      await room.change({ greeting: 'two' });
      await pod.logged('reload.applied');
      await room.change({ greeting: 'bad' });
      await pod.logged('reload.rejected');
      await pod.kill();
      await pod.logged('start.degraded');
      await pod.restarted(1);
      room.took(await room.change({ greeting: 'two' }), await pod.logged('rehup.recovered'));
      expect(pod.log().some(({ event, life }) => event === 'reload.started' && life === 1)).toBe(false);
    },
  },
  {
    name: '17c: a start while the staged ConfigMap is deleted',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod({ words: STAGE, command: LIVE, volumes: OPTIONAL, mounts: STAGED });
      await pod.said('start greeting=one');
      await room.change({ greeting: 'two' });
      await pod.logged('reload.applied');
      await room.remove('ConfigMap', 'app');
      await pod.logged('watch.missing');
      await pod.kill();
      expect((await pod.said('start greeting=two')).life).toBe(1);
      await pod.logged('watch.missing', 2);
      const since = Date.now();
      await room.config({ greeting: 'three' });
      room.took(since, await pod.said('SIGHUP greeting=three'));
    },
  },
  {
    name: '17e: two with one TARGET',
    async run(room) {
      await room.config({ greeting: 'one' });
      const second = {
        name: 'second',
        image: imageOf('static'),
        imagePullPolicy: 'Never',
        args: [...STAGE, '--', ...LIVE],
        volumeMounts: STAGED,
      };
      const first = { ...second, name: 'app' };
      const pod = await room.pod({
        volumes: DISK,
        // The second one is started when the first one runs.
        spec: { initContainers: [{ ...first, restartPolicy: 'Always' }], containers: [second] },
      });
      await pod.said('start greeting=one');
      expect(await pod.ended('second')).toMatchObject({ code: 125 });
    },
  },
  {
    name: '17h: exit:CODE, and a rule of the pod that restarts all containers',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod({
        words: ['--watch', '/etc/app', '--on-change', 'exit:88', ...AT_ONCE],
        command: ['/witness', 'run', '-env', 'greeting', '/etc/app'],
        volumes: CONFIG,
        container: {
          envFrom: [{ configMapRef: { name: 'app' } }],
          restartPolicy: 'Never',
          restartPolicyRules: RULE,
        },
        spec: { restartPolicy: 'Never' },
      });
      await pod.said('start greeting=one greeting=one');
      const since = await room.change({ greeting: 'two' });
      room.took(since, await pod.said('start greeting=two greeting=two'), NEW_CONTAINER);
      const again = await room.change({ greeting: 'three' });
      room.took(again, await pod.logged('reload.applied', 2));
      await pod.said('start greeting=three greeting=three');
      // Not even the second one has a back-off.
      const reasons = (await room.api.list('Event', room.namespace)).map((one) => field(one, 'reason'));
      expect(reasons).not.toContain('BackOff');
    },
  },
  {
    name: '17i: a stop signal that what is left ignores',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod({
        words: ['--watch', '/etc/app', '--stop-signal', 'QUIT', '--stop-timeout', '6s', ...AT_ONCE],
        command: ['/bin/sh', '-c', 'sleep 1000 & echo started; exec /witness run /etc/app'],
        metadata: KEPT,
        spec: { terminationGracePeriodSeconds: 20 },
      });
      await pod.said('start greeting=one');
      await pod.ready();
      // The kill at the end of the grace period would be 137.
      expect(await deleted(room, pod)).toBe(0);
    },
  },
];
