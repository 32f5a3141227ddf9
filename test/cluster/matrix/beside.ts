import { expect } from 'vitest';
import { field, list } from '../client/objects.ts';
import type { Pod } from '../client/pod.ts';
import { kubectl } from '../client/pod.ts';
import { awaited } from '../client/waiting.ts';
import { imageOf } from '../engine/images.ts';
import type { Row } from './row.ts';

/** Processes that come into a container beside PID 1. */

/** Waits until no zombie is there, and none of the processes of that name. */
async function nothingLeft(pod: Pod, name: string): Promise<void> {
  await awaited('the orphans to be reaped', async () => {
    const { output } = await pod.exec('/bin/ps', '-o', 'stat,args');
    const lines = output.split('\n').slice(1);
    return lines.some((line) => line.startsWith('Z') || line.includes(name)) ? undefined : true;
  });
}

export const BESIDE: readonly Row[] = [
  {
    name: 'kubectl exec beside PID 1',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod();
      await pod.said('start greeting=one');
      expect((await pod.exec('/bin/sh', '-c', 'exit 7')).code).toBe(7);
      expect((await pod.exec('/bin/sh', '-c', 'kill -9 $$')).code).toBe(137);
      const { code, output } = await pod.exec(
        '/bin/sh',
        '-c',
        'for n in 1 2 3; do (sleep 1.25 & ); done; echo left; exit 3',
      );
      expect([code, output]).toEqual([3, expect.stringContaining('left')]);
      await nothingLeft(pod, 'sleep 1.25');
      room.took(await room.change({ greeting: 'two' }), await pod.said('SIGHUP greeting=two'));
      expect(pod.output()).toHaveLength(2);
      expect(await pod.restarts()).toBe(0);
    },
  },
  {
    name: 'kubectl debug with a target beside PID 1',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod();
      await pod.said('start greeting=one');
      const script = '(sleep 1.25 & ); (sleep 1.25 & ); ps; exit 5';
      const at = ['--namespace', room.namespace, '--target', 'app', '--container', 'debugger'];
      const image = ['--image', imageOf('static'), '--image-pull-policy', 'Never', '--profile', 'general'];
      const { code } = await kubectl(
        room.place,
        ...['debug', 'app', ...at, ...image, '--', '/bin/sh', '-c', script],
      );
      expect(code).toBe(0);
      const ended = await awaited('the end of the debugger', async () => {
        const [status] = list(await pod.object(), 'status', 'ephemeralContainerStatuses');
        return field(status, 'state', 'terminated');
      });
      expect(field(ended, 'exitCode')).toBe(5);
      // It saw the processes of its target, and PID 1 is rehup.
      await awaited('what it saw', () =>
        pod.output('debugger').some(({ text }) => /^ *1 .*\/rehup/.test(text)) ? true : undefined,
      );
      await nothingLeft(pod, 'sleep 1.25');
      room.took(await room.change({ greeting: 'two' }), await pod.said('SIGHUP greeting=two'));
      expect(await pod.restarts()).toBe(0);
    },
  },
];
