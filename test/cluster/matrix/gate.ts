import { expect } from 'vitest';
import { AT_ONCE, CONFIG } from '../client/room.ts';
import type { Row } from './row.ts';

/** What stands between a change and the application: check, stage, rollback. */

export const CHECK = ['--check', '/witness check {dir}'];
export const STAGE = ['--stage', '/config=/live', '--on-change', 'SIGHUP', ...AT_ONCE];
export const LIVE = ['/witness', 'run', '/live'];
export const DISK = { ...CONFIG, live: { emptyDir: {} } };
export const STAGED = [
  { name: 'config', mountPath: '/config' },
  { name: 'live', mountPath: '/live' },
];

/** A container that the strictest cluster takes. */
export const STRICT = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: 1000,
  capabilities: { drop: ['ALL'] },
  seccompProfile: { type: 'RuntimeDefault' },
};

export const GATE: readonly Row[] = [
  {
    name: 'a check that refuses, and then accepts',
    async run(room) {
      await room.config({ greeting: 'one' });
      const words = ['--watch', '/etc/app', '--on-change', 'SIGHUP', ...CHECK, ...AT_ONCE];
      const pod = await room.pod({ words });
      await pod.said('start greeting=one');
      room.took(await room.change({ greeting: 'bad' }), await pod.logged('reload.rejected'));
      room.took(await room.change({ greeting: 'three' }), await pod.said('SIGHUP greeting=three'));
      await pod.logged('rehup.recovered');
      expect(pod.output().map(({ text }) => text)).toEqual(['start greeting=one', 'SIGHUP greeting=three']);
    },
  },
  {
    name: 'a stage on an emptyDir on disk',
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod({ words: STAGE, command: LIVE, volumes: DISK, mounts: STAGED });
      await pod.said('start greeting=one');
      room.took(
        await room.change({ greeting: 'two', more: 'yes' }),
        await pod.said('SIGHUP greeting=two, more=yes'),
      );
      await pod.logged('reload.applied');
      expect(pod.count('reload.started')).toBe(1);
    },
  },
  {
    name: 'a stage of a Secret on an emptyDir in memory, read-only root',
    async run(room) {
      await room.make('Secret', 'app', { stringData: { password: 'one' } });
      const pod = await room.pod({
        words: STAGE,
        command: LIVE,
        volumes: {
          config: { secret: { secretName: 'app' } },
          live: { emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        },
        mounts: STAGED,
        container: { securityContext: STRICT },
      });
      await pod.said('start password=one');
      room.took(
        await room.change({ password: 'two' }, 'app', 'Secret'),
        await pod.said('SIGHUP password=two'),
      );
      await pod.logged('reload.applied');
      // Nothing of a Secret is in the log, nor what could be guessed from it.
      expect(JSON.stringify(pod.log())).not.toContain('two');
    },
  },
  {
    name: 'a rollback',
    editions: ['static', 'node'],
    async run(room) {
      await room.config({ greeting: 'one' });
      const pod = await room.pod({ words: STAGE, command: LIVE, volumes: DISK, mounts: STAGED });
      await pod.said('start greeting=one');
      // Once it is applied there is something to go back to.
      await room.change({ greeting: 'two' });
      await pod.logged('reload.applied');
      room.took(await room.change({ greeting: 'dies' }), await pod.said('SIGHUP greeting=dies'));
      await pod.logged('reload.rolled_back');
      await pod.said('start greeting=two');
      room.took(await room.change({ greeting: 'three' }), await pod.said('SIGHUP greeting=three'));
      await pod.logged('rehup.recovered');
      expect(await pod.restarts()).toBe(0);
    },
  },
  {
    name: 'the container killed while bad content is mounted',
    async run(room) {
      await room.config({ greeting: 'one' });
      const words = [...STAGE, ...CHECK];
      const pod = await room.pod({ words, command: LIVE, volumes: DISK, mounts: STAGED });
      await pod.said('start greeting=one');
      await room.change({ greeting: 'two' });
      await pod.logged('reload.applied');
      room.took(await room.change({ greeting: 'bad' }), await pod.logged('reload.rejected'));
      await pod.kill();
      const again = await pod.said('start greeting=two');
      expect(again.life).toBe(1);
      await pod.restarted(1);
      await pod.logged('start.degraded');
      room.took(await room.change({ greeting: 'three' }), await pod.said('SIGHUP greeting=three'));
      await pod.logged('rehup.recovered');
      expect(pod.output().some(({ text }) => text.includes('bad'))).toBe(false);
    },
  },
];
