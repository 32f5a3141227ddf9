import { expect } from 'vitest';
import { list } from '../client/objects.ts';
import { AT_ONCE, CONFIG, ON_HUP } from '../client/room.ts';
import { quiet } from '../client/waiting.ts';
import { NEW_CONTAINER, type Row } from './row.ts';

/** What a ConfigMap can do to a running pod. */

const texts = (lines: readonly { readonly text: string }[]) => lines.map(({ text }) => text);

const OPTIONAL = { config: { configMap: { name: 'app', optional: true } } };

export const VOLUMES: readonly Row[] = [
  {
    name: '--env-dir',
    async run(room) {
      await room.config({ GREETING: 'one' });
      const words = ['--env-dir', '/etc/app', ...AT_ONCE];
      const pod = await room.pod({ words, command: ['/witness', 'run', '-env', 'GREETING', '/etc/app'] });
      await pod.said('start GREETING=one GREETING=one');
      room.took(await room.change({ GREETING: 'two' }), await pod.said('start GREETING=two GREETING=two'));
      expect(await pod.restarts()).toBe(0);
    },
  },
  {
    name: 'subPath: the warning, and exit, which helps',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod({
        words: ['--watch', '/etc/whole', '--watch', '/etc/app/greeting', '--on-change', 'exit', ...AT_ONCE],
        command: ['/witness', 'run', '/etc/app/greeting'],
        mounts: [
          { name: 'config', mountPath: '/etc/app/greeting', subPath: 'greeting' },
          { name: 'config', mountPath: '/etc/whole' },
        ],
      });
      await pod.said('start one');
      await pod.logged('watch.frozen');
      const since = await room.change({ greeting: 'two' });
      // The kubelet binds the file of that moment for the new container.
      room.took(since, await pod.said('start two'), NEW_CONTAINER);
      await pod.restarted(1);
    },
  },
  {
    name: 'optional: missing, made, deleted, made',
    async run(room) {
      const pod = await room.pod({ words: ON_HUP, volumes: OPTIONAL });
      await pod.said('start');
      let since = Date.now();
      await room.config({ greeting: 'one' });
      room.took(since, await pod.said('SIGHUP greeting=one'));
      await room.remove('ConfigMap', 'app');
      await pod.logged('watch.missing');
      since = Date.now();
      await room.config({ greeting: 'two' });
      room.took(since, await pod.said('SIGHUP greeting=two'));
      // That it was gone was told to nobody.
      expect(texts(pod.output())).toEqual(['start ', 'SIGHUP greeting=one', 'SIGHUP greeting=two']);
    },
  },
  {
    name: 'immutable',
    async run(room) {
      await room.config({ greeting: 'one' }, 'app', { immutable: true });
      const pod = await room.pod();
      await pod.said('start greeting=one');
      await expect(room.change({ greeting: 'two' })).rejects.toThrow('immutable');
      await quiet(room.bound);
      expect(texts(pod.output())).toEqual(['start greeting=one']);
      expect(pod.count('watch.failed')).toBe(0);
    },
  },
  {
    name: 'deleted and made anew',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod();
      await pod.said('start greeting=one');
      await room.remove('ConfigMap', 'app');
      // The volume stays as it was while there is none.
      await quiet(room.bound);
      const since = Date.now();
      await room.config({ greeting: 'two' });
      // A sync that failed is tried again by itself, with a back-off.
      room.took(since, await pod.said('SIGHUP greeting=two'), 20_000);
      expect(texts(pod.output())).toEqual(['start greeting=one', 'SIGHUP greeting=two']);
    },
  },
  {
    name: 'a Secret',
    async run(room) {
      await room.make('Secret', 'app', { stringData: { password: 'one' } });
      const pod = await room.pod({ volumes: { config: { secret: { secretName: 'app' } } } });
      await pod.said('start password=one');
      room.took(
        await room.change({ password: 'two' }, 'app', 'Secret'),
        await pod.said('SIGHUP password=two'),
      );
      await pod.logged('reload.applied');
      expect(pod.count('reload.started')).toBe(1);
    },
  },
  {
    name: 'items with paths',
    async run(room) {
      await room.config({ greeting: 'one', unused: 'one' });
      const items = [{ key: 'greeting', path: 'deep/er/greeting' }];
      const pod = await room.pod({ volumes: { config: { configMap: { name: 'app', items } } } });
      await pod.said('start deep/er/greeting=one');
      room.took(
        await room.change({ greeting: 'two', unused: 'two' }),
        await pod.said('SIGHUP deep/er/greeting=two'),
      );
      await pod.logged('reload.applied');
      expect(pod.count('reload.started')).toBe(1);
    },
  },
  {
    name: 'defaultMode 0400 with fsGroup and runAsUser',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod({
        volumes: { config: { configMap: { name: 'app', defaultMode: 0o400 } } },
        spec: { securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000 } },
      });
      await pod.said('start greeting=one');
      room.took(await room.change({ greeting: 'two' }), await pod.said('SIGHUP greeting=two'));
      await pod.logged('reload.applied');
      expect(pod.count('reload.started')).toBe(1);
      expect(pod.count('watch.failed')).toBe(0);
    },
  },
  {
    name: 'binaryData',
    async run(room) {
      const bytes = (...values: readonly number[]) => Buffer.from(values).toString('base64');
      await room.make('ConfigMap', 'app', { binaryData: { blob: bytes(0, 255, 1) } });
      const pod = await room.pod();
      await pod.said('start (');
      await room.api.patch('ConfigMap', 'app', room.namespace, { binaryData: { blob: bytes(0, 254, 1) } });
      room.took(Date.now(), await pod.said('SIGHUP ('));
      await pod.logged('reload.applied');
      expect(pod.count('reload.started')).toBe(1);
    },
  },
  {
    name: '1 MiB',
    async run(room) {
      const much = (letter: string) => letter.repeat(1024 * 1024 - 16);
      await room.config({ much: much('a') });
      const pod = await room.pod();
      await pod.said('start (1048565 bytes');
      room.took(await room.change({ much: much('b') }), await pod.said('SIGHUP (1048565 bytes'));
      await pod.logged('reload.applied');
      expect(pod.count('reload.started')).toBe(1);
    },
  },
  {
    name: '3,000 keys',
    async run(room) {
      const many = Array.from({ length: 3000 }, (_, index) => [`key-${index}`, `value ${index}`]);
      await room.config(Object.fromEntries(many));
      const pod = await room.pod();
      await pod.said('start (');
      // The kubelet has as many files to write.
      room.took(await room.change({ 'key-1500': 'two', more: 'yes' }), await pod.said('SIGHUP ('), 5000);
      await pod.logged('reload.applied');
      expect(pod.count('reload.started')).toBe(1);
    },
  },
  {
    name: 'two ConfigMaps at once',
    async run(room) {
      await room.config({ greeting: 'one' });
      await room.config({ port: '1' }, 'other');
      const pod = await room.pod({
        words: ['--watch', '/etc/app', '--watch', '/etc/other', '--on-change', 'SIGHUP', ...AT_ONCE],
        command: ['/witness', 'run', '/etc/app', '/etc/other'],
        volumes: { ...CONFIG, other: { configMap: { name: 'other' } } },
        mounts: [
          { name: 'config', mountPath: '/etc/app' },
          { name: 'other', mountPath: '/etc/other' },
        ],
      });
      await pod.said('start greeting=one, port=1');
      let reloaded = 0;
      // How far apart the kubelet writes the two is its own business: within the settle time of two volumes, 3 s, they are one.
      for (let round = 2; ; round++) {
        const [since] = await Promise.all([
          room.change({ greeting: `${round}` }),
          room.change({ port: `${round}` }, 'other'),
        ]);
        const told = await pod.said(`SIGHUP greeting=${round}, port=${round}`);
        const one = await pod.logged('reload.started', reloaded + 1);
        const together = list(one, 'paths').length === 2;
        reloaded += together ? 1 : 2;
        await pod.logged('reload.applied', reloaded);
        expect(pod.count('reload.started')).toBe(reloaded);
        if (together) return room.took(since, told, 3_000);
        const [first, last] = pod
          .log()
          .filter(({ event }) => event === 'config.changed')
          .slice(-2);
        // By the clock of the runtime, which hears of each in its own time.
        expect(Number(last?.at) - Number(first?.at)).toBeGreaterThanOrEqual(2_500);
        if (round > 5) throw new Error('the kubelet has never written the two within 3 s');
      }
    },
  },
];
