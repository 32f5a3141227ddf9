import type { Socket } from 'node:net';
import type { Connection, ConnectionReports, Network } from '../core/state/ports.ts';
import { errnoOf } from './errno.ts';

/** The Network port over node:net, which is loaded when it is first needed. */
export function createNetwork(): Network {
  return {
    connect(address, port, reports) {
      let closed = false;
      let socket: Socket | undefined;
      void import('node:net').then(({ connect, isIP }) => {
        if (closed) return;
        // Anything else would be asked of DNS.
        if (isIP(address) === 0) reports.failed('EINVAL');
        else socket = report(connect({ host: address, port }), reports);
      });
      return {
        send: (bytes) => void socket?.write(bytes, 'latin1'),
        close() {
          closed = true;
          socket
            ?.removeAllListeners()
            .on('error', () => {})
            .destroy();
        },
      } satisfies Connection;
    },
  };
}

function report(socket: Socket, reports: ConnectionReports): Socket {
  let over = false;
  return socket
    .on('connect', reports.connected)
    .on('data', (bytes: Buffer) => reports.received(bytes.toString('latin1')))
    .on('end', () => {
      over = true;
      socket.destroy();
      reports.ended();
    })
    .on('error', (error) => {
      // What was sent and not taken makes no difference to what has come.
      if (over) return;
      over = true;
      reports.failed(errnoOf(error));
    });
}
