/** What its server is asked, a text that is in the ConfigMap and in the answer, and one that takes its place in both. */
export type Asked = {
  readonly port: number;
  readonly path: string;
  readonly before: string;
  readonly after: string;
};

const GREETING: Asked = { port: 8080, path: '/', before: 'hello', after: 'good morning' };

const ASKED: Readonly<Record<string, Asked>> = {
  'prometheus-http': {
    port: 9090,
    path: '/api/v1/status/config',
    before: 'scrape_interval: 1m',
    after: 'scrape_interval: 30s',
  },
};

/** By the name of an example. */
export function askedOf(name: string): Asked {
  return ASKED[name] ?? GREETING;
}
