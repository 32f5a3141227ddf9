import { randomBytes } from 'node:crypto';
import { getCurrentEventLoop, getInt32, getRawPointer } from 'node:ffi';
import { closeSync, readSync } from 'node:fs';
import type { Message, Notifications } from '../../core/state/ports.ts';
import { errnoName, errnoOf } from '../errno.ts';
import { libc, memory, program } from './libc.ts';

/** socket.h, un.h, fcntl.h and uv.h. */
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PASSCRED = 16;
const SCM_RIGHTS = 1;
const SCM_CREDENTIALS = 2;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const F_SETFL = 4;
const UV_POLL = 8;
const UV_READABLE = 1;

/** The most of one message, and of what is taken of a pipe at once. */
const PIECE = 16 * 1024;

/** `struct msghdr`: its size, and where its fields are; of `struct cmsghdr` the same. */
const MSGHDR = { size: 56, iov: 16, iovlen: 24, control: 32, controllen: 40, flags: 48 } as const;
const CMSGHDR = { size: 16, level: 8, type: 12 } as const;
/** CMSG_SPACE of a `struct ucred`, whose first field is the process id. */
const CONTROL_SIZE = 32;

/**
 * What is read from: libuv's own poll handle tells of it, asked through `node:ffi`, since Node has no datagram sockets of
 * this family, and nothing wakes rehup while nothing is said.
 */
type Channel = {
  readonly descriptor: number;
  readonly handle: Buffer;
  readonly take: () => Message | undefined;
};

/** The Notifications port; `notified` is called when something can be taken, once until nothing is left. */
export function createNotifications(notified: () => void): Notifications {
  let library: ReturnType<typeof loadPolling> | undefined;
  let open: Channel | undefined;

  function polling(): ReturnType<typeof loadPolling> {
    library ??= loadPolling(() => {
      if (open !== undefined) library?.stop(open.handle);
      notified();
    });
    return library;
  }

  function begin(descriptor: number, take: () => Message | undefined): void {
    close();
    const handle = polling().open(descriptor);
    open = { descriptor, handle, take };
    polling().start(handle);
  }

  function close(): void {
    if (open === undefined) return;
    polling().close(open.handle);
    closeSync(open.descriptor);
    open = undefined;
  }

  return {
    openSocket() {
      const name = `rehup-${randomBytes(8).toString('hex')}`;
      const socket = openDatagrams(name);
      if (typeof socket === 'string') return { errno: socket };
      const receive = receiver(socket);
      begin(socket, receive);
      return { address: `@${name}` };
    },
    openPipe() {
      const ends = memory(8);
      if (libc.pipe2(ends, O_CLOEXEC) !== 0) return { errno: lastErrno() };
      const readEnd = ends.readInt32LE(0);
      libc.fcntl(readEnd, F_SETFL, O_NONBLOCK);
      begin(readEnd, () => readPipe(readEnd, close));
      return { descriptor: ends.readInt32LE(4) };
    },
    take() {
      const message = open?.take();
      if (message === undefined && open !== undefined) polling().start(open.handle);
      return message;
    },
    close,
  };
}

/** libuv's poll handles; `readable` is called for each that was started and can be read. */
function loadPolling(readable: () => void) {
  const came = program.registerCallback(
    { arguments: ['pointer', 'int32', 'int32'], return: 'void' },
    readable,
  );
  // libuv holds a handle by its address until it has said that it is closed.
  const handles = new Map<bigint, Buffer>();
  const closed = program.registerCallback({ arguments: ['pointer'], return: 'void' }, (handle) => {
    if (typeof handle === 'bigint') handles.delete(handle);
  });
  const size = program.getFunction('uv_handle_size', { arguments: ['int32'], return: 'uint64' });
  const init = program.getFunction('uv_poll_init', {
    arguments: ['pointer', 'pointer', 'int32'],
    return: 'int32',
  });
  const start = program.getFunction('uv_poll_start', {
    arguments: ['pointer', 'int32', 'pointer'],
    return: 'int32',
  });
  const stop = program.getFunction('uv_poll_stop', { arguments: ['pointer'], return: 'int32' });
  const close = program.getFunction('uv_close', { arguments: ['pointer', 'pointer'], return: 'void' });
  const bytes = Number(size(UV_POLL));
  return {
    open(descriptor: number): Buffer {
      const handle = memory(bytes);
      init(getCurrentEventLoop(), handle, descriptor);
      handles.set(getRawPointer(handle), handle);
      return handle;
    },
    start: (handle: Buffer): unknown => start(handle, UV_READABLE, came),
    stop: (handle: Buffer): unknown => stop(handle),
    close: (handle: Buffer): void => void close(handle, closed),
  };
}

