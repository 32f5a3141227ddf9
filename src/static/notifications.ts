import type { Message, Notifications } from '../core/state/ports.ts';
import { type Loop, ONCE, READABLE } from './loop.ts';
import { errnoOf } from './native.ts';
import { attempt } from './processes.ts';

/** The most that is taken of a pipe at once. */
const PIECE = 16 * 1024;

/** The Notifications port; `notified` is called when something can be taken, once until nothing is left. */
export function createNotifications(loop: Loop, notified: () => void): Notifications {
  let open: { readonly descriptor: number; readonly take: () => Message | undefined } | undefined;

  function close(): void {
    if (open !== undefined) loop.close(open.descriptor);
    open = undefined;
  }

  /** Has the next thing that can be read told. */
  function expect(descriptor: number): void {
    loop.on(descriptor, READABLE | ONCE, notified);
  }

  function begin(descriptor: number, take: () => Message | undefined): void {
    close();
    open = { descriptor, take };
    expect(descriptor);
  }

  return {
    openSocket() {
      const name = `rehup-${hex(native.random())}${hex(native.random())}`;
      try {
        const socket = native.openDatagrams(name);
        begin(socket, () => receive(socket));
        return { address: `@${name}` };
      } catch (error) {
        return { errno: errnoOf(error) };
      }
    },
    openPipe() {
      try {
        const [readEnd, writeEnd] = native.pipe();
        begin(readEnd, () => read(readEnd, close));
        return { descriptor: writeEnd };
      } catch (error) {
        return { errno: errnoOf(error) };
      }
    },
    take() {
      const message = open?.take();
      if (message === undefined && open !== undefined) expect(open.descriptor);
      return message;
    },
    close,
  };
}

function hex(bits: number): string {
  return bits.toString(16).padStart(8, '0');
}

function receive(socket: number): Message | undefined {
  let message: Message | undefined;
  attempt(() => {
    const [sender, whole, bytes] = native.receive(socket);
    message = { sender, whole: whole === 1, bytes };
  });
  return message;
}

/** Some bytes of a pipe; at its end it is closed. */
function read(pipe: number, close: () => void): Message | undefined {
  let bytes = '';
  const errno = attempt(() => {
    bytes = native.read(pipe, PIECE);
  });
  if (bytes !== '') return { sender: undefined, whole: true, bytes };
  if (errno !== 'EAGAIN') close();
  return undefined;
}
