import { expect } from 'vitest';
import { AT_ONCE, encoded, type Room } from '../client/room.ts';
import type { Row } from './row.ts';

/** A volume of several sources, with the token of the pod's service account among them. */
export const PROJECTED = {
  config: {
    projected: {
      sources: [
        { configMap: { name: 'app' } },
        { secret: { name: 'app' } },
        {
          downwardAPI: {
            items: [
              { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
              { path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } },
            ],
          },
        },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { serviceAccountToken: { path: 'token', expirationSeconds: 600 } },
      ],
    },
  },
};

export const LABELLED = { labels: { colour: 'red' } };

/** The application tells of the files that are its own. */
export const OWN = ['/etc/app/greeting', '/etc/app/password', '/etc/app/labels'];

/** What is in it at first. */
export async function projectedSources(room: Room): Promise<void> {
  await room.config({ greeting: 'one' });
  await room.make('Secret', 'app', { data: encoded({ password: 'one' }) });
}

export const PROJECTIONS: readonly Row[] = [
  {
    name: 'projected: ConfigMap, Secret, downwardAPI and a token',
    async run(room) {
      await projectedSources(room);
      const pod = await room.pod({
        volumes: PROJECTED,
        command: ['/witness', 'run', ...OWN],
        metadata: LABELLED,
      });
      await pod.said('start one, one, colour="red"');
      room.took(await room.change({ greeting: 'two' }), await pod.said('SIGHUP two, one, colour="red"'));
      await pod.logged('reload.applied');
      room.took(await room.change({ password: 'two' }, 'app', 'Secret'), await pod.said('SIGHUP two, two'));
      await pod.logged('reload.applied', 2);
      await room.api.patch('Pod', 'app', room.namespace, { metadata: { labels: { colour: 'blue' } } });
      // The pod itself has changed: the kubelet looks at once.
      room.took(Date.now(), await pod.said('SIGHUP two, two, colour="blue"'));
      await pod.logged('reload.applied', 3);
      expect(pod.count('reload.started')).toBe(3);
    },
  },
  {
    name: '17d: a stage of a volume with a token in it',
    async run(room) {
      await projectedSources(room);
      const pod = await room.pod({
        words: ['--stage', '/config=/live', '--on-change', 'SIGHUP', ...AT_ONCE],
        command: ['/witness', 'run', '/live/greeting'],
        volumes: { ...PROJECTED, live: { emptyDir: { medium: 'Memory' } } },
        mounts: [
          { name: 'config', mountPath: '/config' },
          { name: 'live', mountPath: '/live' },
        ],
        metadata: LABELLED,
      });
      await pod.said('start one');
      const [source, published] = await Promise.all([
        pod.exec('/bin/cat', '/config/token'),
        pod.exec('/bin/cat', '/live/token'),
      ]);
      expect(published).toEqual(source);
    },
  },
];
