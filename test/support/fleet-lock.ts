import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { freePort } from './free-port.ts';

/**
 * A FleetLock server that answers to the letter as one of the three public ones does (shared/world.md has what their sources
 * say), with its differences.
 */
export type Kind = 'airlock' | 'poseidon' | 'heathcliff26';

export type Asked = {
  /** `lock` or `unlock`, and who. */
  readonly what: 'lock' | 'unlock';
  readonly id: string;
  readonly group: string;
  readonly status: number;
  readonly at: number;
};

export type FleetLock = {
  readonly url: string;
  readonly port: number;
  /** All requests so far that were well formed, in their order. */
  readonly asked: readonly Asked[];
  /** The requests as they came: line, fields and body. */
  readonly raw: readonly { readonly fields: IncomingMessage['headers']; readonly body: string }[];
  /** Who holds a slot of a group. */
  holders(group?: string): readonly string[];
  /** Takes a slot for somebody, or frees it, by hand. */
  lock(id: string, group?: string): void;
  unlock(id: string, group?: string): void;
  /** From now on: how long an answer takes, ms; undefined: there is none. */
  delay: number | undefined;
  /** heathcliff26's: a node is being drained. */
  draining: boolean;
  /** Resolves when this holds, looked at after each request. */
  until(holds: () => boolean): Promise<void>;
  /** Closes it, with all connections; what is held stays. */
  stop(): Promise<void>;
  /** Listens again on the same port. */
  start(): Promise<void>;
};

type Answer = { readonly status: number; readonly body: string; readonly type?: string };

export async function fleetLock(kind: Kind, slots = 1, host = '127.0.0.1'): Promise<FleetLock> {
  const groups = new Map<string, Set<string>>();
  const asked: Asked[] = [];
  const raw: { fields: IncomingMessage['headers']; body: string }[] = [];
  const waiting = new Set<() => void>();
  const most = kind === 'poseidon' ? 1 : slots;
  // Its own, also while it does not listen.
  const port = await freePort();
  let server: Server | undefined;
  const sockets = new Set<Socket>();

  const held = (group: string): Set<string> => {
    const known = groups.get(group) ?? new Set();
    groups.set(group, known);
    return known;
  };

  function lock(id: string, group: string): Answer {
    const holders = held(group);
    if (!holders.has(id) && holders.size >= most) return full(kind, [...holders].join());
    holders.add(id);
    switch (kind) {
      case 'airlock':
        return { status: 200, body: '' };
      case 'poseidon':
        return { status: 200, body: 'lock acquired', type: 'text/plain' };
      case 'heathcliff26':
        return self.draining
          ? json(202, 'waiting_for_node_drain', 'The Slot has been reserved but the node is not yet drained')
          : json(200, 'success', 'The operation was succesfull');
      default:
        return kind satisfies never;
    }
  }

  function unlock(id: string, group: string): Answer {
    const holders = held(group);
    switch (kind) {
      case 'airlock':
        holders.delete(id);
        return { status: 200, body: '' };
      case 'poseidon':
        if (holders.size > 0 && !holders.has(id))
          return json(423, 'lock_held', `lock held by ${[...holders].join()}`);
        // It uncordons the node that the id names, and a pod is none.
        if (holders.has(id)) return json(500, 'unlock_error', 'error uncordoning node');
        return { status: 200, body: 'lock released' };
      case 'heathcliff26':
        holders.delete(id);
        return json(200, 'success', 'The operation was succesfull');
      default:
        return kind satisfies never;
    }
  }

  function answer(request: IncomingMessage, body: string): Answer {
    const what = request.url?.endsWith('/v1/pre-reboot') === true ? 'lock' : 'unlock';
    if (kind !== 'airlock' && request.method !== 'POST') return { status: 405, body: 'Method Not Allowed' };
    if (request.headers['fleet-lock-protocol'] !== 'true')
      return json(400, kind === 'airlock' ? 'invalid_client_identity' : 'missing_header', 'no header');
    const { client_params: who } = JSON.parse(body) as { client_params: { id: string; group: string } };
    const result = what === 'lock' ? lock(who.id, who.group) : unlock(who.id, who.group);
    asked.push({ what, ...who, status: result.status, at: Date.now() });
    return result;
  }

  function take(request: IncomingMessage, response: ServerResponse): void {
    let body = '';
    request.setEncoding('latin1').on('data', (piece: string) => {
      body += piece;
    });
    request.on('end', () => {
      const { delay } = self;
      // Who gives up waiting may have been given a slot all the same.
      if (delay === undefined) return;
      raw.push({ fields: request.headers, body });
      const { status, body: text, type = 'application/json' } = answer(request, body);
      setTimeout(() => {
        response.writeHead(status, { 'Content-Type': type }).end(text);
        for (const look of [...waiting]) look();
      }, delay);
    });
  }

  const self: FleetLock = {
    get url() {
      return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
    },
    get port() {
      return port;
    },
    asked,
    raw,
    holders: (group = 'web') => [...held(group)],
    lock: (id, group = 'web') => void held(group).add(id),
    unlock: (id, group = 'web') => void held(group).delete(id),
    delay: 0,
    draining: false,
    until: (holds) =>
      new Promise((resolve) => {
        function look(): void {
          if (!holds()) return;
          waiting.delete(look);
          resolve();
        }
        waiting.add(look);
        look();
      }),
    stop: () =>
      new Promise((resolve) => {
        server?.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
    start: () =>
      new Promise((resolve, reject) => {
        const made = createServer(take).on('error', reject);
        server = made;
        made.on('connection', (socket) => {
          sockets.add(socket);
          socket.on('close', () => sockets.delete(socket));
        });
        made.listen(port, host, resolve);
      }),
  };
  await self.start();
  return self;
}

function json(status: number, kind: string, value: string): Answer {
  return { status, body: JSON.stringify({ kind, value }) };
}

function full(kind: Kind, holders: string): Answer {
  switch (kind) {
    case 'airlock':
      return {
        status: 500,
        body: JSON.stringify({ kind: 'failed_lock', value: 'semaphore currently full' }),
        type: 'text/plain',
      };
    case 'poseidon':
      return json(423, 'lock_held', `lock held by ${holders}`);
    case 'heathcliff26':
      return json(
        423,
        'all_slots_full',
        'Could not reserve a slot as all slots in the group are currently locked',
      );
    default:
      return kind satisfies never;
  }
}
