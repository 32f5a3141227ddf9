import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { expect, test } from 'vitest';
import type { Payload, VolumeOptions } from '../support/kubelet.ts';
import { pidOf } from './client/daemons.ts';
import { field } from './client/objects.ts';
import { CONFIG, encoded, inRoom, type PodOptions, type Room } from './client/room.ts';
import { type Call, callsBelow, record, recording } from './client/syscalls.ts';
import { awaited } from './client/waiting.ts';

/** The kubelet double of the other tests, compared with the kubelet: by the system calls with which each writes a volume. */

type Step = {
  /** Does it through the API. */
  act(room: Room): Promise<unknown>;
  /** What the volume holds then. */
  readonly payload: Payload;
};

type Scenario = {
  readonly name: string;
  readonly kind?: 'configmap' | 'projected' | 'secret';
  readonly pod?: PodOptions;
  readonly double?: VolumeOptions;
  /** The first one is there before the pod is. */
  readonly steps: readonly [Step, ...Step[]];
};

const SCENARIOS: readonly Scenario[] = [
  {
    name: 'first write, update, keys added and removed',
    steps: [
      { act: (room) => room.config({ a: 'one', b: 'one' }), payload: { a: 'one', b: 'one' } },
      { act: (room) => room.change({ a: 'two' }), payload: { a: 'two', b: 'one' } },
      {
        act: (room) => room.change({ c: 'new', d: 'new' }),
        payload: { a: 'two', b: 'one', c: 'new', d: 'new' },
      },
      {
        act: (room) => room.change({ a: null, b: null }),
        payload: { c: 'new', d: 'new' },
      },
    ],
  },
  {
    name: 'optional: missing, made, deleted',
    pod: {
      words: ['--watch', '/etc/app', '--on-change', 'SIGHUP', '--min-interval', '0', '--allow-empty'],
      volumes: { config: { configMap: { name: 'app', optional: true } } },
    },
    steps: [
      { act: async () => {}, payload: {} },
      { act: (room) => room.config({ a: 'one', b: 'one' }), payload: { a: 'one', b: 'one' } },
      { act: (room) => room.remove('ConfigMap', 'app'), payload: {} },
    ],
  },
  {
    name: 'items with paths',
    pod: {
      volumes: {
        config: {
          configMap: {
            name: 'app',
            items: [
              { key: 'a', path: 'deep/er/a' },
              { key: 'b', path: 'b' },
            ],
          },
        },
      },
    },
    steps: [
      { act: (room) => room.config({ a: 'one', b: 'one' }), payload: { 'deep/er/a': 'one', b: 'one' } },
      { act: (room) => room.change({ a: 'two' }), payload: { 'deep/er/a': 'two', b: 'one' } },
    ],
  },
  {
    name: 'projected',
    kind: 'projected',
    pod: {
      volumes: {
        config: { projected: { sources: [{ configMap: { name: 'app' } }, { secret: { name: 'app' } }] } },
      },
    },
    steps: [
      {
        async act(room) {
          await room.config({ a: 'one', empty: '' });
          await room.make('Secret', 'app', { data: encoded({ b: 'one' }) });
        },
        payload: { a: 'one', b: 'one', empty: '' },
      },
      {
        act: (room) => room.change({ b: 'two' }, 'app', 'Secret'),
        payload: { a: 'one', b: 'two', empty: '' },
      },
    ],
  },
  {
    name: 'fsGroup and defaultMode 0400',
    pod: {
      volumes: { config: { configMap: { name: 'app', defaultMode: 0o400 } } },
      spec: { securityContext: { runAsUser: 1000, fsGroup: 2000 } },
    },
    double: { mode: 0o400, fsGroup: true },
    steps: [
      { act: (room) => room.config({ a: 'one', b: 'one' }), payload: { a: 'one', b: 'one' } },
      { act: (room) => room.change({ a: 'two' }), payload: { a: 'two', b: 'one' } },
    ],
  },
  {
    name: 'subPath',
    pod: {
      command: ['/witness', 'run', '/etc/app'],
      volumes: CONFIG,
      mounts: [
        { name: 'config', mountPath: '/etc/app' },
        { name: 'config', mountPath: '/etc/single', subPath: 'a' },
      ],
    },
    steps: [
      { act: (room) => room.config({ a: 'one', b: 'one' }), payload: { a: 'one', b: 'one' } },
      { act: (room) => room.change({ a: 'two' }), payload: { a: 'two', b: 'one' } },
    ],
  },
];

