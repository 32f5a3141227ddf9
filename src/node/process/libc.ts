import { dlopen, getInt32, getRawPointer } from 'node:ffi';

/**
 * The C library's functions that Node lacks, bound through `node:ffi`. Sizes and numbers are those of glibc on 64-bit
 * Linux; the man page of each function is its documentation.
 */
const { lib, functions } = dlopen(null, {
  posix_spawn: {
    arguments: ['pointer', 'pointer', 'pointer', 'pointer', 'pointer', 'pointer'],
    return: 'int32',
  },
  posix_spawn_file_actions_init: { arguments: ['pointer'], return: 'int32' },
  posix_spawn_file_actions_destroy: { arguments: ['pointer'], return: 'int32' },
  posix_spawn_file_actions_adddup2: { arguments: ['pointer', 'int32', 'int32'], return: 'int32' },
  posix_spawn_file_actions_addclose: { arguments: ['pointer', 'int32'], return: 'int32' },
  posix_spawnattr_init: { arguments: ['pointer'], return: 'int32' },
  posix_spawnattr_destroy: { arguments: ['pointer'], return: 'int32' },
  posix_spawnattr_setflags: { arguments: ['pointer', 'int16'], return: 'int32' },
  posix_spawnattr_setpgroup: { arguments: ['pointer', 'int32'], return: 'int32' },
  posix_spawnattr_setsigdefault: { arguments: ['pointer', 'pointer'], return: 'int32' },
  posix_spawnattr_setsigmask: { arguments: ['pointer', 'pointer'], return: 'int32' },
  waitid: { arguments: ['int32', 'uint32', 'pointer', 'int32'], return: 'int32' },
  poll: { arguments: ['pointer', 'uint64', 'int32'], return: 'int32' },
  pipe2: { arguments: ['pointer', 'int32'], return: 'int32' },
  memfd_create: { arguments: ['pointer', 'uint32'], return: 'int32' },
  lseek: { arguments: ['int32', 'int64', 'int32'], return: 'int64' },
  prctl: { arguments: ['int32', 'uint64', 'uint64', 'uint64', 'uint64'], return: 'int32' },
  ptrace: { arguments: ['int32', 'int32', 'uint64', 'uint64'], return: 'int64' },
  pthread_sigmask: { arguments: ['int32', 'pointer', 'pointer'], return: 'int32' },
  tcsetpgrp: { arguments: ['int32', 'int32'], return: 'int32' },
  tcgetpgrp: { arguments: ['int32'], return: 'int32' },
  getpgrp: { arguments: [], return: 'int32' },
  chdir: { arguments: ['pointer'], return: 'int32' },
  fchdir: { arguments: ['int32'], return: 'int32' },
  getrlimit: { arguments: ['int32', 'pointer'], return: 'int32' },
  isatty: { arguments: ['int32'], return: 'int32' },
  getsockopt: { arguments: ['int32', 'int32', 'int32', 'pointer', 'pointer'], return: 'int32' },
  flock: { arguments: ['int32', 'int32'], return: 'int32' },
  epoll_ctl: { arguments: ['int32', 'int32', 'int32', 'pointer'], return: 'int32' },
  fcntl: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  socket: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
  setsockopt: { arguments: ['int32', 'int32', 'int32', 'pointer', 'uint32'], return: 'int32' },
  bind: { arguments: ['int32', 'pointer', 'uint32'], return: 'int32' },
  recvmsg: { arguments: ['int32', 'pointer', 'int32'], return: 'int64' },
  // Of up to four numbers, which is all that is called by it.
  syscall: { arguments: ['int64', 'int64', 'int64', 'int64', 'int64'], return: 'int64' },
  __errno_location: { arguments: [], return: 'pointer' },
});

export const libc = functions;

/** What errno(3) was left at by the call before. */
export function lastErrno(): number {
  return getInt32(functions.__errno_location());
}

/** The running program as a library; libuv's functions are found there. */
export { lib as program };

/** File actions of posix_spawn that came to glibc later (2.29, 2.34, 2.35); each is undefined where it is missing. */
export const later = {
  addChdir: found(() => {
    const signature = { arguments: ['pointer', 'pointer'], return: 'int32' } as const;
    const name = 'posix_spawn_file_actions_addchdir_np';
    return dlopen(null, { [name]: signature }).functions[name];
  }),
  addCloseFrom: found(() => withDescriptor('posix_spawn_file_actions_addclosefrom_np')),
  addTerminal: found(() => withDescriptor('posix_spawn_file_actions_addtcsetpgrp_np')),
};

function withDescriptor(name: string) {
  const signature = { arguments: ['pointer', 'int32'], return: 'int32' } as const;
  return dlopen(null, { [name]: signature }).functions[name];
}

function found<Value>(look: () => Value): Value | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/** A zeroed buffer with memory of its own, whose address stays the same for as long as it is referenced. */
export function memory(size: number): Buffer {
  return Buffer.from(new ArrayBuffer(size));
}

/** A byte string as C has it. */
export function cString(bytes: string): Buffer {
  const buffer = memory(bytes.length + 1);
  buffer.write(bytes, 'latin1');
  return buffer;
}

/** A null-terminated array of pointers to C strings; the strings must be kept referenced while it is used. */
export function cArray(strings: readonly Buffer[]): Buffer {
  const array = memory((strings.length + 1) * 8);
  strings.forEach((string, index) => {
    array.writeBigUInt64LE(getRawPointer(string), index * 8);
  });
  return array;
}

/** `sigset_t` of glibc. */
const SIGNAL_SET_SIZE = 128;

/** A signal set with these signals in it. */
export function signalSet(...signals: readonly number[]): Buffer {
  const set = memory(SIGNAL_SET_SIZE);
  for (const signal of signals) {
    const byte = (signal - 1) >> 3;
    set.writeUInt8(set.readUInt8(byte) | (1 << ((signal - 1) & 7)), byte);
  }
  return set;
}

/** All 64 signals. sigfillset(3) would leave out the two that glibc keeps for itself, and the child would inherit them. */
export function fullSignalSet(): Buffer {
  return memory(SIGNAL_SET_SIZE).fill(0xff);
}
