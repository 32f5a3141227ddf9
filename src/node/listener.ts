import { readSync, rmdirSync, rmSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import type { Occurrence } from '../core/state/event.ts';
import type { Listener } from '../core/state/ports.ts';
import type { HostFacts } from '../core/state/state.ts';
import type { Peer } from '../core/state/visits.ts';
import { textOfBytes } from '../core/text/bytes.ts';
import { errnoOf } from './errno.ts';
import { deferAccept, descriptorOf, peerUser } from './peers.ts';

/** As many connections as may wait to be accepted: a probe must find a place behind a crowd. */
const BACKLOG = 1_024;
/** The most that is taken of a request at once. */
const PIECE = 4 * 1024;

/** The Listener port over node:net, which is loaded when it is first needed. */
export function createListener(tell: (occurrence: Occurrence) => void, facts: () => HostFacts): Listener {
  const sockets = new Map<number, Socket>();
  let connections = 0;
  let local: { readonly path: string; readonly directory: string | undefined } | undefined;

  function take(socket: Socket, peer: Peer): void {
    connections += 1;
    const connection = connections;
    sockets.set(connection, socket);
    socket
      .on('data', (bytes: Buffer) => {
        // What comes after a reply has begun is read and forgotten.
        if (sockets.get(connection) === socket && socket.writable)
          tell({ type: 'received', connection, bytes: bytes.toString('latin1'), host: facts() });
      })
      .on('end', () => void socket.destroy())
      .on('error', () => {})
      .on('close', () => {
        if (sockets.delete(connection)) tell({ type: 'hung-up', connection });
      });
    tell({ type: 'accepted', connection, peer });
    // What has come already counts before a later connection may take the place of this one, and Node reads it later than that.
    const bytes = sockets.has(connection) ? waitingIn(socket) : '';
    if (bytes !== '') tell({ type: 'received', connection, bytes, host: facts() });
  }

  return {
    listen(address, port) {
      const where = `[${address}]:${port}`;
      void import('node:net').then(({ createServer }) => {
        const server: Server = createServer({ allowHalfOpen: true }, (socket) =>
          take(socket, { kind: 'tcp', address: socket.remoteAddress ?? '' }),
        );
        server
          .once('listening', () => {
            deferAccept(server);
            tell({ type: 'listening', where, errno: undefined });
          })
          .once('error', (error) => tell({ type: 'listening', where, errno: errnoOf(error) }))
          .listen({ host: address, port, backlog: BACKLOG });
      });
    },
    listenLocal(path, directory) {
      void import('node:net').then(({ connect, createServer }) => {
        const ended = (errno: string | undefined) => {
          if (errno === undefined) local = { path: textOfBytes(path), directory };
          tell({ type: 'listening-local', path, errno });
        };
        const server: Server = createServer({ allowHalfOpen: true }, (socket) =>
          take(socket, { kind: 'socket', uid: peerUser(socket) }),
        );
        const listen = (): void => {
          const before = process.umask(0o177);
          server.listen({ path: textOfBytes(path), backlog: BACKLOG });
          process.umask(before);
        };
        server.once('listening', () => ended(undefined));
        server.once('error', (error) => {
          if (errnoOf(error) !== 'EADDRINUSE') return ended(errnoOf(error));
          server.once('error', (again) => ended(errnoOf(again)));
          const knock = connect(textOfBytes(path));
          knock.on('connect', () => {
            knock.destroy();
            ended('EADDRINUSE');
          });
          knock.on('error', (refusal) => {
            if (errnoOf(refusal) !== 'ECONNREFUSED') return ended('EADDRINUSE');
            rmSync(path, { force: true });
            return listen();
          });
          return undefined;
        });
        listen();
      });
    },
    reply: (connection, bytes) => void sockets.get(connection)?.end(bytes, 'latin1'),
    end() {
      if (local === undefined) return;
      try {
        rmSync(local.path, { force: true });
        if (local.directory !== undefined) rmdirSync(textOfBytes(local.directory));
      } catch {
        // Somebody else's is in the directory.
      }
    },
    hangUp(connection) {
      const socket = sockets.get(connection);
      sockets.delete(connection);
      socket?.destroy();
    },
  };
}

/** What can be read at once, which Node's own reading then goes on behind. */
function waitingIn(socket: Socket): string {
  const descriptor = descriptorOf(socket);
  if (descriptor === undefined) return '';
  const buffer = Buffer.allocUnsafe(PIECE);
  try {
    return buffer.toString('latin1', 0, readSync(descriptor, buffer));
  } catch {
    return '';
  }
}
