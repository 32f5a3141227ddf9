/** What a server is asked, a text that is in the ConfigMap and in the answer, and one that takes its place in both. */
export type Asked = {
  readonly port: number;
  readonly path: string;
  readonly before: string;
  readonly after: string;
};

const GREETING: Asked = { port: 8080, path: '/', before: 'hello', after: 'good morning' };

const SCRAPING: Asked = {
  port: 9090,
  path: '/api/v1/status/config',
  before: 'scrape_interval: 1m',
  after: 'scrape_interval: 30s',
};

const ROUTING: Asked = {
  port: 9093,
  path: '/api/v2/status',
  before: 'group_wait: 30s',
  after: 'group_wait: 10s',
};

const ASKED: Readonly<Record<string, readonly [Asked, ...Asked[]]>> = {
  'prometheus-http': [SCRAPING],
  'sidecar-webhook': [SCRAPING, ROUTING],
};

/** By the name of an example: one for each ConfigMap. */
export function askedOf(name: string): readonly [Asked, ...Asked[]] {
  return ASKED[name] ?? [GREETING];
}