/** A datagram socket with an abstract name (unix(7)), to whose messages the kernel adds who sent them; or the errno. */
function openDatagrams(name: string): number | string {
  const socket = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return lastErrno();
  const yes = memory(4);
  yes.writeInt32LE(1);
  const address = memory(3 + name.length);
  address.writeUInt16LE(AF_UNIX);
  address.write(name, 3, 'latin1');
  const failed =
    libc.setsockopt(socket, SOL_SOCKET, SO_PASSCRED, yes, yes.length) < 0 ||
    libc.bind(socket, address, address.length) < 0;
  const errno = failed ? lastErrno() : undefined;
  if (errno !== undefined) closeSync(socket);
  return errno ?? socket;
}

/** errno(3) of the call before, which nothing has changed since: node:ffi calls on this very thread. */
function lastErrno(): string {
  return errnoName(getInt32(libc.__errno_location()));
}

/**
 * Takes the messages of a socket. There is room for the sender alone, so that the kernel itself drops the descriptors
 * that come along, and rehup never has them (unix(7)).
 */
function receiver(socket: number): () => Message | undefined {
  const bytes = memory(PIECE);
  const control = memory(CONTROL_SIZE);
  const piece = memory(16);
  const header = memory(MSGHDR.size);
  piece.writeBigUInt64LE(getRawPointer(bytes));
  piece.writeBigUInt64LE(BigInt(PIECE), 8);
  return () => {
    header.fill(0);
    header.writeBigUInt64LE(getRawPointer(piece), MSGHDR.iov);
    header.writeBigUInt64LE(1n, MSGHDR.iovlen);
    header.writeBigUInt64LE(getRawPointer(control), MSGHDR.control);
    header.writeBigUInt64LE(BigInt(CONTROL_SIZE), MSGHDR.controllen);
    const length = Number(libc.recvmsg(socket, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
    if (length < 0) return undefined;
    const whole = (header.readInt32LE(MSGHDR.flags) & MSG_TRUNC) === 0;
    const sender = senderOf(control, Number(header.readBigUInt64LE(MSGHDR.controllen)));
    return { bytes: bytes.toString('latin1', 0, length), whole, sender };
  };
}

/** Who sent a message, 0 if that is not told. Closes the descriptors that came along. */
function senderOf(control: Buffer, length: number): number {
  let sender = 0;
  for (let at = 0; at + CMSGHDR.size < length; ) {
    const end = at + Number(control.readBigUInt64LE(at));
    const type = control.readInt32LE(at + CMSGHDR.type);
    if (end <= at + CMSGHDR.size || end > length) break;
    if (type === SCM_CREDENTIALS) sender = control.readInt32LE(at + CMSGHDR.size);
    if (type === SCM_RIGHTS)
      for (let one = at + CMSGHDR.size; one + 4 <= end; one += 4) closeSync(control.readInt32LE(one));
    at = end + ((8 - (end % 8)) % 8);
  }
  return sender;
}

/** Some bytes of a pipe; at its end it is closed. */
function readPipe(pipe: number, close: () => void): Message | undefined {
  const piece = Buffer.allocUnsafe(PIECE);
  let length = 0;
  try {
    length = readSync(pipe, piece, 0, PIECE, null);
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return undefined;
  }
  if (length > 0) return { bytes: piece.toString('latin1', 0, length), whole: true, sender: undefined };
  close();
  return undefined;
}
