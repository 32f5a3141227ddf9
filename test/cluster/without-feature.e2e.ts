import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { childrenOf } from '../support/rehup.ts';
import { createApi } from './client/api.ts';
import { field, list } from './client/objects.ts';
import { inRoom, thePlace } from './client/room.ts';
import { awaited } from './client/waiting.ts';
import { imageOf } from './engine/images.ts';
import type { Place } from './engine/place.ts';
import { wordsOf } from './engine/settings.ts';
import { ALL_CAUSES, missed } from './matrix/ended.ts';
import { inPlace, keeping, RULES, started } from './matrix/restarted.ts';

/** A restart of all containers in place, asked for at API servers that do not have it: this one's, with its gates closed. */

const place = thePlace();
const servers: ChildProcess[] = [];

/** One more API server over the same objects. */
async function serve(port: number, gates: string): Promise<Place> {
  const [nsenter = '', ...prefix] = place.prefix;
  const words = wordsOf({ ...place, cgroup: basename(place.folder) })['kube-apiserver'] ?? [];
  const own = words.filter((word) => !word.startsWith('--secure-port'));
  const more = [`--secure-port=${port}`, `--feature-gates=${gates}`, '--endpoint-reconciler-type=none'];
  const child = spawn(nsenter, [...prefix, place.programs.kubernetes, 'kube-apiserver', ...own, ...more], {
    stdio: 'ignore',
  });
  servers.push(child);
  const there = { ...place, port };
  await awaited(`the API server at ${port}`, () => createApi(there).text('GET', '/readyz'));
  return there;
}

let dropping: Place;
let refusing: Place;

beforeAll(async () => {
  // The second needs the first.
  [dropping, refusing] = await Promise.all([
    serve(6444, 'ContainerRestartRules=false,RestartAllContainersOnContainerExits=false'),
    serve(6445, 'RestartAllContainersOnContainerExits=false'),
  ]);
});

afterAll(async () => {
  for (const child of servers) {
    // Asked to, it takes a minute.
    for (const pid of childrenOf(child.pid ?? 0)) process.kill(pid, 'SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
});

describe.concurrent('an API server', () => {
  test('that knows no rules drops them in silence, and the sidecar says what is missing', () =>
    inRoom({ name: 'no rules known', on: dropping }, async (room) => {
      await room.config({ greeting: 'one' });
      const pod = await inPlace(room, RULES);
      const [sidecar] = list(await pod.object(), 'spec', 'initContainers');
      expect(field(sidecar, 'restartPolicyRules')).toBeUndefined();
      await pod.said(started('one'));
      await pod.ready();
      await room.change({ greeting: 'two' });
      expect(String((await missed(pod))['reason'])).toMatch(ALL_CAUSES);
    }));

  test('that knows rules, but not this action, refuses the pod', () =>
    inRoom({ name: 'action not known', on: refusing }, async (room) => {
      const initContainers = [keeping(room, 'exit:88', RULES)];
      const containers = [{ name: 'app', image: imageOf(room.edition) }];
      const volumes = ['config', 'state'].map((name) => ({ name, emptyDir: {} }));
      const spec = { initContainers, containers, volumes };
      const answer = await awaited('its answer', () =>
        room.make('Pod', 'app', { spec }).then(
          () => 'taken',
          ({ message }: Error) => (message.includes('serviceaccount') ? undefined : message),
        ),
      );
      expect(answer).toMatch(
        /422.*restartPolicyRules are not allowed for init containers with restart policy Always/s,
      );
    }));
});
