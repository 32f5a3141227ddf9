import type { Server, Socket } from 'node:net';
import type { Occurrence } from '../core/state/event.ts';
import type { Listener } from '../core/state/ports.ts';
import type { HostFacts } from '../core/state/state.ts';
import { errnoOf } from './errno.ts';

/** As many connections as may wait to be accepted. */
const BACKLOG = 16;

/** The Listener port over node:net, which is loaded when it is first needed. */
export function createListener(tell: (occurrence: Occurrence) => void, facts: () => HostFacts): Listener {
  const sockets = new Map<number, Socket>();
  let connections = 0;

  function take(socket: Socket): void {
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
    tell({ type: 'accepted', connection, peer: { kind: 'tcp', address: socket.remoteAddress ?? '' } });
  }

  return {
    listen(address, port) {
      const where = `[${address}]:${port}`;
      void import('node:net').then(({ createServer }) => {
        const server: Server = createServer({ allowHalfOpen: true }, take);
        server
          .once('listening', () => tell({ type: 'listening', where, errno: undefined }))
          .once('error', (error) => tell({ type: 'listening', where, errno: errnoOf(error) }))
          .listen({ host: address, port, backlog: BACKLOG });
      });
    },
    reply: (connection, bytes) => void sockets.get(connection)?.end(bytes, 'latin1'),
    hangUp(connection) {
      const socket = sockets.get(connection);
      sockets.delete(connection);
      socket?.destroy();
    },
  };
}
