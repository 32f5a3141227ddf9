import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE, STRACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { REHUP_BIN, type Rehup, rehup, STATIC_EXECUTABLE } from '../support/rehup.ts';
import { SYSTEM_CALLS, VICTIMS_IN_C, withoutCall } from '../support/victims.ts';
import { AT_ONCE, eachWithDirectory } from '../support/volume.ts';

/**
 * Every system call that the static executable makes, refused by a seccomp filter, as profiles and old kernels do it: it
 * goes on without, or one line names what was refused.
 */

const directory = eachWithDirectory();
const here = (name: string) => join(directory.path, name);

type Outcome = 'goes on' | 'told' | RegExp;

/** What the refusal of each call leads to; where there is a second one it is for ENOSYS, which the C library gets round. */
const CALLS: Readonly<Record<string, readonly [Outcome, Outcome?]>> = {
  // What it can do without.
  accept4: ['goes on'],
  access: ['goes on'],
  bind: ['goes on'],
  brk: ['goes on'],
  chdir: ['goes on'],
  clock_gettime: ['goes on'],
  close_range: ['goes on'],
  connect: ['goes on'],
  fstat: ['goes on'],
  getcwd: ['goes on'],
  flock: ['goes on'],
  memfd_create: ['goes on'],
  getpid: ['goes on'],
  getrandom: ['goes on'],
  getsockopt: ['goes on'],
  inotify_add_watch: ['goes on'],
  inotify_init1: ['goes on'],
  ioctl: ['goes on'],
  listen: ['goes on'],
  madvise: ['goes on'],
  munmap: ['goes on'],
  newfstatat: ['goes on'],
  poll: ['goes on'],
  prctl: ['goes on'],
  prlimit64: ['goes on'],
  pwritev2: ['goes on'],
  readlink: ['goes on'],
  rt_sigaction: ['goes on'],
  sendto: ['goes on'],
  set_tid_address: ['goes on'],
  socket: ['goes on'],
  statx: ['goes on'],
  umask: ['goes on'],
  wait4: ['goes on'],
  // The exit that the C library tries next is the older one.
  exit_group: ['goes on'],
  // What it is nothing without.
  close: [/close is refused/],
  dup2: [/dup2 is refused/],
  dup3: [/dup3 is refused/, 'goes on'],
  epoll_create1: [/epoll_create1 is refused/],
  epoll_ctl: [/epoll_ctl is refused/],
  epoll_pwait: [/epoll_wait is refused/, 'goes on'],
  fcntl: [/fcntl is refused/],
  mmap: [/out of memory/],
  pipe2: [/pipe2 is refused/, 'goes on'],
  read: [/read is refused/],
  rt_sigprocmask: [/sigprocmask is refused/],
  setpgid: [/setpgid is refused/],
  signalfd4: [/signalfd is refused/],
  vfork: [/vfork is refused/],
  waitid: [/waitid is refused/],
  // There is no way to tell anything.
  write: [/^/],
  // Whoever does not know who it is can't tell its own from what others made.
  geteuid: [/can't stage/],
  // What can't be done with a file or a command is told with the errno.
  execve: [/the check .*E/],
  fchmod: [/chmod of .*\(E/],
  fsync: [/sync of .*\(E/],
  getdents64: [/can't be read \(E/],
  lseek: [/entries of .*\(E/],
  mkdirat: [/mkdir of .*\(E/],
  fstatfs: ['goes on'],
  open: ['goes on'],
  openat: [/can't be read \(E/],
  readlinkat: [/can't be read \(E/],
  renameat: [/rename of .*\(E/],
  statfs: [/statfs of .*\(E/],
  symlinkat: [/symlink of .*\(E/],
  // The child runs on, and the log tells what could not be done.
  kill: ['told'],
  unlinkat: ['told'],
};

/** No program of this C library starts without. */
const OF_EVERY_PROGRAM = ['arch_prctl'];

const ERRNOS = { EPERM: 1, ENOSYS: 38 } as const;

/** A life with a stage, a check, a ready target and a change, whose child ends with 7 when it is told. */
function live(prefix: readonly string[]): Rehup {
  for (const generation of ['..one', '..two']) {
    mkdirSync(here(`volume/${generation}`), { recursive: true });
    writeFileSync(here(`volume/${generation}/key`), generation);
  }
  symlinkSync('..one', here('volume/..data'));
  symlinkSync('..data/key', here('volume/key'));
  const child = 'trap "exit 7" HUP; echo start; while :; do sleep 0.02; done';
  const options = [
    '--check',
    'sh -c "echo checked"',
    '--ready',
    'tcp://127.0.0.1:1',
    '--ready-timeout',
    '50ms',
  ];
  const words = ['--stage', `${here('volume')}=${here('target')}`, '--on-change', 'HUP', '--settle', '0'];
  return rehup([...words, ...options, ...AT_ONCE, '--poll', '200ms', '--', 'sh', '-c', child], { prefix });
}

function change(): void {
  symlinkSync('..two', here('volume/..data_tmp'));
  renameSync(here('volume/..data_tmp'), here('volume/..data'));
}

describe('the static executable', () => {
  const test = needing(STATIC_EXECUTABLE, VICTIMS_IN_C, SYSTEM_CALLS);

  for (const [call, [usual, forUnknown = usual]] of Object.entries(CALLS)) {
    for (const [errno, number] of Object.entries(ERRNOS)) {
      const outcome = errno === 'ENOSYS' ? forUnknown : usual;
      test(`to which ${call} is refused with ${errno}: ${outcome}`, async () => {
        const run = live(withoutCall(call, number));
        if (outcome instanceof RegExp) {
          expect(await run.ended).toBe(125);
          expect(run.errors()).toMatch(outcome);
          return;
        }
        await run.said('start');
        change();
        if (outcome === 'goes on') {
          expect(await run.ended).toBe(7);
          expect(run.log().map(({ event }) => event)).toContain('child.exited');
        } else expect((await run.logged('reload.failed')).msg).toContain(errno);
      });
    }
  }
});

describe('a log that can not be opened anew', () => {
  const test = needing(STATIC_EXECUTABLE, VICTIMS_IN_C, SYSTEM_CALLS, PID_NAMESPACE);

  test.each(Object.entries(ERRNOS))('is written where pwritev2 is refused with %s', async (_, errno) => {
    const hidden = ['sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', 'sh'];
    const piped = ['sh', '-c', `"$@" 2>&1 > /dev/null | cat > '${here('log')}'`, 'sh'];
    const prefix = [...piped, ...(PID_NAMESPACE.prefix ?? []), ...hidden, ...withoutCall('pwritev2', errno)];
    spawnSync(prefix[0] ?? '', [...prefix.slice(1), REHUP_BIN, 'true']);
    expect(readFileSync(here('log'), 'utf8')).toContain('child.exited');
  });
});

describe('the list', () => {
  const test = needing(STATIC_EXECUTABLE, VICTIMS_IN_C, SYSTEM_CALLS, STRACE);

  test('has every call that a life makes', async () => {
    const run = live(['strace', '-f', '-b', 'execve', '-o', here('calls')]);
    await run.said('start');
    change();
    expect(await run.ended).toBe(7);
    const made = readFileSync(here('calls'), 'utf8').matchAll(/^\d+ +(\w+)\(/gm);
    const unknown = new Set(
      [...made].map(([, name = '']) => name).filter((name) => CALLS[name] === undefined),
    );
    expect([...unknown].filter((name) => !OF_EVERY_PROGRAM.includes(name))).toEqual([]);
  });
});
