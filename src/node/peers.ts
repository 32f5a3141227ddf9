import type { Socket } from 'node:net';
import { libc, memory } from './process/libc.ts';

/** socket.h of Linux. */
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

/** `struct ucred`: pid, uid, gid. */
const CREDENTIALS_SIZE = 12;
const UID_AT = 4;

/** No user: what a connection counts as of which it can't be told. */
const NOBODY_KNOWN = 0xffff_ffff;

/** The effective user at the other end of a Unix socket when it was connected: unix(7), SO_PEERCRED. */
export function peerUser(socket: Socket): number {
  // Node has no other way to the descriptor of a socket.
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } };
  if (handle?.fd === undefined || handle.fd < 0) return NOBODY_KNOWN;
  const credentials = memory(CREDENTIALS_SIZE);
  const size = memory(4);
  size.writeUInt32LE(CREDENTIALS_SIZE);
  const result = libc.getsockopt(handle.fd, SOL_SOCKET, SO_PEERCRED, credentials, size);
  return result === 0 ? credentials.readUInt32LE(UID_AT) : NOBODY_KNOWN;
}
