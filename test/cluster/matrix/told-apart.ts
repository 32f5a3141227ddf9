import { expect } from 'vitest';
import { CONFIG, type Room } from '../client/room.ts';
import { awaited } from '../client/waiting.ts';
import type { Row } from './row.ts';
import { ALONE, MOUNTED, PROBE, sidecarOf } from './untouched.ts';

/** Lives of a container told apart by the cgroups of its processes, where the runtime makes no `/dev/fd`. */

const OFTEN = { periodSeconds: 1, timeoutSeconds: 10 };

/** With a volume at /dev, which the runtime leaves as it is. */
function byCgroup(name: string, spec: (room: Room) => object): Row {
  return {
    name,
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod({
        volumes: {
          ...CONFIG,
          state: { emptyDir: {} },
          dev: { emptyDir: {} },
          null: { hostPath: { path: '/dev/null', type: 'CharDevice' } },
        },
        mounts: [
          MOUNTED,
          { name: 'state', mountPath: '/state' },
          { name: 'dev', mountPath: '/dev' },
          { name: 'null', mountPath: '/dev/null' },
        ],
        container: {
          ...ALONE,
          args: ['run', '/etc/app'],
          startupProbe: { exec: { command: PROBE }, failureThreshold: 60, ...OFTEN },
          livenessProbe: { exec: { command: PROBE }, failureThreshold: 1, ...OFTEN },
        },
        spec: spec(room),
      });
      await pod.said('start greeting=one');
      await pod.ready();
      expect((await pod.exec('/bin/busybox', 'ls', '-l', '/dev/fd')).code).not.toBe(0);
      // Once this life has its baseline, whoever took it.
      const known = () =>
        awaited('a life that is known', async () => {
          const { code, output } = await pod.exec(...PROBE);
          return code === 0 && output.trim() === 'rehup probe: unchanged' ? true : undefined;
        });
      for (const [nth, text] of ['two', 'three'].entries()) {
        await known();
        await room.change({ greeting: text });
        expect((await pod.said(`start greeting=${text}`)).life).toBe(nth + 1);
        await pod.restarted(nth + 1);
        await pod.ready();
      }
      await known();
      expect(await pod.restarts()).toBe(2);
    },
  };
}

export const TOLD_APART: readonly Row[] = [
  byCgroup('rehup probe that tells lives apart by cgroups', () => ({})),
  byCgroup('rehup probe that tells lives apart by cgroups, among the processes of all', (room) => ({
    shareProcessNamespace: true,
    // It is there before the application, and stays over its restarts.
    initContainers: [sidecarOf(room, 'http://127.0.0.1:1/')],
  })),
];
