/** A child of `npm run bench:server`: does to a port what nobody should, until it is ended. Words: the port, and what. */
import { connect, type Socket } from 'node:net';

const [, , port = '', what = ''] = process.argv;
const CROWD = 1_000;
const STREAMS = 32;

/** One connection, made anew as soon as it is closed. */
function always(address: string, begin: (socket: Socket) => void): void {
  const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress: address });
  const timers: NodeJS.Timeout[] = [];
  socket
    .on('connect', () => begin(socket))
    .on('data', () => {})
    .on('error', () => {})
    .on('close', () => {
      for (const timer of timers) clearInterval(timer);
      setTimeout(always, 100, address, begin);
    });
}

function crowd(count: number, begin: (socket: Socket) => void): void {
  // From several addresses: those of a single one stand in each other's way alone.
  for (let index = 0; index < count; index++) always(`127.0.1.${1 + (index % 100)}`, begin);
}

function every(milliseconds: number, socket: Socket, act: () => void): void {
  const timer = setInterval(() => (socket.destroyed ? clearInterval(timer) : act()), milliseconds);
}

const noise = Buffer.from(Array.from({ length: 4_096 }, (_, index) => (index * 167 + 13) % 251));

const KINDS: Readonly<Record<string, () => void>> = {
  silent: () => crowd(CROWD, () => {}),
  slow: () => crowd(CROWD, (socket) => every(200, socket, () => socket.write('G'))),
  endless: () =>
    crowd(STREAMS, (socket) => {
      socket.write('GET / HTTP/1.1\r\nA: ');
      const pour = (): void => void (socket.destroyed || socket.write(noise.fill('x'), pour));
      pour();
    }),
  garbage: () => crowd(STREAMS, (socket) => void socket.write(noise)),
  'takes no answer': () =>
    crowd(CROWD, (socket) => {
      socket.pause();
      socket.write('GET /metrics HTTP/1.1\r\n\r\n');
    }),
};

KINDS[what]?.();
