import type { Connection, ConnectionReports, Network } from '../core/state/ports.ts';
import { type Loop, READABLE, WRITABLE } from './loop.ts';
import { errnoOf } from './native.ts';
import { attempt } from './processes.ts';

/** The most that is taken of an answer at once. */
const PIECE = 16 * 1024;

/** The Network port: sockets that never make one wait. */
export function createNetwork(loop: Loop): Network {
  return {
    connect: (address, port, reports) =>
      connect(
        loop,
        () => native.connect(address, port),
        () => 0,
        reports,
      ),
    connectLocal: (path, reports) =>
      connect(
        loop,
        () => native.connectUnix(path),
        (descriptor) => native.peerUser(descriptor),
        reports,
      ),
  };
}

function connect(
  loop: Loop,
  begin: () => number,
  userOf: (descriptor: number) => number,
  reports: ConnectionReports,
): Connection {
  let over = false;
  let socket: number | undefined;
  let unsent = '';

  function end(): void {
    over = true;
    if (socket !== undefined) loop.close(socket);
    socket = undefined;
  }

  function fail(errno: string): void {
    if (over) return;
    end();
    reports.failed(errno);
  }

  function receive(descriptor: number): void {
    let bytes = '';
    const errno = attempt(() => {
      bytes = native.read(descriptor, PIECE);
    });
    if (errno === 'EAGAIN') return;
    if (errno !== undefined) fail(errno);
    else if (bytes !== '') reports.received(bytes);
    else {
      end();
      reports.ended();
    }
  }

  /** Sends what goes without waiting. What the other side makes of it is seen by reading. */
  function sendOn(descriptor: number): void {
    const errno = attempt(() => {
      unsent = unsent.slice(native.send(descriptor, unsent));
    });
    if (errno !== undefined && errno !== 'EAGAIN') unsent = '';
    loop.on(descriptor, unsent === '' ? READABLE : READABLE | WRITABLE, () => {
      if (unsent !== '') sendOn(descriptor);
      receive(descriptor);
    });
  }

  try {
    const descriptor = begin();
    socket = descriptor;
    loop.on(descriptor, WRITABLE, () => {
      let user = 0;
      const errno = attempt(() => {
        native.connected(descriptor);
        user = userOf(descriptor);
      });
      if (errno !== undefined) {
        fail(errno);
        return;
      }
      loop.on(descriptor, READABLE, () => receive(descriptor));
      reports.connected(user);
    });
  } catch (error) {
    const errno = errnoOf(error);
    loop.soon(() => fail(errno));
  }
  return {
    send(bytes) {
      if (socket === undefined) return;
      unsent += bytes;
      sendOn(socket);
    },
    close: end,
  };
}
