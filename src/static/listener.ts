import type { Occurrence } from '../core/state/event.ts';
import type { Listener } from '../core/state/ports.ts';
import type { HostFacts } from '../core/state/state.ts';
import type { Peer } from '../core/state/visits.ts';
import { type Loop, READABLE, WRITABLE } from './loop.ts';
import { attempt } from './processes.ts';

/** The most that is taken of a request at once. */
const PIECE = 4 * 1024;
/** So many connections are taken in a turn, each answered within a millisecond or so: a signal does not wait for more. */
const ACCEPTED_PER_TURN = 4;

/** The Listener port: sockets that never make one wait. */
export function createListener(
  loop: Loop,
  tell: (occurrence: Occurrence) => void,
  facts: () => HostFacts,
): Listener {
  const sockets = new Map<number, number>();
  let connections = 0;
  let local: { readonly path: string; readonly directory: string | undefined } | undefined;

  function accept(server: number, peerOf: (socket: number) => Peer): void {
    for (let count = 0; count < ACCEPTED_PER_TURN; count++) {
      let socket = 0;
      let peer: Peer | undefined;
      const errno = attempt(() => {
        socket = native.accept(server);
        peer = peerOf(socket);
      });
      if (socket === 0) return;
      if (errno !== undefined || peer === undefined) native.close(socket);
      else take(socket, peer);
    }
  }

  function take(socket: number, peer: Peer): void {
    connections += 1;
    const connection = connections;
    sockets.set(connection, socket);
    loop.onReadable(socket, () => receive(connection, socket));
    tell({ type: 'accepted', connection, peer });
    // What has come already counts before a later connection may take the place of this one.
    if (sockets.has(connection)) receive(connection, socket);
  }

  function receive(connection: number, socket: number): void {
    let bytes = '';
    const errno = attempt(() => {
      bytes = native.read(socket, PIECE);
    });
    if (errno === 'EAGAIN') return;
    if (errno !== undefined || bytes === '') end(connection);
    else tell({ type: 'received', connection, bytes, host: facts() });
  }

  /** Nobody is there any more. */
  function end(connection: number): void {
    if (!sockets.has(connection)) return;
    hangUp(connection);
    tell({ type: 'hung-up', connection });
  }

  function hangUp(connection: number): void {
    const socket = sockets.get(connection);
    sockets.delete(connection);
    if (socket !== undefined) loop.close(socket);
  }

  /** What still comes is read and forgotten until the other side closes: a close before that would take the reply from it. */
  function reply(connection: number, bytes: string): void {
    const socket = sockets.get(connection);
    if (socket === undefined) return;
    let unsent = bytes;
    const send = (): void => {
      const errno = attempt(() => {
        unsent = unsent.slice(native.send(socket, unsent));
        if (unsent === '') native.endSending(socket);
      });
      if (errno !== undefined && errno !== 'EAGAIN') end(connection);
      else if (unsent === '') loop.onReadable(socket, drain);
    };
    const drain = (): void => {
      let rest = '';
      const errno = attempt(() => {
        rest = native.read(socket, PIECE);
      });
      if (errno !== 'EAGAIN' && rest === '') end(connection);
    };
    loop.on(socket, READABLE | WRITABLE, () => {
      drain();
      if (sockets.has(connection)) send();
    });
    send();
  }

  return {
    listen(address, port) {
      const errno = attempt(() => {
        const server = native.listenTcp(address, port);
        loop.onReadable(server, () =>
          accept(server, (socket) => ({ kind: 'tcp', address: native.peerAddress(socket) })),
        );
      });
      tell({ type: 'listening', where: `[${address}]:${port}`, errno });
    },
    listenLocal(path, directory) {
      const listen = (): void => {
        const server = native.listenUnix(path);
        loop.onReadable(server, () =>
          accept(server, (socket) => ({ kind: 'socket', uid: native.peerUser(socket) })),
        );
      };
      let errno = attempt(listen);
      if (
        errno === 'EADDRINUSE' &&
        attempt(() => native.close(native.connectUnix(path))) === 'ECONNREFUSED'
      ) {
        errno = attempt(() => native.unlink(undefined, path)) ?? attempt(listen);
      }
      if (errno === undefined) local = { path, directory };
      tell({ type: 'listening-local', path, errno });
    },
    reply,
    hangUp,
    end() {
      if (local === undefined) return;
      const { path, directory } = local;
      attempt(() => native.unlink(undefined, path));
      if (directory !== undefined) attempt(() => native.rmdir(undefined, directory));
    },
  };
}
