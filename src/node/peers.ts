import type { Server, Socket } from 'node:net';
import { libc, memory } from './process/libc.ts';

/** socket.h of Linux. */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

/** tcp.h of Linux. */
const IPPROTO_TCP = 6;
const TCP_DEFER_ACCEPT = 9;

/** For so long a connection on which nothing was sent is left to the kernel, s. */
const DEFERRED = 1;

/** `struct ucred`: pid, uid, gid. */
const CREDENTIALS_SIZE = 12;
const UID_AT = 4;

/** No user: what a connection counts as of which it can't be told. */
const NOBODY_KNOWN = 0xffff_ffff;

/** The effective user at the other end of a Unix socket when it was connected: unix(7), SO_PEERCRED. */
export function peerUser(socket: Socket): number {
  const descriptor = descriptorOf(socket);
  if (descriptor === undefined) return NOBODY_KNOWN;
  const credentials = memory(CREDENTIALS_SIZE);
  const size = memory(4);
  size.writeUInt32LE(CREDENTIALS_SIZE);
  const result = libc.getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, credentials, size);
  return result === 0 ? credentials.readUInt32LE(UID_AT) : NOBODY_KNOWN;
}

/**
 * Leaves connections on which nothing was sent to the kernel for a while: a request that comes with its connection is there
 * when that is accepted, and can't lose its place before. Where that is not known (gVisor) they are accepted at once.
 */
export function deferAccept(server: Server): void {
  const descriptor = descriptorOf(server);
  const seconds = memory(4);
  seconds.writeUInt32LE(DEFERRED);
  if (descriptor !== undefined)
    libc.setsockopt(descriptor, IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds, seconds.length);
}

/** Node has no other way to the descriptor of a socket. */
export function descriptorOf(socket: Socket | Server): number | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } };
  return handle?.fd === undefined || handle.fd < 0 ? undefined : handle.fd;
}
