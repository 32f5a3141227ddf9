import { readFileSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:https';
// Not by its index, which has all models of the API.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import { createLimiter } from './limiter.ts';

/**
 * Requests to the API server. The official client finds it and says who we are (kubeconfig, service account, plugins that
 * bring tokens); requests are plain ones of Node, because its models would keep every object whole.
 */
export type Client = {
  /** A request; its answer, parsed. One that is not 2xx is an {@link ApiError}. */
  call(method: string, path: string, options?: CallOptions): Promise<unknown>;
  /** A watch: each line as it comes. It ends when the server ends it; an end by `signal` is none to speak of. */
  watch(path: string, taken: (event: unknown) => void, signal: AbortSignal): Promise<void>;
  /** The namespace of the service account, or of the kubeconfig's context. */
  readonly namespace: string;
  readonly server: string;
  /** Requests by method and status, of which 0 is no answer. */
  readonly counts: ReadonlyMap<string, number>;
  waiting(): number;
};

export type CallOptions = {
  /** Made when its turn has come, where it is a function: many may wait. */
  readonly body?: object | (() => object);
  readonly type?: string;
  /** Told the size of the answer, bytes. */
  readonly measured?: (bytes: number) => void;
  /** What is told to people can wait. */
  readonly isUrgent?: boolean;
  /** Waits for no other request, neither its turn nor a connection: without it all others would be for nothing. */
  readonly isFirst?: boolean;
};

export class ApiError extends Error {
  /** 0 where there was no answer. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * How long an answer may take, ms: what is first has half of the time for which a Lease leads, so that it can be tried again,
 * and with another server of that address. And how long a watch may be silent: longer than the server lets it last. Where
 * nothing changes there are no bookmarks either (seen with 1.36), and that the other end is gone is told by TCP within 20 s.
 */
const PATIENCE = { answer: 30_000, first: 5000, watch: 660_000 } as const;

/** Far above what an object can have, and a page of them; bytes. */
const LARGEST = 64 * 1024 * 1024;

/** Tokens of service accounts change; they are read anew so often, and after a refusal. */
const FRESH = 60_000;

const NAMESPACE_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace';

/** Few, so that a burst of requests does not take the API server's connections. */
const SOCKETS = 8;

export function createClient(
  kubeconfig: string | undefined,
  qps: number,
  patience: Readonly<Record<keyof typeof PATIENCE, number>> = PATIENCE,
): Client {
  const config = new KubeConfig();
  if (kubeconfig === undefined) config.loadFromDefault();
  else config.loadFromFile(kubeconfig);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('no API server is known; use --kubeconfig FILE');
  const address = new URL(cluster.server);
  if (address.protocol !== 'https:') throw new Error(`${cluster.server}: not https`);
  const limiter = createLimiter(qps);
  const counts = new Map<string, number>();
  const kept = { keepAlive: true, keepAliveMsecs: 10_000 };
  const agent = new Agent({ ...kept, maxSockets: SOCKETS });
  const first = new Agent({ ...kept, maxSockets: 1 });
  let credentials: RequestOptions = {};
  let readAt = Number.NEGATIVE_INFINITY;

  async function identified(): Promise<RequestOptions> {
    if (performance.now() - readAt < FRESH) return credentials;
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const { headers, auth, ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options;
    const tls = { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername };
    const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
    credentials = { headers: { ...headers }, ...(auth == null ? {} : { auth }), ...given };
    readAt = performance.now();
    return credentials;
  }

  async function open(method: string, path: string, more: RequestOptions, sent?: string) {
    const { headers, ...tls } = await identified();
    const base = address.pathname.replace(/\/$/, '');
    return request({
      ...{
        host: address.hostname.replace(/^\[|\]$/g, ''),
        port: address.port || 443,
        path: base + path,
        method,
        agent,
        ...tls,
      },
      ...more,
      headers: {
        ...headers,
        accept: 'application/json',
        'user-agent': 'rehup-controller',
        ...(sent === undefined ? {} : { 'content-length': Buffer.byteLength(sent) }),
        ...more.headers,
      },
    });
  }

  function counted(method: string, status: number): void {
    const name = `${method} ${status}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    if (status === 401) readAt = Number.NEGATIVE_INFINITY;
  }

  return {
    server: cluster.server,
    namespace: ownNamespace() ?? config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
    counts,
    waiting: limiter.waiting,
    async call(method, path, options = {}) {
      const { body, type = 'application/json', isUrgent = true, isFirst = false, measured } = options;
      if (!isFirst) await limiter.turn(isUrgent);
      const sent =
        body === undefined ? undefined : JSON.stringify(typeof body === 'function' ? body() : body);
      const headers = sent === undefined ? {} : { 'content-type': type };
      const [by, timeout] = isFirst ? [first, patience.first] : [agent, patience.answer];
      const asked = await open(method, path, { agent: by, headers, timeout }, sent);
      return new Promise((resolve, reject) => {
        let isCounted = false;
        const fail = (error: Error) => {
          if (!isCounted) counted(method, 0);
          isCounted = true;
          reject(new ApiError(0, `${method} ${path}: ${error.message}`));
          asked.destroy();
        };
        asked.on('error', fail);
        asked.on('timeout', () => fail(new Error(`no answer within ${timeout / 1000} s`)));
        asked.on('response', (answer) => {
          const parts: Buffer[] = [];
          let size = 0;
          answer.on('data', (part: Buffer) => {
            parts.push(part);
            size += part.length;
            if (size > LARGEST) fail(TOO_LARGE);
          });
          answer.on('error', fail);
          answer.on('end', () => {
            const status = answer.statusCode ?? 0;
            counted(method, status);
            const text = Buffer.concat(parts).toString('utf8');
            measured?.(text.length);
            if (status < 200 || status > 299)
              return reject(new ApiError(status, refusal(method, path, status, text)));
            const value = text === '' ? undefined : parsed(text);
            if (value instanceof Error) reject(new ApiError(0, `${method} ${path}: ${value.message}`));
            else resolve(value);
          });
        });
        asked.end(sent);
      });
    },
    async watch(path, taken, signal) {
      // One of its own: it is held for minutes.
      const asked = await open('GET', path, { agent: false, timeout: patience.watch, signal });
      return new Promise((resolve, reject) => {
        const fail = (error: Error) => {
          reject(new ApiError(0, `watching ${path}: ${error.message}`));
          asked.destroy();
        };
        asked.on('error', fail);
        asked.on('timeout', () => fail(new Error(`silent for ${patience.watch / 1000} s`)));
        asked.on('socket', (socket) => socket.setKeepAlive(true, 10_000));
        asked.on('response', (answer) => {
          const status = answer.statusCode ?? 0;
          counted('WATCH', status);
          const parts: Buffer[] = [];
          let size = 0;
          answer.on('error', fail);
          answer.on('data', (part: Buffer) => {
            let rest = part;
            for (let end = rest.indexOf(10); end >= 0 && status === 200; end = rest.indexOf(10)) {
              parts.push(rest.subarray(0, end));
              rest = rest.subarray(end + 1);
              size = 0;
              const event = parsed(Buffer.concat(parts.splice(0)).toString('utf8'));
              if (event instanceof Error) return fail(event);
              taken(event);
            }
            if (rest.length > 0) parts.push(rest);
            size += rest.length;
            if (size > LARGEST) fail(TOO_LARGE);
          });
          answer.on('end', () => {
            const text = Buffer.concat(parts).toString('utf8');
            // Each event is a line; what is left is not one.
            if (status === 200) return text === '' ? resolve() : fail(NO_JSON);
            reject(new ApiError(status, refusal('WATCH', path, status, text)));
          });
        });
        asked.end();
      });
    },
  };
}

const TOO_LARGE = new Error(`an answer of more than ${LARGEST / 1024 / 1024} MiB`);

/** Whatever stands between may answer as well, and in other words. */
const NO_JSON = new Error('the answer is no JSON: is it the API server that answers?');

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return NO_JSON;
  }
}

function ownNamespace(): string | undefined {
  try {
    return readFileSync(NAMESPACE_FILE, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** The longest that an answer is quoted. */
const QUOTED = 300;

/** What a Status of the API server says; it may quote what was sent, which is never the content of an object. */
function refusal(method: string, path: string, status: number, text: string): string {
  let message = '';
  try {
    message = String((JSON.parse(text) as { readonly message?: unknown }).message ?? '');
  } catch {
    message = text;
  }
  return `${method} ${path.split('?', 1)[0]}: ${status} ${message.slice(0, QUOTED)}`;
}
