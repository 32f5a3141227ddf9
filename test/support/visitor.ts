import type { supervisor } from './supervisor.ts';

/* Who asks the server of a core, over TCP or the control socket, in events. */

export type Run = ReturnType<typeof supervisor>;

export const HOST = { wall: 1_000_000, reaped: 3, dropped: 4 };
export const FAR = { kind: 'tcp', address: '10.0.0.9' } as const;
export const NEAR = { kind: 'tcp', address: '127.0.0.1' } as const;
export const USER = { kind: 'socket', uid: 1000 } as const;

export const comes = (
  run: Run,
  connection: number,
  peer: typeof FAR | typeof NEAR | typeof USER | { kind: 'socket'; uid: number } = FAR,
) => run.send({ type: 'accepted', connection, peer });
export const says = (run: Run, connection: number, bytes: string) =>
  run.send({ type: 'received', connection, bytes, host: HOST });
export const asks = (run: Run, connection: number, path: string, method = 'GET') =>
  says(run, connection, `${method} ${path} HTTP/1.1\r\n\r\n`);

/** The body of the last reply. */
export function body(run: Run): string {
  const reply = run.performed.findLast((effect) => effect.type === 'reply');
  return reply?.type === 'reply' ? (reply.bytes.split('\r\n\r\n')[1] ?? '') : '';
}

export function answered(run: Run, path: string, peer: typeof FAR | typeof NEAR | typeof USER = FAR): string {
  comes(run, 1, peer);
  const [line = ''] = asks(run, 1, path);
  run.send({ type: 'hung-up', connection: 1 });
  return line.replace('reply 1: HTTP/1.1 ', '');
}

export const OK = '200 OK';
export const UNAVAILABLE = '503 Service Unavailable';
export const READY = {
  ready: { kind: 'tcp', endpoint: { host: '127.0.0.1', port: 80, text: 'tcp://127.0.0.1:80' } },
} as const;
