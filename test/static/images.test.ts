import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';
import { ROOT } from '../../scripts/build/product.ts';
import {
  CONTAINERS,
  type ContainerOptions,
  containerWords,
  type Kind,
  makeImage,
  removeImages,
} from '../support/images.ts';
import { createVolume } from '../support/kubelet.ts';
import { needing } from '../support/needing.ts';
import { disposeAll, REHUP_BIN, type Rehup, rehup, STATIC_EXECUTABLE } from '../support/rehup.ts';

/** The static executable in real containers, by podman and runc, as strict as a cluster may be (specification 2.7). */

const test = needing(STATIC_EXECUTABLE, CONTAINERS);

const temporary = mkdtempSync(join(tmpdir(), 'rehup-images-'));

afterAll(async () => {
  await disposeAll();
  if (CONTAINERS.prefix !== undefined) removeImages();
  rmSync(temporary, { recursive: true });
});

let count = 0;

/** Runs rehup with these words in a container. */
function run(
  words: readonly string[],
  options: Omit<ContainerOptions, 'name'>,
  before: readonly string[] = [],
) {
  count += 1;
  const name = `rehup-test-${process.pid}-${count}`;
  const [program = '', ...rest] = words;
  const prefix = [...before, ...containerWords({ ...options, name })];
  const self: Rehup = rehup(rest, { prefix, executable: program });
  const podman = (...command: readonly string[]) =>
    execFileSync('podman', [...command, name], { stdio: 'ignore' });
  return { self, podman };
}

function newVolume(): ReturnType<typeof createVolume> & { readonly path: string } {
  const path = mkdtempSync(join(temporary, 'volume-'));
  chmodSync(temporary, 0o755);
  chmodSync(path, 0o755);
  return Object.assign(createVolume(path), { path });
}

const AT_ONCE = ['--min-interval', '0', '-w', '/etc/app'];

/** The edition that goes into an image, and the memory that it is given there. */
const EDITIONS: readonly { readonly kind: Kind; readonly executable: string; readonly memory: string }[] = [
  ...(['scratch', 'alpine-like', 'distroless-like', 'debian'] as const).map((kind) => ({
    kind,
    executable: REHUP_BIN,
    memory: '8m',
  })),
  { kind: 'node', executable: join(ROOT, 'dist/rehup-node'), memory: '96m' },
];

describe.each(EDITIONS)('in an image $kind, with $memory of memory', ({ kind, executable, memory }) => {
  test('reloads, restarts, forwards, stops and fails as anywhere', async () => {
    const volume = newVolume();
    volume.write({ key: 'one' });
    const image = await makeImage(kind, executable);
    const options = { image, volume: volume.path, memory };

    const told = run([...AT_ONCE, '--on-change', 'SIGHUP', '/teller', '/etc/app/key', '3'], options);
    await told.self.said('start one');
    expect(told.self.output[0]).toBe('descriptors');
    await told.self.logged('child.started');
    volume.write({ key: 'two' });
    await told.self.said('1 two');
    for (const signal of ['USR1', 'WINCH', '40']) told.podman('kill', '--signal', signal);
    for (const line of ['10 two', '28 two', '40 two']) await told.self.said(line);
    told.podman('stop');
    expect(await told.self.ended).toBe(3);
    expect(told.self.output.filter((line) => line.startsWith('1 '))).toEqual(['1 two']);

    const restarted = run([...AT_ONCE, '--verify', '0', '/teller', '/etc/app/key', '4'], options);
    await restarted.self.said('start two');
    await restarted.self.logged('child.started');
    volume.write({ key: 'three' });
    await restarted.self.said('start three');
    restarted.podman('stop');
    expect(await restarted.self.ended).toBe(4);

    const failing = [['/nothing'], ['/etc/app/key'], ['--settle', '5x', '/teller']];
    const codes = failing.map((words) => run(words, options).self.ended);
    expect(await Promise.all(codes)).toEqual([127, 126, 125]);
  });
});

test('the containers are as strict as they are meant to be', async () => {
  const volume = newVolume();
  volume.write({ key: 'one' });
  const image = await makeImage('debian', REHUP_BIN);
  // cgroups(7), of version 2 or 1.
  const limits =
    'cd /sys/fs/cgroup; cat memory.max pids.max || cat memory/memory.limit_in_bytes pids/pids.max; cd /';
  const writes = 'for d in / /tmp /run /dev /dev/shm; do ( : > $d/x ) && echo wrote $d; done';
  const report = `grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/1/status; exec 2> /dev/null; ${limits}; ${writes}; exit 0`;
  const { self } = run(['--log-level', 'silent', 'sh', '-c', report], { image, volume: volume.path });
  expect(await self.ended).toBe(0);
  expect(self.output).toEqual([
    'Uid:\t65534\t65534\t65534\t65534',
    `CapEff:\t${'0'.repeat(16)}`,
    `CapBnd:\t${'0'.repeat(16)}`,
    'NoNewPrivs:\t1',
    // A filter: proc_pid_status(5).
    'Seccomp:\t2',
    String(8 * 1024 * 1024),
    '32',
  ]);
});

test('where no process may be started any more it says so and ends with 125', async () => {
  const volume = newVolume();
  volume.write({ key: 'one' });
  const image = await makeImage('scratch', REHUP_BIN);
  // Not by --pids-limit, which holds for the threads of runc too, before it has executed rehup: as the last thing before that.
  const profile = join(temporary, 'no-process.json');
  const refused = { names: ['clone', 'clone3', 'fork', 'vfork'], action: 'SCMP_ACT_ERRNO', errnoRet: 11 };
  writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [refused] }));
  const { self } = run(['/teller', '/etc/app/key', '0'], {
    image,
    volume: volume.path,
    more: ['--security-opt', `seccomp=${profile}`, '--security-opt', 'no-new-privileges'],
  });
  const code = await self.ended;
  expect(code, self.errors()).toBe(125);
  expect(await self.logged('child.start_failed')).toMatchObject({ errno: 'EAGAIN', command: '/teller' });
});

test('a kernel without close_range gives the child no descriptors either', async () => {
  const profile = join(temporary, 'no-close-range.json');
  const refused = { names: ['close_range'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 };
  writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [refused] }));
  const volume = newVolume();
  volume.write({ key: 'one' });
  const image = await makeImage('scratch', REHUP_BIN);
  const more = ['--preserve-fds', '2', '--security-opt', `seccomp=${profile}`];
  const open = ['sh', '-c', 'exec 3</dev/null 4</dev/null; exec "$@"', 'sh'];
  const { self, podman } = run(['/teller', '/etc/app/key', '0'], { image, volume: volume.path, more }, open);
  await self.said('start one');
  expect(self.output[0]).toBe('descriptors');
  await self.logged('child.started');
  podman('stop');
  expect(await self.ended).toBe(0);
});