const DOUBLE = join(import.meta.dirname, '../support/kubelet.ts');

/** What the double does, in a process of its own. */
function ofDouble(folder: string, steps: readonly Step[], options: VolumeOptions): readonly Call[] {
  const path = join(folder, 'volume');
  const script = join(folder, 'writer.ts');
  const payloads = JSON.stringify(steps.map(({ payload }) => payload));
  writeFileSync(
    script,
    `import { createVolume } from ${JSON.stringify(DOUBLE)};
const volume = createVolume(${JSON.stringify(path)}, ${JSON.stringify(options)});
for (const payload of ${payloads}) volume.write(payload);
`,
  );
  const trace = join(folder, 'double.strace');
  const [strace = '', ...words] = recording(trace);
  execFileSync(strace, [...words, process.execPath, script], { stdio: 'pipe' });
  return callsBelow(trace, path);
}

/** What the kubelet does. */
async function ofKubelet(room: Room, folder: string, scenario: Scenario): Promise<readonly Call[]> {
  const { kind = 'configmap', pod: options = {}, steps } = scenario;
  const [first, ...others] = steps;
  const trace = join(folder, 'kubelet.strace');
  const stop = await record(pidOf(room.place, 'kubelet'), trace);
  let uid = '';
  try {
    await first.act(room);
    const pod = await room.pod(options);
    await pod.said('start');
    for (const [index, { act }] of others.entries()) {
      await act(room);
      await pod.said('SIGHUP', index + 1);
      await awaited('the old generation to be gone', async () => {
        const { output } = await pod.exec('/bin/ls', '-a', '/etc/app');
        return output.split('\n').filter((name) => /^\.\.\d/.test(name)).length === 1 ? true : undefined;
      });
    }
    uid = String(field(await pod.object(), 'metadata', 'uid'));
  } finally {
    await stop();
  }
  return callsBelow(
    trace,
    join(room.place.folder, `kubelet/pods/${uid}/volumes/kubernetes.io~${kind}/config`),
  );
}

/**
 * One line a call, from the first generation on: before that the directory is made. What has no order of its own, as the keys
 * of a map and the entries of a directory, is put in the order of names.
 */
function comparable(calls: readonly Call[]): readonly string[] {
  const begin = calls.findIndex(({ path }) => path.startsWith('..'));
  const lines: string[] = [];
  let group: { readonly path: string; readonly line: string }[] = [];
  let kind = '';
  let last: Call | undefined;
  const flush = () => {
    group.sort((one, other) => (one.path < other.path ? -1 : one.path > other.path ? 1 : 0));
    lines.push(...group.map(({ line }) => line));
    group = [];
  };
  for (const call of calls.slice(begin)) {
    const { what, path, more } = call;
    const now = kindOf(call, last);
    if (now !== kind || now === '') flush();
    kind = now;
    last = call;
    group.push({ path, line: `${what} ${path}${more === '' ? '' : ` ${more}`}` });
  }
  flush();
  return lines;
}

/** What may be done in any order with others of its kind; empty for what has its place. */
function kindOf({ what, path }: Call, last: Call | undefined): string {
  if (what === 'chown' || (what === 'chmod' && last?.what === 'chown' && last.path === path)) return 'owners';
  if (/^\.\.generation-\d+\/./.test(path)) return what === 'unlink' || what === 'rmdir' ? 'removal' : 'files';
  return path.startsWith('..') || path === '.' ? '' : `key ${what}`;
}

for (const scenario of SCENARIOS) {
  test(`the double writes as the kubelet does: ${scenario.name}`, () =>
    inRoom({ name: `double: ${scenario.name}` }, async (room) => {
      const folder = mkdtempSync(join(tmpdir(), 'rehup-double-'));
      try {
        const kubelet = comparable(await ofKubelet(room, folder, scenario));
        const double = comparable(ofDouble(folder, scenario.steps, scenario.double ?? {}));
        expect(kubelet.length).toBeGreaterThan(0);
        expect(double).toEqual(kubelet);
      } finally {
        rmSync(folder, { recursive: true });
      }
    }));
}
