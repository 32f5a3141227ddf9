import { createServer } from 'node:http';

/** What is answered on the port. */
export type Answers = {
  readonly isReady: () => boolean;
  readonly metrics: () => string;
};

/** Listens; rejects if it can't. */
export function listen(
  { host, port }: { readonly host: string | undefined; readonly port: number },
  { isReady, metrics }: Answers,
): Promise<void> {
  const server = createServer((asked, answer) => {
    const path = (asked.url ?? '').split('?', 1)[0];
    const plain = (status: number, text: string, type = 'text/plain; charset=utf-8') => {
      answer.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
      answer.end(asked.method === 'HEAD' ? undefined : text);
    };
    if (asked.method !== 'GET' && asked.method !== 'HEAD') return plain(405, 'only GET and HEAD\n');
    switch (path) {
      case '/livez':
        return plain(200, 'ok\n');
      case '/readyz':
        return isReady() ? plain(200, 'ok\n') : plain(503, 'not yet: objects are being listed\n');
      case '/metrics':
        return plain(200, metrics(), 'text/plain; version=0.0.4; charset=utf-8');
      default:
        return plain(404, 'no such page; there are /livez, /readyz and /metrics\n');
    }
  });
  server.headersTimeout = 5000;
  server.requestTimeout = 5000;
  server.maxConnections = 100;
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen({ port, host: host ?? '::' }, resolve);
  });
}
