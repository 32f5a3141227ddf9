import { createServer, type IncomingMessage } from 'node:http';
import { PAGE_FIELDS } from '../../core/report/page.ts';
import { isLoopback } from '../../core/text/address.ts';
import { controllerPage } from '../core/telling/page.ts';
import type { ControllerStatus } from '../core/telling/status.ts';
import { FLEET_REQUESTS, type FleetAnswer, type FleetRequest } from './fleet/serving.ts';

/** What is answered on the port. */
export type Answers = {
  readonly isReady: () => boolean;
  /** Undefined as long as nothing is known. */
  readonly status: () => ControllerStatus | undefined;
  /** Whether status and page are for whoever reaches the port. */
  readonly isOpen: boolean;
  readonly metrics: () => string;
  readonly fleet: (what: FleetRequest, from: FleetFrom) => FleetAnswer | Promise<FleetAnswer>;
};

/** Who asks for a slot: what was sent, and from where. */
export type FleetFrom = {
  readonly token: string | undefined;
  readonly address: string;
  /** The group and id that the client says, for the log. */
  readonly said: string;
};

const FLEET = '/fleet-lock/v1/';

/** More than a request for a slot takes, bytes. */
const MOST_BODY = 8192;

type Fields = Readonly<Record<string, string>>;

/** Names and digests are for those who may see them. */
const PRIVATE: readonly string[] = ['/', '/status'];

const PAGE: Fields = Object.fromEntries(
  PAGE_FIELDS.map((field) => {
    const at = field.indexOf(': ');
    return [field.slice(0, at), field.slice(at + 2)];
  }),
);

/** Listens; rejects if it can't. */
export function listen(
  { host, port }: { readonly host: string | undefined; readonly port: number },
  { isReady, status, isOpen, metrics, fleet }: Answers,
): Promise<void> {
  const server = createServer((asked, answer) => {
    const path = (asked.url ?? '').split('?', 1)[0] ?? '';
    const plain = (code: number, text: string, type = 'text/plain; charset=utf-8', more: Fields = {}) => {
      const fields = {
        'content-type': type,
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
      };
      answer.writeHead(code, { ...fields, ...more });
      answer.end(asked.method === 'HEAD' ? undefined : text);
    };
    const slot = FLEET_REQUESTS.find((one) => path === FLEET + one);
    if (slot !== undefined) {
      void fleetAnswer(asked, slot, fleet).then(({ status: code, kind, value }) =>
        plain(code, `${JSON.stringify({ kind, value })}\n`, 'application/json'),
      );
      return undefined;
    }
    if (asked.method !== 'GET' && asked.method !== 'HEAD') return plain(405, 'only GET and HEAD\n');
    if (PRIVATE.includes(path)) {
      const now = status();
      if (!isOpen && !isLoopback(asked.socket.remoteAddress ?? ''))
        return plain(403, 'only from the loopback address (kubectl port-forward), or with --listen-status\n');
      if (now === undefined) return plain(503, 'not yet: it has just begun\n');
      return path === '/status'
        ? plain(200, `${JSON.stringify(now)}\n`, 'application/json')
        : plain(200, controllerPage(now), 'text/html; charset=utf-8', PAGE);
    }
    switch (path) {
      case '/livez':
        return plain(200, 'ok\n');
      case '/readyz':
        return isReady() ? plain(200, 'ok\n') : plain(503, 'not yet: objects are being listed\n');
      case '/metrics':
        return plain(200, metrics(), 'text/plain; version=0.0.4; charset=utf-8');
      default:
        return plain(404, 'no such page; there are /, /status, /livez, /readyz and /metrics\n');
    }
  });
  server.headersTimeout = 5000;
  server.requestTimeout = 5000;
  server.maxConnections = 1000;
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen({ port, host: host ?? '::' }, resolve);
  });
}

async function fleetAnswer(
  asked: IncomingMessage,
  what: FleetRequest,
  fleet: Answers['fleet'],
): Promise<FleetAnswer> {
  const bad = (status: number, kind: string, value: string) => ({ status, kind, value });
  if (asked.method !== 'POST') return bad(405, 'bad_method', 'only POST');
  if (asked.headers['fleet-lock-protocol'] !== 'true')
    return bad(400, 'missing_header', 'the field fleet-lock-protocol: true is missing');
  const said = saidIn(await bodyOf(asked));
  if (said === undefined)
    return bad(400, 'bad_request', 'no JSON with client_params, and id and group in it');
  const [, token] = /^Bearer +([!-~]+)$/i.exec(asked.headers.authorization ?? '') ?? [];
  if (token === undefined && asked.headers.authorization !== undefined)
    return bad(400, 'bad_request', 'the field Authorization has no Bearer token');
  const address = (asked.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  return fleet(what, { token, address, said });
}

async function bodyOf(asked: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of asked) {
      size += part.length;
      if (size > MOST_BODY) return '';
      parts.push(part);
    }
  } catch {
    return '';
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Of each so many characters are told. */
const TOLD = 100;

/** What a client says of itself: it is only told. */
function saidIn(body: string): string | undefined {
  try {
    const { client_params: params } = JSON.parse(body) as {
      readonly client_params?: { readonly id?: unknown; readonly group?: unknown };
    };
    const { id, group } = params ?? {};
    if (typeof id !== 'string' || typeof group !== 'string') return undefined;
    return `${group.slice(0, TOLD)}/${id.slice(0, TOLD)}`;
  } catch {
    return undefined;
  }
}
