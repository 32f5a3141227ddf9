import { expect } from 'vitest';
import { AT_ONCE, ON_HUP, type Room } from '../client/room.ts';
import { NEW_CONTAINER, type Row } from './row.ts';

/** How the application is told. */

const WATCH = ['--watch', '/etc/app', ...AT_ONCE];
const WEB = ['/witness', 'run', '-serve', ':8080', '/etc/app'];

/** Starts with `one`, changes it to `two`, and waits until the application tells of that. */
async function told(room: Room, words: readonly string[], command: readonly string[], what: string) {
  await room.config({ greeting: 'one' });
  const pod = await room.pod({ words, command });
  await pod.said('start greeting=one');
  const since = await room.change({ greeting: 'two' });
  room.took(since, await pod.said(`${what} greeting=two`));
  await pod.logged('reload.applied');
  expect(pod.count('reload.started')).toBe(1);
  return pod;
}

const starts = (lines: readonly { readonly text: string }[]) =>
  lines.filter(({ text }) => text.startsWith('start')).length;

export const ACTIONS: readonly Row[] = [
  {
    name: 'a signal',
    editions: ['static', 'node'],
    async run(room) {
      const pod = await told(room, ON_HUP, ['/witness', 'run', '/etc/app'], 'SIGHUP');
      expect(starts(pod.output())).toBe(1);
      expect(await pod.restarts()).toBe(0);
    },
  },
  {
    name: 'a restart',
    editions: ['static', 'node'],
    async run(room) {
      const pod = await told(room, WATCH, ['/witness', 'run', '/etc/app'], 'start');
      expect(pod.output().map(({ text }) => text)).toEqual([
        'start greeting=one',
        'stop',
        'start greeting=two',
      ]);
      expect(await pod.restarts()).toBe(0);
    },
  },
  {
    name: 'exit',
    async run(room) {
      await room.config({ greeting: 'one' });
      const variables = [{ configMapRef: { name: 'app' } }];
      const pod = await room.pod({
        words: [...WATCH, '--on-change', 'exit'],
        command: ['/witness', 'run', '-env', 'greeting', '/etc/app'],
        container: { envFrom: variables },
      });
      await pod.said('start greeting=one greeting=one');
      const since = await room.change({ greeting: 'two' });
      // What `envFrom` says is read anew only by a new container.
      room.took(since, await pod.said('start greeting=two greeting=two'), NEW_CONTAINER);
      await pod.restarted(1);
      expect(await pod.ended()).toEqual({ code: 0, reason: 'Completed' });
    },
  },
  {
    name: 'http://',
    async run(room) {
      const words = [...WATCH, '--on-change', 'http://127.0.0.1:8080/reload'];
      const pod = await told(room, words, WEB, 'POST /reload');
      expect(starts(pod.output())).toBe(1);
    },
  },
  {
    name: 'exec:',
    async run(room) {
      const words = [...WATCH, '--on-change', 'exec:/witness post http://127.0.0.1:8080/acted'];
      const pod = await told(room, words, WEB, 'POST /acted');
      expect(starts(pod.output())).toBe(1);
    },
  },
];
