import { createServer, type Server, type Socket } from 'node:net';
import { afterEach } from 'vitest';

/** What the server does with a request: the status that it answers with, or nothing (`hang`), or an end without an answer. */
export type Answer = number | 'hang' | 'close';

export type HttpServer = {
  readonly port: number;
  /** The whole requests so far, as they came. */
  readonly requests: readonly string[];
  /** From now on. */
  answer: Answer;
};

const servers = new Set<{ readonly server: Server; readonly sockets: Set<Socket> }>();

afterEach(() => {
  for (const { server, sockets } of servers) {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
  servers.clear();
});

/** A server that keeps what it is asked, byte for byte, and answers as it is told; it ends with the test. */
export function httpServer(answer: Answer, host = '127.0.0.1', port = 0): Promise<HttpServer> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  const self = { port, requests, answer };
  const server = createServer((socket) => {
    sockets.add(socket);
    let request = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      request += text;
      if (!request.includes('\r\n\r\n')) return;
      requests.push(request);
      if (typeof self.answer === 'number') socket.end(`HTTP/1.1 ${self.answer} Whatever\r\n\r\n`);
      else if (self.answer === 'close') socket.destroy();
    });
    socket.on('error', () => {});
  });
  servers.add({ server, sockets });
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, host, () => {
      const address = server.address();
      if (address !== null && typeof address === 'object') self.port = address.port;
      resolve(self);
    });
  });
}
