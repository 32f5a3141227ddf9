import { expect, test } from 'vitest';
import { restart, whileStopped } from './client/daemons.ts';
import { kubectl } from './client/pod.ts';
import { inRoom } from './client/room.ts';
import { awaited, quiet } from './client/waiting.ts';
import { LABELLED, OWN, PROJECTED, projectedSources } from './matrix/projected.ts';

/** What happens to the node itself: one after the other, with the cluster to themselves. */

test('three changes while the kubelet is stopped are one reload, with the last', () =>
  inRoom({ name: 'kubelet stopped for three changes' }, async (room) => {
    await room.config({ greeting: 'one' });
    const pod = await room.pod();
    await pod.said('start greeting=one');
    await whileStopped(room.place, 'kubelet', async () => {
      for (const greeting of ['two', 'three', 'four']) {
        await room.change({ greeting });
        await quiet(500);
      }
      await quiet(room.bound);
      expect(pod.output()).toHaveLength(1);
    });
    room.took(Date.now(), await pod.said('SIGHUP greeting=four'));
    await pod.logged('reload.applied');
    expect(pod.count('reload.started')).toBe(1);
    expect(await pod.restarts()).toBe(0);
  }));

test('a kubelet that is restarted rotates the token: no reload, and the next change is told', () =>
  inRoom({ name: 'kubelet restarted, token rotated' }, async (room) => {
    await projectedSources(room);
    const pod = await room.pod({
      volumes: PROJECTED,
      command: ['/witness', 'run', ...OWN],
      metadata: LABELLED,
    });
    await pod.said('start one, one');
    await pod.ready();
    const token = async () => (await pod.exec('/bin/cat', '/etc/app/token')).output;
    const before = await token();
    // It forgets the tokens that it had asked for: a new one is written at the next look.
    await restart(room.place, 'kubelet');
    await awaited('the new token', async () => {
      const now = await token();
      return now.startsWith('ey') && now !== before ? true : undefined;
    });
    await quiet(room.bound);
    expect(pod.output()).toHaveLength(1);
    expect(pod.count('config.changed')).toBe(0);
    room.took(await room.change({ greeting: 'two' }), await pod.said('SIGHUP two, one'));
    await pod.logged('reload.applied');
    expect(pod.count('reload.started')).toBe(1);
    expect(await pod.restarts()).toBe(0);
    const nodes = await kubectl(room.place, 'get', 'nodes', '--no-headers');
    expect(nodes.output).toContain(' Ready ');
  }));
