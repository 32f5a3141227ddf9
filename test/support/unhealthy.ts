import type { Settings } from '../../src/core/state/settings.ts';
import { scenario } from './scenario.ts';
import { FAR, HOST } from './visitor.ts';

/* A sidecar whose action is `unhealthy`, and who asks it by HTTP, in events. */

export const MINUTE = 60_000;
export const POD = { state: undefined, growing: false, health: undefined, healthTimeout: 800 };
export const UNHEALTHY = { kind: 'unhealthy' } as const;
export const HEALTH = {
  kind: 'http',
  endpoint: { host: '127.0.0.1', port: 80, text: 'http://app/', authority: 'app', resource: '/' },
  lenient: true,
} as const;

export function sidecar(change: Partial<Settings> = {}) {
  const usual = {
    sidecar: true,
    command: [],
    onChange: UNHEALTHY,
    watches: [{ path: '/v', action: UNHEALTHY }],
    pod: POD,
  };
  return scenario({ verify: 0, minInterval: 0, settle: 0, ...usual, ...change });
}

export type Life = ReturnType<typeof sidecar>;

export const events = (life: Life) =>
  life.performed.flatMap((effect) => (effect.type === 'log' ? [effect.line.event] : []));
export const count = (life: Life, event: string) => events(life).filter((one) => one === event).length;

/** Asks by HTTP; the status of the answer, undefined if there is none yet. */
export function asks(life: Life, path: string, fields = ''): number | undefined {
  life.send({ type: 'accepted', connection: 1, peer: FAR });
  const words = life.send({
    type: 'received',
    connection: 1,
    bytes: `GET ${path} HTTP/1.1\r\n${fields}\r\n`,
    host: HOST,
  });
  const [status] = words.flatMap((word) => /^reply 1: HTTP\/1.1 (\d+)/.exec(word)?.[1] ?? []);
  if (status !== undefined) life.send({ type: 'hung-up', connection: 1 });
  return status === undefined ? undefined : Number(status);
}

/** A life whose application has started, and whose first minute is over. */
export function settledLife(change: Partial<Settings> = {}): Life {
  const life = sidecar(change);
  life.begin();
  asks(life, '/started');
  life.passes(2 * MINUTE);
  return life;
}
