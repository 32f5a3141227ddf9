import type { NetConnectOpts, Socket } from 'node:net';
import type { Connection, ConnectionReports, Network } from '../../core/state/ports.ts';
import { textOfBytes } from '../../core/text/bytes.ts';
import { errnoOf } from '../errno.ts';
import { peerUser } from '../peers.ts';

/** The Network port over node:net, which is loaded when it is first needed. */
export function createNetwork(): Network {
  return {
    connect: (address, port, reports) => connect({ host: address, port }, () => 0, reports),
    connectLocal: (path, reports) => connect({ path: textOfBytes(path) }, peerUser, reports),
  };
}

function connect(
  options: NetConnectOpts,
  userOf: (socket: Socket) => number,
  reports: ConnectionReports,
): Connection {
  let closed = false;
  let socket: Socket | undefined;
  void import('node:net').then(({ connect: begin, isIP }) => {
    if (closed) return;
    // Anything else would be asked of DNS.
    if ('host' in options && isIP(options.host ?? '') === 0) reports.failed('EINVAL');
    else socket = report(begin(options), userOf, reports);
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
  };
}

function report(socket: Socket, userOf: (socket: Socket) => number, reports: ConnectionReports): Socket {
  let over = false;
  /** Reset, since it would keep the port from whoever is to listen on it: tcp(7), TIME_WAIT. */
  function refuse(): void {
    over = true;
    socket.resetAndDestroy();
    reports.failed('ECONNREFUSED');
  }
  return socket
    .on('connect', () => {
      if (isOwnPeer(socket)) refuse();
      else reports.connected(userOf(socket));
    })
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

/** Whether a connection is one to itself: a port on which nobody listens, which the kernel chose for this end as well. */
function isOwnPeer({ localPort, localAddress, remotePort, remoteAddress }: Socket): boolean {
  return localPort !== undefined && localPort === remotePort && localAddress === remoteAddress;
}
