import { expect } from 'vitest';
import { quiet } from '../client/waiting.ts';
import type { Row } from './row.ts';

/** Changes that are none, and changes that come close after each other. */

export const TIMING: readonly Row[] = [
  {
    name: 'labels only, and the same content again',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod();
      await pod.said('start greeting=one');
      await room.api.patch('ConfigMap', 'app', room.namespace, { metadata: { labels: { team: 'web' } } });
      await room.change({ greeting: 'one' });
      await quiet(room.bound);
      room.took(await room.change({ greeting: 'two' }), await pod.said('SIGHUP greeting=two'));
      await pod.logged('reload.applied');
      expect(pod.count('config.changed')).toBe(1);
      expect(pod.count('reload.started')).toBe(1);
    },
  },
  {
    name: 'a change, and back',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod();
      await pod.said('start greeting=one');
      room.took(await room.change({ greeting: 'two' }), await pod.said('SIGHUP greeting=two'));
      await pod.logged('reload.applied');
      room.took(await room.change({ greeting: 'one' }), await pod.said('SIGHUP greeting=one'));
      await pod.logged('reload.applied', 2);
      expect(pod.count('reload.started')).toBe(2);
    },
  },
  {
    name: 'ten changes in five seconds',
    async run(room) {
      await room.config({ greeting: '0' });
      const pod = await room.pod();
      await pod.said('start greeting=0');
      let since = 0;
      for (let count = 1; count <= 10; count += 1) {
        since = await room.change({ greeting: `${count}` });
        if (count < 10) await quiet(450);
      }
      room.took(since, await pod.said('SIGHUP greeting=10'));
      await quiet(room.bound);
      // Some in the middle may have been seen, each once; the last one was told, once, as the last.
      const told = pod.output().map(({ text }) => text);
      expect(told.at(-1)).toBe('SIGHUP greeting=10');
      expect(new Set(told).size).toBe(told.length);
      expect(told.length).toBeLessThan(7);
    },
  },
];
