import { expect, test } from 'vitest';
import { describeStatus, type ExitStatus } from '../../../src/core/process/exit.ts';
import { createAutopsy } from '../../../src/core/process/memory.ts';

/** Which deaths are for want of memory: cgroup v1 and v2, as a container sees its own, or the machine's tree. */

const KILLED: ExitStatus = { kind: 'signal', signal: 9 };
const STARVED: ExitStatus = { ...KILLED, outOfMemory: true };

function autopsy(files: Map<string, string>) {
  return createAutopsy({
    read: (path) => files.get(path),
    readAt: () => undefined,
    names: () => undefined,
  });
}

test.each([
  ['v2, by its own root', '0::/\n', '/sys/fs/cgroup/memory.events'],
  ['v2, in the tree', '0::/pods/one\n', '/sys/fs/cgroup/pods/one/memory.events'],
  ['v2, by a name that is not seen here', '0::/pods/one\n', '/sys/fs/cgroup/memory.events'],
  ['v1', '8:pids:/\n4:memory:/pods/one\n0::/\n', '/sys/fs/cgroup/memory/pods/one/memory.oom_control'],
  ['v1, with others', '4:cpu,memory:/\n', '/sys/fs/cgroup/memory/memory.oom_control'],
])('%s: one that was killed since that was last asked', (_, cgroups, file) => {
  const files = new Map([['/proc/self/cgroup', cgroups]]);
  const of = autopsy(files);
  const count = (killed: number) => files.set(file, `low 0\noom 7\noom_kill ${killed}\noom_group_kill 0\n`);
  expect(of(KILLED)).toEqual(KILLED);
  count(0);
  expect(of(KILLED)).toEqual(KILLED);
  count(2);
  expect(of({ kind: 'signal', signal: 15 })).toEqual({ kind: 'signal', signal: 15 });
  expect(of({ kind: 'code', code: 137 })).toEqual({ kind: 'code', code: 137 });
  expect(of(KILLED)).toEqual(STARVED);
  expect(of(KILLED)).toEqual(KILLED);
});

test('nothing is claimed where nothing tells', () => {
  expect(autopsy(new Map())(KILLED)).toEqual(KILLED);
  expect(autopsy(new Map([['/proc/self/cgroup', 'nonsense\n::\n']]))(KILLED)).toEqual(KILLED);
});

test('the line says what helps', () => {
  expect(describeStatus(STARVED)).toBe(
    'was ended by SIGKILL, since the container is out of memory; raise its limit (memory.max)',
  );
});
