import { expect } from 'vitest';
import type { PodOptions } from '../client/room.ts';
import { CONFIG, ON_HUP } from '../client/room.ts';
import { BARE, imageOf } from '../engine/images.ts';
import type { Row } from './row.ts';

/** rehup in front of an image that holds the application and nothing else. */

const MOUNTS = [
  { name: 'config', mountPath: '/etc/app' },
  { name: 'rehup', mountPath: '/rehup', readOnly: true },
];

/** The container whose image has no rehup: `command:` names that of the volume. */
const CONTAINER = { image: BARE, command: ['/rehup/rehup'] };

/** The same by a container that fills an emptyDir, and has another user than the application. */
const BY_CONTAINER: PodOptions = {
  volumes: { ...CONFIG, rehup: { emptyDir: { sizeLimit: '4Mi' } } },
  mounts: MOUNTS,
  container: { ...CONTAINER, securityContext: { runAsUser: 1234 } },
  spec: {
    initContainers: [
      {
        name: 'rehup',
        image: imageOf('static'),
        imagePullPolicy: 'Never',
        args: ['install', '/volume/rehup'],
        securityContext: { runAsUser: 65534 },
        volumeMounts: [{ name: 'rehup', mountPath: '/volume' }],
      },
    ],
  },
};

const BY_IMAGE: PodOptions = {
  volumes: { ...CONFIG, rehup: { image: { reference: imageOf('static'), pullPolicy: 'Never' } } },
  mounts: MOUNTS,
  container: CONTAINER,
};

function row(name: string, options: PodOptions): Row {
  return {
    name,
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod({ words: ON_HUP, ...options });
      await pod.said('start greeting=one');
      room.took(await room.change({ greeting: 'two' }), await pod.said('SIGHUP greeting=two'));
      expect(await pod.restarts()).toBe(0);
    },
  };
}

export const INJECTED: readonly Row[] = [
  row('rehup installed by an init container, in an image with nothing else', BY_CONTAINER),
  row('rehup by an image volume, in an image with nothing else', BY_IMAGE),
];
